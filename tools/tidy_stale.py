#!/usr/bin/env python3
"""tools/tidy_stale.py BUILD: the files that clang-tidy is to look at.

Prints "FILE KEY" for each file of src and sim whose stamp in BUILD/tidy does
not hold KEY. The key is a hash of all that a verdict depends on: the file, the
project's headers that it includes directly or not, its compile command, the
rules and clang-tidy itself. So a header's change costs a run on the files that
include it, and a change of time stamps alone (a checkout, a rebase) costs none.
The headers of Debian packages are taken as unchanging.

Generated sources are not ours and are left out. So are tests: half the time
would go to the macros of GoogleTest.
"""
import functools
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*["<]([^">]+)[">]', re.M)


@functools.cache
def content(path):
    return pathlib.Path(path).read_bytes()


@functools.cache
def includes(path, folders):
    """The project's files that one file names. Conditions are not looked at:
    one file too many does no harm."""
    found = []
    for name in INCLUDE.findall(content(path)):
        for folder in (os.path.dirname(path), *folders):
            candidate = os.path.normpath(os.path.join(folder, name.decode()))
            if os.path.isfile(candidate):
                found.append(candidate)
                break
    return tuple(found)


def project_folders(words, directory):
    """The include folders of a compile command that lie in the project."""
    folders = []
    for at, word in enumerate(words):
        for option in ("-isystem", "-iquote", "-I"):
            if word.startswith(option):
                folder = word[len(option):] or words[at + 1]
                folders.append(os.path.normpath(os.path.join(directory,
                                                             folder)))
                break
    return tuple(each for each in folders
                 if pathlib.Path(each).is_relative_to(ROOT))


def key_of(entry, rules):
    command = entry.get("command") or shlex.join(entry["arguments"])
    folders = project_folders(shlex.split(command), entry["directory"])
    reached, ahead = set(), [os.path.normpath(entry["file"])]
    while ahead:
        path = ahead.pop()
        if path not in reached:
            reached.add(path)
            ahead += includes(path, folders)
    total = hashlib.sha256(rules + command.encode())
    for path in sorted(reached):
        total.update(path.encode() + b"\0")
        total.update(hashlib.sha256(content(path)).digest())
    return total.hexdigest()


def main(build):
    rules = subprocess.run(["clang-tidy-19", "--version"], check=True,
                           stdout=subprocess.PIPE).stdout
    for path in [ROOT / "tools/tidy_one", *sorted(
            each for top in (".", "src", "sim")
            for each in (ROOT / top).glob("**/.clang-tidy" if top != "."
                                          else ".clang-tidy"))]:
        rules += str(path).encode() + path.read_bytes()
    for entry in json.loads((build / "compile_commands.json").read_text()):
        name = os.path.relpath(entry["file"], ROOT)
        if name.endswith(("_test.cpp", "_for_tests.cpp")) or \
                name.split("/")[0] not in ("src", "sim"):
            continue
        key = key_of(entry, rules)
        stamp = build / "tidy" / name.replace("/", "_")
        if not stamp.exists() or stamp.read_text().strip() != key:
            print(name, key)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
