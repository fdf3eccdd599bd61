#!/usr/bin/env python3
"""The kubelet's side of gpuward, seen from a kubelet and from vendors' plugins:
conformance.py --bin GPUWARD [--only WORD] [--jobs N]

One case for each numbered behaviour; a case's name begins with the number.
`direct` cases show that the test kubelet behaves as the real one.
"""
import argparse
import pathlib
import queue
import signal
import sys
import threading
import time
import traceback

import direct
import guard_calls
import guard_lives
import plugin_devices
import plugin_health
import plugin_protocol
from stand import Failed, Stand


class Suite:
    def __init__(self, program, tools, only):
        self.program, self.tools, self.only = program, tools, only
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}
        self.printing = threading.Lock()
        self.unsteady = []
        self.open = set()

    def report(self, result, name, seconds, lines=()):
        with self.printing:
            self.counts[result] += 1
            print(f"{result:8} {name} ({seconds:.1f} s)", *lines,
                  sep="\n         ", flush=True)

    def run_one(self, name, case, again=False):
        stand = Stand(self.program, self.tools)
        self.open.add(stand)
        began = time.monotonic()
        result, lines = "passed", []
        try:
            why_not = case(stand)
            if why_not:
                result, lines = "skipped", [why_not]
        except Failed as failure:
            result, lines = "failed", [str(failure)]
        except Exception:  # a case that trips is a failed one
            result, lines = "failed", traceback.format_exc().splitlines()
        took = time.monotonic() - began
        stand.close()
        self.open.discard(stand)
        if result == "failed" and not again:
            with self.printing:
                self.unsteady.append((name, case))
                print(f"unsteady {name}: {lines[-1]}", flush=True)
            return
        self.report(result, name, took, lines)

    def run(self, cases, jobs):
        waiting = queue.Queue()
        for case in cases:
            if self.only in case[0]:
                waiting.put(case)

        def work():
            while True:
                try:
                    case = waiting.get_nowait()
                except queue.Empty:
                    return
                self.run_one(*case)
        workers = [threading.Thread(target=work, daemon=True)
                   for _ in range(jobs)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def run_again(self):
        """Those that failed, once more and alone: machines here are shared,
        and much of this is about time. A verdict that changes is named."""
        again, self.unsteady = self.unsteady, []
        for name, case in again:
            self.run_one(name, case, again=True)

    def close(self):
        for stand in list(self.open):
            stand.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True,
                        help="the executable gpuward")
    parser.add_argument("--tools", type=pathlib.Path,
                        help="folder of test_kubelet and test_plugin")
    parser.add_argument("--only", default="", help="cases with this in the name")
    parser.add_argument("--jobs", type=int, default=2)
    told = parser.parse_args()
    program = told.bin.resolve()
    tools = told.tools or program.parent.parent / "tests"
    began = time.monotonic()
    # So that all processes are ended all the same.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    suite = Suite(program, tools.resolve(), told.only)
    try:
        suite.run(direct.CASES + guard_calls.CASES + guard_lives.CASES +
                  plugin_protocol.CASES + plugin_devices.CASES +
                  plugin_health.CASES, told.jobs)
        # Those that measure time in milliseconds.
        suite.run(guard_calls.ALONE + plugin_protocol.ALONE, 1)
        suite.run_again()
    finally:
        suite.close()
    print(f"{time.monotonic() - began:.0f} s")
    print(", ".join(f"{n} {what}" for what, n in suite.counts.items()))
    return 1 if suite.counts["failed"] or not suite.counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
