"""Tests that are functions, and what becomes of them, a line each.

A test that fails is run once more, since machines here are shared and these
tests have deadlines. What passes then has passed, and is named as unsteady: a
verdict that changes is looked into.

tools/run_tests.py reads the last line, "N passed, N failed, N skipped", and the
reasons of what was skipped, unsteady and failed.
"""
import argparse
import os
import time

# Slower builds (sanitizers) get more time, none gets another verdict.
FACTOR = float(os.environ.get("GPUWARD_TEST_FACTOR", "1"))


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def expect(holds, said):
    if not holds:
        raise Failed(said)


def in_time(done, seconds):
    expect(done.seconds <= seconds * FACTOR,
           f"took {done.seconds:.1f} s, {seconds} s at most")


def arguments(description):
    """A parser that knows what each of these test files takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--only", help="tests with this word in their name")
    return parser


class Verdicts:
    def __init__(self, only=None):
        self.only = only
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}

    def wanted(self, name):
        return not self.only or self.only in name

    def run(self, name, steps):
        """One test: functions without arguments, until one raises."""
        if not self.wanted(name):
            return
        began = time.monotonic()
        try:
            lines = self._attempt(steps)
            if lines:
                print(f"unsteady {name}: {lines[0]}", flush=True)
                lines = self._attempt(steps)
        except Skipped as why:
            self.skip(name, why)
            return
        result = "failed" if lines else "passed"
        self.counts[result] += 1
        print(f"{result:8} {name} ({time.monotonic() - began:.1f} s)",
              *lines, sep="\n         ", flush=True)

    @staticmethod
    def _attempt(steps):
        """What went wrong, in lines."""
        try:
            for step in steps:
                step()
        except (Failed, RuntimeError, LookupError, OSError, StopIteration,
                ValueError) as why:
            return (str(why) or type(why).__name__).splitlines()
        return []

    def skip(self, name, why):
        if self.wanted(name):
            self.counts["skipped"] += 1
            print(f"skipped  {name}: {why}", flush=True)

    def fail(self, name, why):
        self.counts["failed"] += 1
        print(f"failed   {name}: {why}", flush=True)

    def close(self):
        """The last line; the exit code."""
        print(", ".join(f"{number} {what}"
                        for what, number in self.counts.items()))
        return 1 if self.counts["failed"] else 0


def name_of(test):
    return test.__name__.replace("_", " ")
