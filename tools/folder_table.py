#!/usr/bin/env python3
"""The table of folders in docs/design.md, made from the CMakeLists.txt files.

usage: folder_table.py --write   puts it into docs/design.md
       folder_table.py --check   exit 1 where docs/design.md has another one
"""
import pathlib
import sys

from layers import read_folders

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "design.md"
BEGIN = "<!-- folders: generated from CMake by ./dev docs -->\n"
END = "<!-- end of folders -->\n"


def table(folders):
    rows = ["| folder of `src/` | what it holds | may include |",
            "| --- | --- | --- |"]
    for folder in folders.values():
        links = ", ".join(f"`{each}`" for each in sorted(folder.links))
        rows.append(f"| `{folder.name}` | {folder.about} | {links or '-'} |")
    return "\n".join(rows) + "\n"


def main(arguments):
    if arguments not in (["--write"], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 64
    text = PAGE.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        print(f"docs/design.md lacks the lines {BEGIN!r} and {END!r}")
        return 1
    fresh = before + BEGIN + table(read_folders(ROOT / "src")) + END + after
    if arguments == ["--write"]:
        PAGE.write_text(fresh)
        return 0
    if fresh != text:
        print("docs/design.md: the table of folders is out of date: run ./dev docs")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
