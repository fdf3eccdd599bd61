#!/usr/bin/env python3
"""Kills a command at each of its system calls, and looks what is left.

    kill_everywhere.py [--reset CMD] [--recover CMD] --check CMD -- COMMAND...

For each system call that matters and N = 1, 2, ...: RESET; COMMAND, killed by
SIGKILL as it makes that call for the N-th time; RECOVER; CHECK, which must
succeed. On to the next call once COMMAND comes to its end. The process itself
is killed at the calls of --calls, a child of it (the ledger's keeper) at those
of --child-calls, which the process itself must not make. By strace.
"""
import argparse
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

CALLS = ("write,sendmsg,recvmsg,poll,openat,close,rename,renameat,renameat2,"
         "unlink,unlinkat,symlinkat,mkdir,mkdirat,clone,wait4,socketpair,flock,"
         "fsync,connect")
CHILD_CALLS = "pwrite64,fdatasync,ftruncate,pread64,setsid,dup2"
SECONDS = 30


class Failed(Exception):
    pass


def run(line, what):
    if not line:
        return
    done = subprocess.run(shlex.split(line), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=SECONDS)
    if done.returncode != 0:
        raise Failed(f"{what}: {done.returncode} {done.stdout}{done.stderr}")


def killed_at(command, call, number, follow, log):
    """Whether the N-th such call was there to be killed at."""
    subprocess.run(
        ["strace", *(["-f"] if follow else []), "-qq", "-o", str(log),
         "-e", f"trace={call}",
         "-e", f"inject={call}:signal=KILL:when={number}", "--", *command],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, timeout=SECONDS)
    return "killed by SIGKILL" in log.read_text(errors="replace")


def kill_at_each(told, call, follow, log):
    """How often it was killed at that call."""
    number = 1
    while number <= told.most:
        run(told.reset, "reset")
        if not killed_at(told.command, call, number, follow, log):
            break
        where = f"killed at {call} number {number}"
        run(told.recover, f"{where}: recovery")
        run(told.check, f"{where}: check")
        number += 1
    return number - 1


def why_not():
    if os.geteuid() != 0:
        return "needs root, as repairs do"
    if not shutil.which("strace"):
        return "needs strace (Debian package strace)"
    done = subprocess.run(["strace", "-o", "/dev/null", "true"],
                          capture_output=True, text=True, timeout=SECONDS)
    return done.stderr.strip() if done.returncode != 0 else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reset")
    parser.add_argument("--recover")
    parser.add_argument("--check", required=True)
    parser.add_argument("--calls", default=CALLS)
    parser.add_argument("--child-calls", default=CHILD_CALLS)
    parser.add_argument("--most", type=int, default=200,
                        help="kills for each call")
    parser.add_argument("command", nargs="+")
    told = parser.parse_args()
    why = why_not()
    if why:
        print(f"skipped: {why}")
        return 0
    kills = 0
    with tempfile.TemporaryDirectory(prefix="gpuward-kill-") as folder:
        log = pathlib.Path(folder, "strace")
        plan = [(call, False) for call in told.calls.split(",")]
        plan += [(call, True) for call in told.child_calls.split(",")]
        for call, follow in plan:
            if not call:
                continue
            try:
                count = kill_at_each(told, call, follow, log)
            except (Failed, subprocess.TimeoutExpired) as problem:
                print(f"failed: {problem}")
                return 1
            if count:
                print(f"{call}{' of a child' if follow else ''}: {count} kills",
                      flush=True)
            kills += count
    print(f"{kills} kills, all of them finished or undone")
    return 0 if kills else 1


if __name__ == "__main__":
    sys.exit(main())
