#!/usr/bin/env python3
"""Logs that are too big to be held: what `gpuward doctor --log` takes of memory.

tests/big/big_logs.py --bin DIR. The logs are made on the way, into pipes. The
last line is "N passed, N failed, N skipped".
"""
import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading

MOST_BYTES = 200_000_000
BLOCK = 1 << 20
DEADLINE_S = 240
ORDINARY = [
    "kernel: [{t}] eth{n}: renamed from veth{x}",
    "systemd[1]: Started Session {n} of User root.",
    "kubelet[{n}]: I0314 15:09:26.535897 {n} reconciler.go:{n}] pod {x} synced",
    "containerd[{n}]: time=\"2026-03-14T15:09:26Z\" level=info msg=\"exec {x}\"",
    "kernel: [{t}] audit: type=1400 audit({t}:{n}): apparmor=\"STATUS\" {x}",
]
NVRM = [
    "kernel: [{t}] NVRM: Xid (PCI:0000:{b:02x}:00): 79, pid={n}, name=job-{x}, "
    "GPU has fallen off the bus.",
    "kernel: [{t}] NVRM: Xid (PCI:0000:{b:02x}:00): 31, pid={n}, name=job-{x}, "
    "Ch 00000010, intr 00000000. MMU Fault: ENGINE GRAPHICS faulted @ "
    "0x7f{x}_00000000. Fault is of type FAULT_PDE ACCESS_TYPE_READ",
    "kernel: [{t}] NVRM: loading NVIDIA UNIX Open Kernel Module {x}",
    "kernel: [{t}] NVRM: GPU at PCI:0000:{b:02x}:00: GPU-{x}",
]


def blocks(seed, nvrm, count=16):
    """Some blocks of different lines, `nvrm` of which are the driver's."""
    dice = random.Random(seed)
    out = []
    for _ in range(count):
        lines, size = [], 0
        while size < BLOCK:
            form = dice.choice(NVRM if dice.random() < nvrm else ORDINARY)
            stamp = f"{dice.randrange(9**8)}.{dice.randrange(10**6):06}"
            text = form.format(t=stamp, n=dice.randrange(1, 10**5),
                               b=dice.randrange(16),
                               x=f"{dice.getrandbits(32):08x}")
            day = dice.randrange(1, 28)
            lines.append(f"Mar {day:2} 15:09:26 gpu-07 {text}\n")
            size += len(lines[-1])
        out.append("".join(lines).encode())
    return out


def pour(path, stdin, parts, times):
    """Until all is written or nobody reads any more."""
    try:
        with open(path, "wb", buffering=0) if path else stdin as pipe:
            for i in range(times):
                pipe.write(parts[i % len(parts)])
    except BrokenPipeError:
        pass


def doctor(program, logs, pourers):
    """(exit code, bytes resident at most, its JSON)"""
    command = [program, "doctor", "--json"]
    for log in logs:
        command += ["--log", log]
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(["timeout", str(DEADLINE_S), *command],
                                 stdin=subprocess.PIPE, stdout=said)
        threads = [threading.Thread(target=pour, daemon=True,
                                    args=(path, child.stdin, parts, times))
                   for path, parts, times in pourers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE_S)
        # Of timeout(1) and all that it waited for: the larger one counts.
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        return child.returncode, usage.ru_maxrss * 1024, said.read().decode()


def ids(text):
    return [finding["id"] for finding in json.loads(text)["findings"]]


def a_gigabyte(program, _):
    """1 GiB of ordinary lines, 1 % of them the driver's"""
    code, most, said = doctor(program, ["-"],
                              [(None, blocks(1, 0.01), (1 << 30) // BLOCK)])
    return most, code == 2 and "gpu-fallen-off-bus" in ids(said)


def one_line(program, _):
    """one line of 100 MB without an end"""
    head = b"Mar 14 15:09:26 gpu-07 kernel: NVRM: Xid (PCI:0000:3b:00): 79, "
    parts = [head] + [b"x" * BLOCK] * 99
    code, most, said = doctor(program, ["-"], [(None, parts, 100)])
    return most, code == 2 and "gpu-fallen-off-bus" in ids(said)


def two_logs(program, folder):
    """two logs of 100 MiB that are put in order, 30 % of the lines NVRM"""
    paths = [str(folder / name) for name in ("a.log", "b.log")]
    for path in paths:
        os.mkfifo(path)
    parts = [blocks(seed, 0.3, 4) for seed in (2, 3)]
    pourers = [(path, each, 100) for path, each in zip(paths, parts)]
    code, most, said = doctor(program, paths, pourers)
    return most, code == 2 and "gpu-fallen-off-bus" in ids(said)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--sanitized", action="store_true")
    options = parser.parse_args()
    cases = [a_gigabyte, one_line, two_logs]
    if options.sanitized:
        print("skipped  memory of big logs: a sanitizer's own is no measure")
        print(f"0 passed, 0 failed, {len(cases)} skipped")
        return 0
    failed = 0
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            most, right = case(f"{options.bin}/gpuward", pathlib.Path(folder))
        good = right and most < MOST_BYTES
        failed += not good
        print(f"{'ok     ' if good else 'FAILED '} {case.__doc__}: "
              f"{most / 1e6:.0f} MB resident"
              f"{'' if right else ', and the finding is not there'}", flush=True)
    print(f"{len(cases) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
