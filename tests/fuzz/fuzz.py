#!/usr/bin/env python3
"""Runs the fuzzers: tests/fuzz/fuzz.py --bin build-fuzz/… [--seconds N] [TARGET…]

Without --seconds each target tries its own number of inputs, counted and
seeded, so that two runs of the same program try the same ones. With it the
targets share that time, what they learn is kept beside the program in corpus/,
and later runs go on from there.

What fails lies in findings/ beside the program, named after its target. The
last line is "N passed, N failed, N skipped", as for tests/runs.
"""
import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
# Of one input: a parser that needs more time or memory is broken. The machine
# may be busy, so the time is no measure of speed.
LIMITS = ["-timeout=30", "-rss_limit_mb=1024", "-malloc_limit_mb=256",
          "-max_len=4096"]
SLACK_S = 120


def targets_of(program):
    """{name: inputs to be tried}, as the program prints them."""
    environment = {key: value for key, value in os.environ.items()
                   if key != "GPUWARD_FUZZ_TARGET"}
    said = subprocess.run([program], env=environment, check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    return {name: int(runs)
            for name, runs in (line.split() for line in said.splitlines())}


def command_of(program, name, folders, how):
    command = [str(program), *how, *LIMITS, "-artifact_prefix="
               f"{program.parent}/findings/{name}-"]
    dictionary = HERE / "dictionaries" / f"{name}.dict"
    if dictionary.exists():
        command.append(f"-dict={dictionary}")
    return command + [str(folder) for folder in folders]


def run(program, name, how, limit, keep):
    """(passed, seconds, what it printed)"""
    with tempfile.TemporaryDirectory() as scratch:
        learned = (program.parent / "corpus" / name if keep
                   else pathlib.Path(scratch) / "corpus")
        learned.mkdir(parents=True, exist_ok=True)
        (program.parent / "findings").mkdir(exist_ok=True)
        folders = [learned]
        if (HERE / "corpus" / name).is_dir():
            folders.append(HERE / "corpus" / name)
        began = time.monotonic()
        try:
            done = subprocess.run(
                command_of(program, name, folders, how),
                env={"ASAN_OPTIONS": "allow_addr2line=1", **os.environ,
                     "GPUWARD_FUZZ_TARGET": name, "TMPDIR": scratch},
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, timeout=limit, check=False)
            output = done.stdout.decode(errors="replace")
            passed = done.returncode == 0
        except subprocess.TimeoutExpired as late:
            output = (late.stdout or b"").decode(errors="replace")
            output += f"\nnot done after {limit:.0f} s\n"
            passed = False
        return passed, time.monotonic() - began, output


def report(program, name, result):
    passed, seconds, output = result
    print(f"{'passed' if passed else 'FAILED'}  {name} ({seconds:.1f} s)",
          flush=True)
    if passed:
        return
    print("\n".join(output.splitlines()[-60:]))
    print(f"what did it lies in {program.parent}/findings/; again:\n"
          f"  GPUWARD_FUZZ_TARGET={name} {program} FILE", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, type=pathlib.Path)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("targets", nargs="*")
    options = parser.parse_intermixed_args()
    program = options.bin.resolve()
    known = targets_of(program)
    for name in options.targets:
        if name not in known:
            print(f"no target {name}; there are: {' '.join(known)}")
            return 64
    chosen = options.targets or list(known)
    jobs = min(len(chosen), os.cpu_count() or 1)

    def one(name):
        if options.seconds is None:
            how = ["-seed=1", "-reload=0", f"-runs={known[name]}"]
            return run(program, name, how, 3 * SLACK_S, keep=False)
        share = max(1, options.seconds * jobs // len(chosen))
        return run(program, name, [f"-max_total_time={share}"],
                   share + SLACK_S, keep=True)

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for name, result in zip(chosen, pool.map(one, chosen)):
            report(program, name, result)
            failed += 0 if result[0] else 1
    print(f"{len(chosen) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
