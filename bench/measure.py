"""How things are measured: processes, their memory, their processor time."""

import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import time


class Sample:
    """Repeated figures of one thing: the median, and how far they scatter."""

    def __init__(self, values):
        self.values = sorted(values)

    @property
    def median(self):
        return statistics.median(self.values)

    def text(self, unit, digits=1):
        if len(self.values) == 1:
            return f"{self.median:.{digits}f} {unit}"
        low, high = self.at(0.1), self.at(0.9)
        return (f"{self.median:.{digits}f} {unit} "
                f"({low:.{digits}f} to {high:.{digits}f})")

    def at(self, share):
        return self.values[round(share * (len(self.values) - 1))]


def run_once(command, env, stdin=None, want=(0,)):
    """Milliseconds from start to end; what it printed is thrown away."""
    begin = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, env, file_actions=[
        (os.POSIX_SPAWN_OPEN, 0, stdin or os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)])
    _, status, usage = os.wait4(pid, 0)
    wall = (time.perf_counter() - begin) * 1000
    code = os.waitstatus_to_exitcode(status)
    if want is not None and code not in want:
        raise RuntimeError(f"{' '.join(command)} exited with {code}")
    return wall, (usage.ru_utime + usage.ru_stime) * 1000


def alternate(commands, env, rounds, want=(0,)):
    """Wall and processor time of each, in turns: a neighbour's noise then
    falls on all of them alike."""
    wall = {name: [] for name in commands}
    cpu = {name: [] for name in commands}
    for i in range(rounds + 1):
        for name, command in commands.items():
            taken, used = run_once(command, env, want=want)
            if i > 0:  # the first one fills the page cache
                wall[name].append(taken)
                cpu[name].append(used)
    return ({name: Sample(values) for name, values in wall.items()},
            {name: Sample(values) for name, values in cpu.items()})


def run_watched(command, env, want):
    """Seconds, and peak resident memory in MiB: VmHWM, since a parent's own
    size is counted into ru_maxrss. Its output goes to a file, since grep ends
    at the first match where it sees /dev/null."""
    with tempfile.TemporaryFile() as out:
        begin = time.perf_counter()
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=subprocess.DEVNULL)
        peak = 0
        while True:
            peak = max(peak, memory_kib(process.pid).get("VmHWM", 0))
            try:
                process.wait(timeout=0.005)
                break
            except subprocess.TimeoutExpired:
                pass
        seconds = time.perf_counter() - begin
    if process.returncode not in want:
        raise RuntimeError(
            f"{' '.join(command)} exited with {process.returncode}")
    return seconds, peak / 1024


def memory_kib(pid):
    """VmRSS, VmHWM, and Pss and Private_Dirty where they may be read."""
    found = {}
    for name in ("status", "smaps_rollup"):
        try:
            with open(f"/proc/{pid}/{name}", encoding="utf-8") as file:
                lines = file.read().splitlines()
        except OSError:
            continue
        for line in lines:
            key, _, value = line.partition(":")
            if key in ("VmRSS", "VmHWM", "Pss", "Private_Dirty"):
                found[key] = int(value.split()[0])
    return found


def on_cpu_ms(pid):
    """Processor time so far, of all threads; nanoseconds where the kernel
    keeps schedstat, else ticks."""
    try:
        total = 0
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat",
                      encoding="utf-8") as file:
                total += int(file.read().split()[0])
        return total / 1e6
    except OSError:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        return ticks * 1000 / os.sysconf("SC_CLK_TCK")


def children(pid):
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(name))
    return found


def system_calls(command, env):
    """How many of them it makes with its children; None without strace."""
    if shutil.which("strace") is None:
        return None
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(["strace", "-f", "-c", "-o", out.name, *command],
                       env=env, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       check=False)
        for line in out.read().decode().splitlines():
            words = line.split()
            if words and words[-1] == "total":
                return int(words[3])
    return None


def instructions(command, env):
    """Millions, user space, with its children; None where perf cannot."""
    if shutil.which("perf") is None:
        return None
    done = subprocess.run(
        ["perf", "stat", "-x,", "-e", "instructions:u", *command], env=env,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, check=False)
    for line in done.stderr.splitlines():
        words = line.split(",")
        if len(words) > 2 and words[2].startswith("instructions"):
            return int(words[0]) / 1e6 if words[0].isdigit() else None
    return None


def end(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
