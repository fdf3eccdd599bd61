#!/usr/bin/env python3
"""tools/test_changed.py [COMMIT]: builds and tests what a small change concerns.

The changed files are those that differ from COMMIT (HEAD by default), with
those that git does not know yet. The tests are those that the changed files'
own folders define and, where src or sim changed, the cases of tests/runs for
that folder and for the command line. It is the quick look while one works:
tests of other folders that use the changed one are left to the whole run.
"""
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"


def output(*command):
    return subprocess.run(command, cwd=ROOT, check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def changed_files(commit):
    return sorted(set(
        output("git", "diff", "--name-only", commit, "--").splitlines()
        + output("git", "ls-files", "--others",
                 "--exclude-standard").splitlines()))


def tests_by_folder():
    """{folder: {test: its executable, relative to the build folder, or None}}"""
    found = {}
    listing = json.loads(output("ctest", "--test-dir", str(BUILD),
                                "--show-only=json-v1"))
    for test in listing["tests"]:
        properties = {each["name"]: each["value"]
                      for each in test.get("properties", [])}
        folder = os.path.relpath(properties["WORKING_DIRECTORY"], BUILD)
        program = os.path.relpath(test.get("command", [""])[0] or "/", BUILD)
        own = program.startswith("tests" + os.sep)
        found.setdefault(folder, {})[test["name"]] = program if own else None
    return found


def choose(files, tests):
    """(tests to run, their executables, whether all tests' parts are needed)"""
    names, programs, whole = set(), set(), False
    for file in files:
        folder = os.path.dirname(file)
        while folder and folder not in tests:
            folder = os.path.dirname(folder)
        for name, program in tests.get(folder, {}).items():
            names.add(name)
            programs |= {program} if program else set()
            whole |= program is None
        if file.split("/")[0] in ("src", "sim"):
            wanted = {"runs-cli", "runs-doctor",
                      "runs-" + file.split("/")[1]}
            names |= wanted & set(tests.get("tests/runs", {}))
    return names, programs, whole


def main(commit):
    files = changed_files(commit)
    names, programs, whole = choose(files, tests_by_folder())
    if not names:
        print(f"no test is nearest to what changed since {commit}; "
              "./dev test runs all")
        return 0
    targets = ["all"] if whole else ["product", *sorted(programs)]
    built = subprocess.run(["ninja", "-C", str(BUILD), "--quiet", *targets])
    if built.returncode:
        return built.returncode
    exactly = "^(" + "|".join(re.escape(each) for each in sorted(names)) + ")$"
    return subprocess.run(["ctest", "--preset", "default", "-R", exactly],
                          cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "HEAD"))
