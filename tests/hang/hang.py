#!/usr/bin/env python3
"""The program under real hangs: hang.py BIN [--only WORD] [--jobs N]

BIN is the folder of `gpuward`; the simulator's library lies in ../lib/sim.
"""
import argparse
import os
import pathlib
import queue
import shutil
import signal
import sys
import threading
import time
import traceback

import bad_probes
import every_symbol
import moving
import one_prober
from node import Failed, Node

SCENARIO = "healthy-8xh20-mig"


def root_only():
    return None if os.geteuid() == 0 else "needs root"


def other_users():
    if os.geteuid() != 0:
        return "needs root, to become another user"
    return None if shutil.which("setpriv") else "needs the program setpriv"


def compiler():
    found = shutil.which("cc") or shutil.which("gcc")
    return None if found else "needs a C compiler"


def other_cases():
    """(name, function of a node, why not here or None)."""
    gpu, users = every_symbol, other_users()
    for agent in (False, True):
        for name, where, fits in (("nvmlInit", one_prober.INIT, not agent),
                                  ("one GPU", one_prober.ONE_GPU, True),
                                  ("every GPU", one_prober.ALL_GPUS, True)):
            if fits:
                yield (f"callers: {name} hangs, "
                       f"{'with' if agent else 'without'} an agent",
                       lambda n, w=where, a=agent: one_prober.callers(n, w, a),
                       None)
    yield ("callers: ten on a healthy node",
           one_prober.ten_on_a_healthy_node, None)
    yield ("agent: does not answer",
           lambda n: one_prober.mute_agent(n, None), None)
    yield "agent: stopped", one_prober.frozen_agent, None
    yield ("agent: answers nonsense",
           lambda n: one_prober.mute_agent(n, b'{"schema":\n'), None)
    for where in (one_prober.INIT, one_prober.HANDLE):
        yield (f"agent: {where[0]} hangs, named in the caller's patience",
               lambda n, w=where: one_prober.patience_with_agent(n, w), None)
    yield "callers: x=$(gpuward doctor) returns", one_prober.substitution, None
    yield "callers: nothing of theirs is held", one_prober.nothing_held, None
    for how in (one_prober.kind(), "futex"):
        yield (f"killed: a doctor in the middle of a hang ({how})",
               lambda n, h=how: one_prober.killed_doctor(n, h), None)
    yield "killed: the agent in the middle of a hang", one_prober.killed_agent, None
    yield "killed: a healthy agent", one_prober.killed_healthy_agent, None
    yield "killed: the agent's prober", one_prober.killed_prober, None
    yield "stopped: the agent in the middle of a hang", one_prober.stopped_agent, None
    yield "gpu: one that hangs", gpu.one_gpu, None
    yield "gpu: one that is lost", gpu.lost_gpu, None
    for code, (name, _) in bad_probes.RETURNS.items():
        yield (f"bad: nvmlInit returns {name}",
               lambda n, c=code: bad_probes.init_return(n, c), None)
    for symbol, where in (("nvmlDeviceGetCount_v2", ()),
                          ("nvmlDeviceGetHandleByIndex_v2", ()),
                          ("nvmlDeviceGetHandleByIndex_v2", ("gpu=3",))):
        yield (f"bad: {' '.join((symbol, *where))} returns UNKNOWN",
               lambda n, s=symbol, w=where: bad_probes.call_return(n, s, *w),
               None)
    yield "bad: library is garbage", bad_probes.garbage, None
    yield "bad: library is empty", bad_probes.empty, None
    yield "bad: library is truncated", bad_probes.truncated, None
    yield "bad: library is a pipe", bad_probes.pipe, None
    yield ("bad: slot held by a stranger, without a record",
           lambda n: bad_probes.stranger_in_the_slot(n, b""), None)
    yield ("bad: slot held by a stranger, with a wrong record",
           lambda n: bad_probes.stranger_in_the_slot(n, b"\xff" * 4096), None)
    yield "bad: no library", bad_probes.no_library, None
    yield ("bad: library without functions", bad_probes.without_functions,
           compiler())
    yield ("bad: library with three functions",
           bad_probes.with_three_functions, compiler())
    for symbol in ("nvmlInit_v2", "nvmlDeviceGetSerial"):
        yield (f"bad: {symbol} is missing",
               lambda n, s=symbol: bad_probes.hidden(n, s), None)
    yield ("bad: prober dies in nvmlInit",
           lambda n: bad_probes.dies(n, "nvmlInit_v2"), None)
    yield ("bad: prober dies in a query",
           lambda n: bad_probes.dies(n, "nvmlDeviceGetTemperature", "gpu=3"),
           None)
    yield "bad: nvmlInit answers late", bad_probes.late, None
    yield "bad: no run directory", bad_probes.read_only, None
    yield "users: run directory not writable", bad_probes.empty_and_closed, users
    yield "users: beside an agent of root", bad_probes.beside_an_agent, users
    yield "users: root's slot is respected", bad_probes.shared_by_users, users
    yield "users: two without root at once", bad_probes.two_users_at_once, users
    yield "release: agent lets go and resumes", moving.release, None
    yield "release: by time, without an agent", moving.release_without_agent, None
    yield "release: the agent's prober hangs", moving.release_a_sleeper, None
    yield "release: while a probe is stuck", moving.release_while_stuck, None
    yield "slow: moving is not stuck", moving.slow, None
    yield "slow: no patience at all", moving.no_time, None


def hang_cases(called):
    # Kind by kind for each symbol: busy loops of several nodes at once would
    # take each other's processor time.
    for symbol in called:
        for kind, why in every_symbol.kinds_here():
            yield (f"{kind}: {symbol}",
                   lambda n, s=symbol, k=kind: every_symbol.is_named(n, s, k),
                   why)
    for kind, why in every_symbol.kinds_here():
        yield (f"{kind}: nvmlShutdown",
               lambda n, k=kind: every_symbol.shutdown(n, k), why)


class Suite:
    def __init__(self, bin_dir, only, jobs):
        self.only, self.counts = only, {"passed": 0, "failed": 0, "skipped": 0}
        self.printing = threading.Lock()
        self.unsteady = []
        self.nodes = queue.Queue()
        self.all = []
        for _ in range(jobs):
            try:
                node = Node(bin_dir, SCENARIO)
            except (Failed, OSError):
                self.close()
                raise
            self.all.append(node)
            self.nodes.put(node)

    def report(self, result, name, seconds, lines=()):
        with self.printing:
            self.counts[result] += 1
            if result == "passed" and name.startswith("record:"):
                return  # said once, for all of them
            print(f"{result:8} {name} ({seconds:.1f} s)", *lines,
                  sep="\n         ", flush=True)

    def run_one(self, name, case, why, again=False):
        if self.only not in name:
            return
        if why:
            self.report("skipped", name, 0, [why])
            return
        node = self.nodes.get()
        began = time.monotonic()
        result, lines = "passed", []
        try:
            case(node)
        except Failed as failure:
            result, lines = "failed", [str(failure)]
        except Exception:  # a case that trips is a failed one
            result, lines = "failed", traceback.format_exc().splitlines()
        node.end_all()
        took = time.monotonic() - began
        self.nodes.put(node)
        if result == "failed" and not again:
            with self.printing:
                self.unsteady.append((name, case, why))
                print(f"unsteady {name}: {lines[-1]}", flush=True)
            return
        self.report(result, name, took, lines)

    def run_again(self):
        """Those that failed, once more and alone: machines here are shared,
        and all of this is about time. A verdict that changes is named."""
        again, self.unsteady = self.unsteady, []
        for name, case, why in again:
            self.run_one(name, case, why, again=True)

    def run_alone(self, cases):
        for case in cases:
            self.run_one(*case)

    def run(self, cases):
        """As many at once as there are nodes."""
        waiting = queue.Queue()
        for case in cases:
            waiting.put(case)

        def work():
            while True:
                try:
                    case = waiting.get_nowait()
                except queue.Empty:
                    return
                self.run_one(*case)
        workers = [threading.Thread(target=work, daemon=True) for _ in self.all]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def called(self, listed):
        """The symbols that a healthy round calls; says which it does not."""
        found = {}

        def record(node, symbol):
            found[symbol] = every_symbol.is_called(node, symbol)
        only, self.only, counts = self.only, "", dict(self.counts)
        # nvmlShutdown comes when the answer is out: it cannot be recorded so.
        self.run([(f"record: {s}", lambda n, s=s: record(n, s), None)
                  for s in listed if s != "nvmlShutdown"])
        self.run_again()
        self.only = only
        # One verdict for all of them; those that trip are failures already.
        never = [s for s in listed if found.get(s) is False]
        self.counts = {**counts, "failed": self.counts["failed"],
                       "passed": counts["passed"] + 1}
        print(f"{len(listed)} symbols; without an answer of another one only: "
              f"{' '.join(every_symbol.FALLBACKS)}; never called, so not "
              f"hung: {' '.join(never) or 'none'}", flush=True)
        return [s for s in listed if found.get(s)]

    def close(self):
        for node in self.all:
            node.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--only", default="", help="cases with this in the name")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--each", type=int, default=1, metavar="N",
                        help="hang in each N-th symbol only")
    told = parser.parse_args()
    began = time.monotonic()
    # So that the nodes are closed all the same.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    suite = Suite(told.bin.resolve(), told.only, told.jobs)
    try:
        cases = list(other_cases())
        # Ten callers at once are load enough for a small machine.
        suite.run_alone([each for each in cases if "callers" in each[0]])
        suite.run([each for each in cases if "callers" not in each[0]])
        listed = every_symbol.symbols()
        if any(told.only in name for name, _, _ in hang_cases(listed)):
            called = suite.called(listed)
            suite.run(hang_cases(called[::told.each]))
        suite.run_again()
    finally:
        suite.close()
    print(f"{time.monotonic() - began:.0f} s")
    print(", ".join(f"{n} {what}" for what, n in suite.counts.items()))
    return 1 if suite.counts["failed"] or not suite.counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
