#!/usr/bin/env python3
"""Runs whole-program cases: run.py [--bin DIR] [--only WORD] FILE...

A case is a block of lines "KEY value"; blocks are divided by empty lines, "#"
begins a comment, an indented line continues the one above it (after a space).

  NAME          what is shown
  RUN           a command for sh, in an empty folder; $LOGS is tests/runs/logs
  SIM           a scenario: RUN happens inside `gpuward sim run SCENARIO --`
  EXPECT        is part of the output (standard output, then standard error)
  EXPECT_NONE   is not part of it
  EXPECT_REGEX  is found in it
  EXPECT_JSON   PATH = VALUE: standard output is JSON and holds it there. Also
                != <= >= (numbers), has, lacks (lists, texts). PATH: a.b[0].c;
                [*] makes a list of what lies behind each element
  EXIT          the exit code, 0 unless told
  MAX_SECONDS   the case must end by then; obligatory
  REQUIRES      root, freeze (may freeze file systems), gpu, a program's name

A case that does not end is killed, process group by process group, and failed.
So is one whose output is still held open by something it left behind.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ONCE = {"NAME", "RUN", "SIM", "EXIT", "MAX_SECONDS", "REQUIRES"}
MANY = {"EXPECT", "EXPECT_NONE", "EXPECT_REGEX", "EXPECT_JSON"}


def parse(path):
    """The cases of a file; exits with file and line on what makes no sense."""
    cases, case, last = [], None, None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        def refuse(why):
            sys.exit(f"{path.name}:{number}: {why}")
        if not line.strip():
            case = None
            continue
        if line.startswith("#"):
            continue
        if line[0].isspace():
            if case is None or last is None:
                refuse("continues nothing")
            case[last][-1] += " " + line.strip()
            continue
        last, _, value = line.partition(" ")
        if last not in ONCE | MANY:
            refuse(f"unknown key {last}; known: {' '.join(sorted(ONCE | MANY))}")
        if case is None:
            case = {"at": f"{path.name}:{number}"}
            cases.append(case)
        if last in ONCE and last in case:
            refuse(f"{last} stands twice")
        case.setdefault(last, []).append(value.strip())
    for case in cases:
        for key in ("NAME", "RUN", "MAX_SECONDS"):
            if key not in case:
                sys.exit(f"{case['at']}: the case has no {key}")
        for key in ONCE & case.keys():
            case[key] = case[key][0]
    return cases


def lookup(value, path):
    steps = re.findall(r"[^.\[\]]+|\[[^\]]*\]", path)
    for at, step in enumerate(steps):
        if step == "[*]":
            rest = "".join(s if s[0] == "[" else "." + s
                           for s in steps[at + 1:]).lstrip(".")
            return [lookup(each, rest) for each in value]
        value = value[int(step[1:-1]) if step[0] == "[" else step]
    return value


def json_problem(document, expectation):
    match = re.fullmatch(r"(\S+)\s+(=|!=|<=|>=|has|lacks)\s+(.+)", expectation)
    if not match:
        return f"cannot read EXPECT_JSON {expectation}"
    path, operator, text = match.groups()
    try:
        wanted = json.loads(text)
    except ValueError:
        return f"not a JSON value: {text}"
    try:
        found = lookup(document, path)
        holds = {"=": lambda: found == wanted, "!=": lambda: found != wanted,
                 "<=": lambda: found <= wanted, ">=": lambda: found >= wanted,
                 "has": lambda: wanted in found,
                 "lacks": lambda: wanted not in found}[operator]()
    except (KeyError, IndexError, TypeError) as error:
        return f"{expectation}: no such place ({type(error).__name__} {error})"
    return None if holds else f"{expectation}: found {json.dumps(found)[:300]}"


def problems_of(case, code, out, err):
    output = out + err
    wanted = int(case.get("EXIT", 0))
    if code != wanted:
        yield f"exit code {code}, expected {wanted}"
    for text in case.get("EXPECT", []):
        if text not in output:
            yield f"not in the output: {text}"
    for text in case.get("EXPECT_NONE", []):
        if text in output:
            yield f"in the output: {text}"
    for text in case.get("EXPECT_REGEX", []):
        if not re.search(text, output, re.M):
            yield f"not found in the output: {text}"
    if "EXPECT_JSON" in case:
        try:
            document = json.loads(out)
        except ValueError as error:
            yield f"standard output is not JSON: {error}"
            return
        for expectation in case["EXPECT_JSON"]:
            problem = json_problem(document, expectation)
            if problem:
                yield problem


def missing(case):
    """Why the case cannot run here, or None."""
    for need in case.get("REQUIRES", "").split():
        if need == "root":
            if os.geteuid() != 0:
                return "needs root"
        elif need == "freeze":
            if os.geteuid() != 0 or not may_freeze():
                return "needs root that may mount and freeze a file system"
        elif need == "gpu":
            if not pathlib.Path("/proc/driver/nvidia").exists():
                return "needs an NVIDIA GPU"
        elif shutil.which(need) is None:
            return f"needs the program {need}"
    return None


def may_freeze():
    status = pathlib.Path("/proc/self/status").read_text()
    effective = int(re.search(r"CapEff:\s+(\w+)", status).group(1), 16)
    return bool(effective >> 21 & 1) and any(
        pathlib.Path(p).exists() for p in ("/dev/loop-control", "/dev/loop0"))


def run_case(case, bin_dir, factor):
    why = missing(case)
    if why:
        return "skipped", 0.0, [why]
    command = ["sh", "-c", case["RUN"]]
    if "SIM" in case:
        command = [str(bin_dir / "gpuward"), "sim", "run",
                   *shlex.split(case["SIM"]), "--", *command]
    environment = {**os.environ, "PATH": f"{bin_dir}:{os.environ['PATH']}",
                   "LOGS": str(HERE / "logs"), "LC_ALL": "C.UTF-8",
                   "NO_COLOR": "1", "BIN": str(bin_dir),
                   "GPUWARD_CONFIG_DIR": "/nonexistent"}
    limit = float(case["MAX_SECONDS"]) * factor
    with tempfile.TemporaryDirectory(prefix="gpuward-run-") as folder:
        began = time.monotonic()
        try:
            child = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                start_new_session=True)
        except OSError as error:
            return "failed", 0.0, [f"cannot start {command[0]}: {error}"]
        try:
            out, err = child.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            ended = child.poll()
            for how in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(child.pid, how)
                    child.communicate(timeout=5)  # to let `sim run` clean up
                    break
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    pass
            return "failed", limit, [
                f"not done after {limit:g} s" if ended is None else
                f"ended with {ended}, but its output is held open"]
        took = time.monotonic() - began
    out, err = (text.decode(errors="replace") for text in (out, err))
    problems = list(problems_of(case, child.returncode, out, err))
    if problems:
        shown = (out + err).strip().splitlines()[-25:]
        problems += ["output:", *("  " + line for line in shown)]
    return ("failed" if problems else "passed"), took, problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default="build/bin", type=pathlib.Path)
    parser.add_argument("--only", help="cases with this word in their name")
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    told = parser.parse_args()
    cases = [case for path in told.files for case in parse(path)
             if not told.only or told.only in case["NAME"]]
    # Slower builds (sanitizers) get more time, none gets another verdict.
    factor = float(os.environ.get("GPUWARD_TEST_FACTOR", "1"))
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    bin_dir = told.bin.resolve()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(
            lambda case: run_case(case, bin_dir, factor), cases))
        for case, (result, took, lines) in zip(cases, results):
            if result == "failed":
                # Once more, alone: machines here are shared, and cases have
                # deadlines. A verdict that changes is named.
                print(f"unsteady {case['NAME']}: {lines[0]}", flush=True)
                result, took, lines = run_case(case, bin_dir, factor)
            counts[result] += 1
            if result == "skipped":
                print(f"skipped  {case['NAME']}: {lines[0]}", flush=True)
                continue
            print(f"{result:8} {case['NAME']} ({case['at']}, {took:.1f} s)")
            for line in lines:
                print(f"         {line}", flush=True)
    print(", ".join(f"{number} {what}" for what, number in counts.items()))
    return 1 if counts["failed"] or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
