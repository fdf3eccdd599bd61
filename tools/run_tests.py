#!/usr/bin/env python3
"""Builds and tests presets in turn: tools/run_tests.py PRESET...

What ctest counts as one entry is here counted by what runs inside it: the
tests of a GoogleTest executable, the cases of tests/runs. What failed is named
again at the end, what was skipped or passed only at its second run with the
reason. The last line is "N passed, N failed, N skipped".
"""
import collections
import pathlib
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
DIRECTORIES = {"default": "build", "asan": "build-asan", "fuzz": "build-fuzz"}


def clean(text):
    """Terminal colours have no place in a summary."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def shaky_lines(entry):
    """What failed, or passed at its second run only, of one ctest entry."""
    output = clean(entry.findtext("system-out") or "")
    name = entry.get("name")
    found = [f"failed   {name}: {case}" for case in dict.fromkeys(
        re.findall(r"^\[  FAILED  \] (\S+\.\S+)", output, re.M))]
    found += [f"{verdict:8} {name}: {case}" for verdict, case in re.findall(
        r"^(failed|unsteady) +(.+)$", output, re.M)]
    if entry.get("status") == "fail" and not any(
            each.startswith("failed") for each in found):
        found.append(f"failed   {name}: it crashed, or ran out of time")
    return found


def entry_counts(entry):
    """(passed, failed, [skip reasons]) of one ctest entry."""
    output = clean(entry.findtext("system-out") or "")
    status = entry.get("status")
    runs = re.findall(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", output,
                      re.M)
    if runs:
        passed, failed = int(runs[-1][0]), int(runs[-1][1])
        reasons = re.findall(r"^skipped +(.+)$", output, re.M)
    else:
        passed = len(re.findall(r"^\[       OK \] ", output, re.M))
        failed = len(set(re.findall(r"^\[  FAILED  \] (\S+\.\S+)", output,
                                    re.M)))
        # GTEST_SKIP() << "why": "file:line: Skipped", the reason, the name.
        reasons = [f"{name}: {why.strip()}" for why, name in re.findall(
            r": Skipped\n(.*?)\n(?:.*\n)*?\[  SKIPPED \] (\S+)", output)]
    if status == "notrun" or entry.find("skipped") is not None:
        return 0, 0, [f"{entry.get('name')}: not run"]
    if status == "fail" and failed == 0:
        failed = 1  # it crashed, or ran out of time
    if status == "run" and passed + failed + len(reasons) == 0:
        passed = 1  # a program of its own, that says nothing countable
    return passed, failed, reasons


def run_preset(preset):
    directory = ROOT / DIRECTORIES[preset]
    junit = directory / "ctest.xml"
    junit.unlink(missing_ok=True)
    steps = [
        ["cmake", "--preset", preset, "-DGPUWARD_TESTS=ON"],
        ["cmake", "--build", "--preset", preset, "--", "--quiet"],
        ["ctest", "--preset", preset, "--output-junit", str(junit),
         "--test-output-size-passed", "10000000",
         "--test-output-size-failed", "10000000"],
    ]
    for step in steps:
        done = subprocess.run(step, cwd=ROOT, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL
                              if "-DGPUWARD_TESTS=ON" in step else None)
        if done.returncode != 0 and step[0] == "cmake":
            print(f"{preset}: {' '.join(step)} failed")
            return 0, 1, [], [f"failed   {' '.join(step)}"]
    if not junit.exists():
        print(f"{preset}: ctest left no results")
        return 0, 1, [], ["failed   ctest left no results"]
    passed, failed, reasons, shaky = 0, 0, [], []
    for entry in ElementTree.parse(junit).getroot().iter("testcase"):
        counts = entry_counts(entry)
        passed += counts[0]
        failed += counts[1]
        reasons += counts[2]
        shaky += shaky_lines(entry)
    return passed, failed, reasons, shaky


def catalogue_table(preset):
    """What the test catalogue-table printed: its table, and nothing else."""
    junit = ROOT / DIRECTORIES[preset] / "ctest.xml"
    if not junit.exists():
        return ""
    for entry in ElementTree.parse(junit).getroot().iter("testcase"):
        if entry.get("name") == "catalogue-table":
            output = clean(entry.findtext("system-out") or "")
            return output[output.find("table of the catalogue"):].rstrip()
    return ""


def main(presets):
    totals = [0, 0]
    skipped = collections.Counter()
    lines, shaky = [], []
    for preset in presets:
        print(f"== {preset}", flush=True)
        began = time.monotonic()
        passed, failed, reasons, uncertain = run_preset(preset)
        totals[0] += passed
        totals[1] += failed
        skipped.update(reasons)
        shaky += [f"{each} ({preset})" for each in uncertain]
        lines.append(f"{preset}: {passed} passed, {failed} failed, "
                     f"{len(reasons)} skipped in "
                     f"{time.monotonic() - began:.0f} s")
    print("\n" + catalogue_table(presets[0]))
    print("\n== summary")
    for reason in skipped:
        print(f"skipped  {reason}")
    for line in shaky:
        print(line)
    print("\n".join(lines))
    print(f"{totals[0]} passed, {totals[1]} failed, "
          f"{sum(skipped.values())} skipped")
    return 1 if totals[1] or not totals[0] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["default"]))
