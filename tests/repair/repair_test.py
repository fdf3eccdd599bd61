#!/usr/bin/env python3
"""On every simulated node `gpuward repair` plans what `gpuward doctor` says that
repair can do, and leaves the rest to people with the remedies that doctor named.

usage: repair_test.py --bin DIR
"""
import argparse
import json
import pathlib
import subprocess
import sys

PATIENCE = "3"


def on_node(bin_dir, scenario, verb):
    done = subprocess.run(
        [bin_dir / "gpuward", "sim", "run", scenario, "--",
         bin_dir / "gpuward", verb, "--json", "--patience", PATIENCE],
        capture_output=True, text=True, timeout=60, check=False)
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise SystemExit(f"{scenario}: {verb}: no JSON: {done.stdout[-500:]}"
                         f"{done.stderr[-500:]}") from None


def repairable(catalogue):
    """Ids of faults that have a remedy which repair applies."""
    return {fault["id"] for fault in catalogue["faults"]
            if any(remedy.get("applies_by") == "repair"
                   for remedy in fault.get("remedies", []))}


def promised(doctor, can_repair):
    """(ids that repair must plan for, ids that are a person's)."""
    mine, theirs = set(), set()
    for finding in doctor["findings"]:
        by_repair = any(remedy.get("applies_by") == "repair"
                        for remedy in finding.get("remedies", []))
        (mine if by_repair else theirs).add(finding["id"])
        # A suspicion restarts no kubelet.
        if finding["confidence"] == "possible":
            continue
        mine |= {each["id"] for each in finding.get("consequences", [])
                 if each["id"] in can_repair}
    return mine, theirs - mine


def check(bin_dir, scenario, can_repair):
    doctor = on_node(bin_dir, scenario, "doctor")
    repair = on_node(bin_dir, scenario, "repair")
    mine, theirs = promised(doctor, can_repair)
    problems = []
    planned = {finding["id"] for finding in repair["findings"]}
    plan = repair["plan"]
    if mine - planned:
        problems.append(f"doctor promises a repair of {sorted(mine - planned)}")
    if mine and not plan.get("steps") and not plan.get("refusals"):
        problems.append(f"neither a step nor a refusal for {sorted(mine)}")
    if theirs != set(repair["left"]):
        problems.append(f"left to people {sorted(repair['left'])}, "
                        f"doctor says {sorted(theirs)}")
    told = {finding["id"]: finding["remedies"]
            for finding in repair["left_findings"]}
    for finding in doctor["findings"]:
        if finding["id"] in theirs and told.get(
                finding["id"]) != finding["remedies"]:
            problems.append(f"{finding['id']}: other remedies than doctor's")
    return problems, mine


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    bin_dir = parser.parse_args().bin
    scenarios = json.loads(subprocess.run(
        [bin_dir / "gpuward", "sim", "list", "--json"], capture_output=True,
        check=True).stdout)
    catalogue = json.loads(subprocess.run(
        [bin_dir / "gpuward", "catalogue", "list", "--json"],
        capture_output=True, check=True).stdout)
    can_repair = repairable(catalogue)
    names = [each["name"] for each in scenarios["scenarios"]]
    failed, planned = 0, 0
    for name in names:
        problems, mine = check(bin_dir, name, can_repair)
        planned += bool(mine)
        failed += bool(problems)
        print(f"{'failed' if problems else 'passed':8} {name}"
              f"{': ' if mine else ''}{', '.join(sorted(mine))}")
        for problem in problems:
            print(f"         {problem}")
    if not planned:
        print("failed   no scenario has anything that repair can do")
        failed += 1
    print(f"{len(names) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
