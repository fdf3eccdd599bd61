#!/usr/bin/env python3
"""The table of facts in docs/catalogue.md, made from src/model/facts.def.

usage: fact_table.py --write | --check
"""
import re
import sys

from generated import ROOT, keep

STRING = r'"((?:[^"\\]|\\.)*)"'
ROW = re.compile(rf"X\(\w+,\s*{STRING},\s*(\w+),\s*{STRING},\s*(\w+),\s*"
                 rf"{STRING},\s*((?:{STRING}\s*)+)\)")


def takes(kind, values):
    if kind == "words":
        return ", ".join(f"`{each.strip()}`" for each in values.split(","))
    words = {"yes_no": "`true`, `false`", "nvml_return": "a return of NVML",
             "version": "a version", "number": "a number", "text": "text"}[kind]
    if kind == "number" and values:
        return f"{words} ({values})"
    return words + (f", or `{values}`" if values else "")


def table(text):
    rows = ["| fact | about | value | what it says |", "| --- | --- | --- | --- |"]
    found = ROW.findall(re.sub(r"^\s*//.*$", "", text, flags=re.M))
    for key, kind, values, subject, _, about, _ in found:
        about = "".join(re.findall(STRING, about)).replace('\\"', '"')
        rows.append(f"| `{key}` | {subject} | {takes(kind, values)} | "
                    f"{about.replace('|', '')} |")
    if len(found) != len(re.findall(r"^X\(", text, re.M)):
        raise SystemExit("facts.def: a row that this script does not read")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    source = (ROOT / "src/model/facts.def").read_text()
    sys.exit(keep("catalogue.md", "facts", table(source), sys.argv[1:]))
