#!/usr/bin/env python3
"""Reports on every simulated node, at 40, 80 and 200 columns, in UTF-8 and in
ASCII: no line is longer than the terminal, and none of it is lost.

usage: width_test.py --bin DIR
"""
import argparse
import json
import pathlib
import subprocess
import sys

VERBS = ("doctor --patience 1", "repair --patience 1", "containers")
WORDS = ("nvml-init-hang-r570", "gpu-fallen-off-bus",
         "container-gpu-access-revoked", "Xid 79", "GPU_IS_LOST")
LAYOUTS = ((40, "C.UTF-8"), (40, "C"), (80, "C.UTF-8"), (80, "C"),
           (200, "C.UTF-8"))
# Between two outputs of one run.
MARK = "\x1e"


def all_layouts(command):
    """A shell's line that runs `command` in each layout."""
    return "; ".join(
        f"COLUMNS={width} LC_ALL={locale} {command}; printf '{MARK}'"
        for width, locale in LAYOUTS)


def printed(command):
    """What it prints in each layout."""
    done = subprocess.run(command, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=120, check=False)
    texts = done.stdout.decode("utf-8").split(MARK)[:-1]
    return dict(zip(LAYOUTS, texts, strict=True))


def problems_of(text, width, locale):
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > width:
            yield f"line {number} has {len(line)} columns: {line}"
        if locale == "C" and not line.isascii():
            yield f"line {number} is not ASCII: {line}"
        if line != line.rstrip():
            yield f"line {number} ends in blanks: {line!r}"


def shape_of(text):
    """All that is told, without its layout: what a narrow terminal must not
    lose. Words that are broken are joined again."""
    return "".join(text.split())


def cases(bin_dir):
    gpuward = str(bin_dir / "gpuward")
    listed = json.loads(subprocess.run(
        [gpuward, "sim", "list", "--json"], capture_output=True,
        check=True).stdout)
    for scenario in listed["scenarios"]:
        name = scenario["name"]
        for verb in VERBS:
            yield f"{verb} on {name}", [
                gpuward, "sim", "run", name, "--", "sh", "-c",
                all_layouts(f"{gpuward} {verb}")]
    for words in WORDS:
        yield f"explain {words}", ["sh", "-c",
                                   all_layouts(f"{gpuward} explain {words}")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    bin_dir = parser.parse_args().bin.resolve()
    passed = failed = 0
    for title, command in cases(bin_dir):
        texts = printed(command)
        problems = [f"{width} columns, {locale}: {each}"
                    for (width, locale), text in texts.items()
                    for each in problems_of(text, width, locale)]
        if not all(texts.values()):
            problems.append("prints nothing")
        shapes = {layout: shape_of(text) for layout, text in texts.items()}
        if title.startswith("explain") and (
                shapes[40, "C.UTF-8"] != shapes[200, "C.UTF-8"]):
            problems.append("40 columns tell other things than 200")
        passed += not problems
        failed += bool(problems)
        if problems:
            print(f"failed   {title}")
            for problem in problems[:5]:
                print(f"         {problem}")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
