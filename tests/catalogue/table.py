#!/usr/bin/env python3
"""Prints a table of the catalogue's faults, and fails where it is not all right.

  positive     examples that give the fault
  negative     examples that give nothing of it
  look-alikes  examples that name another fault as the first finding
  right, wrong examples that give what they say, and that do not
  false alarms how often this fault was found, as fault or warning, where
               nobody expects it: in an example of any fault that does not name
               it, and in the logs of healthy machines (tests/logs/healthy)

Every fault needs two positive and two negative examples and a look-alike.
"""
import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEALTHY = ROOT / "tests" / "logs" / "healthy"
NEEDED = {"positive": 2, "negative": 2, "look_alikes": 1}
COLUMNS = ("positive", "negative", "look_alikes", "right", "wrong",
           "false_alarms")
SECONDS = 120


def ask(program, *arguments):
    """The program's JSON. Nothing of this machine's settings takes part."""
    done = subprocess.run(
        [str(program), *arguments, "--json"], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, timeout=SECONDS, check=False,
        env={**os.environ, "GPUWARD_CONFIG_DIR": "/nonexistent"})
    return json.loads(done.stdout)


def alarms_in_healthy_logs(program):
    """fault -> the healthy logs in which it was found."""
    found = collections.defaultdict(list)
    logs = sorted(HEALTHY.iterdir())
    for log in logs:
        report = ask(program, "doctor", "--log", str(log))
        for finding in report["findings"]:
            if finding["severity"] != "info":
                found[finding["id"]].append(log.name)
    return found, len(logs)


def print_table(rows, examples, logs):
    print("table of the catalogue")
    head = ("fault", *(each.replace("_", " ") for each in COLUMNS))
    width = max(len(row["id"]) for row in rows)
    print(f"{head[0]:{width}}", *(f"{each:>12}" for each in head[1:]))
    for row in rows:
        print(f"{row['id']:{width}}", *(f"{row[each]:12}" for each in COLUMNS))
    totals = {each: sum(row[each] for row in rows) for each in COLUMNS}
    print(f"{'all':{width}}", *(f"{totals[each]:12}" for each in COLUMNS))
    well = totals["wrong"] + totals["false_alarms"] == 0
    print(f"{len(rows)} faults, {examples} examples, {logs} healthy logs: "
          f"{totals['right']} right, {totals['wrong']} wrong, "
          f"{totals['false_alarms']} false alarms"
          f"{'; all right' if well else ''}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default="build/bin", type=pathlib.Path)
    program = parser.parse_args().bin / "gpuward"
    told = ask(program, "catalogue", "check")
    rows = told["table"]
    healthy, logs = alarms_in_healthy_logs(program)
    problems = list(told["wrong"]) + list(told["mistakes"])
    if not rows or logs == 0:
        problems.append("nothing was tried")
    for row in rows:
        row["false_alarms"] += len(healthy[row["id"]])
        problems += [f"{row['id']} is found in the healthy {log}"
                     for log in healthy[row["id"]]]
        problems += [f"{row['id']} has {row[what]} {what.replace('_', '-')} "
                     f"examples, and needs {least}"
                     for what, least in NEEDED.items() if row[what] < least]
    for problem in problems:
        print(f"failed   {problem}")
    print_table(rows, sum(row["right"] + row["wrong"] for row in rows), logs)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
