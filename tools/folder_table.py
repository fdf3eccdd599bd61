#!/usr/bin/env python3
"""The table of folders in docs/design.md, made from the CMakeLists.txt files.

usage: folder_table.py --write | --check
"""
import sys

from generated import ROOT, keep
from layers import read_folders


def table(folders):
    rows = ["| folder of `src/` | what it holds | may include |",
            "| --- | --- | --- |"]
    for folder in folders.values():
        links = ", ".join(f"`{each}`" for each in sorted(folder.links))
        rows.append(f"| `{folder.name}` | {folder.about} | {links or '-'} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(keep("design.md", "folders", table(read_folders(ROOT / "src")),
                  sys.argv[1:]))
