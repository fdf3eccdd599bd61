#!/usr/bin/env python3
"""Fails where docs/faults.md is not what the catalogue makes of it."""
import argparse
import difflib
import os
import pathlib
import subprocess
import sys

PAGE = (pathlib.Path(__file__).resolve().parent.parent.parent / "docs" /
        "faults.md")
SHOWN = 20
SECONDS = 60


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin", type=pathlib.Path)
    parser.add_argument("--write", action="store_true",
                        help="write the page instead")
    told = parser.parse_args()
    made = subprocess.run(
        [str(told.bin / "gpuward"), "catalogue", "list", "--markdown"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=SECONDS,
        env={**os.environ, "GPUWARD_CONFIG_DIR": "/nonexistent"},
        check=True).stdout.decode()
    if told.write:
        PAGE.write_text(made)
        return 0
    there = PAGE.read_text() if PAGE.exists() else ""
    if there == made:
        print("docs/faults.md is what the catalogue makes of it")
        return 0
    print("docs/faults.md is not what the catalogue makes of it: run ./dev docs")
    changes = difflib.unified_diff(there.splitlines(), made.splitlines(),
                                   "docs/faults.md", "made", lineterm="", n=0)
    for line in list(changes)[:SHOWN]:
        print(line)
    return 1


if __name__ == "__main__":
    sys.exit(main())
