"""A simulated node under test: faults come and go, run directories are fresh.

Every wait here has a deadline; what the kernel shows of a prober is read from
/proc/PID/{stat,comm,fd}, which never block.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

# Slower builds (sanitizers) get more time, none gets another verdict.
FACTOR = float(os.environ.get("GPUWARD_TEST_FACTOR", "1"))
PROBER = "gpuward-prober"


class Failed(Exception):
    """What was expected and what came instead."""


def check(holds, text):
    if not holds:
        raise Failed(text)


def wait_until(condition, seconds, text):
    """The condition's first true value; Failed with `text` at the deadline."""
    end = time.monotonic() + seconds * FACTOR
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise Failed(f"after {seconds * FACTOR:g} s: {text}")
        time.sleep(0.01)


class Outcome:
    """A command that ended: exit code, texts, time taken."""

    def __init__(self, code, out, err, seconds):
        self.code, self.out, self.err, self.seconds = code, out, err, seconds

    @property
    def text(self):
        return self.out + self.err

    @property
    def json(self):
        try:
            return json.loads(self.out)
        except ValueError:
            raise Failed(f"no JSON (exit {self.code}): {self.text[-300:]!r}")

    def evidence(self):
        """The evidence of the first finding, as one text."""
        findings = self.json["findings"]
        return " | ".join(e["text"] for e in findings[0]["evidence"]) \
            if findings else ""

    def brief(self):
        if not self.out.startswith("{"):
            return f"exit {self.code}, {self.seconds:.2f} s, {self.text[-400:]!r}"
        document = self.json
        return (f"exit {self.code}, {self.seconds:.2f} s, findings "
                f"{[f['id'] for f in document.get('findings', [])]}, probes "
                + str([{k: p.get(k) for k in
                        ("state", "symbol", "gpu", "why", "left_out")}
                       for p in document.get("probes", [])]))


class Task:
    """A process as /proc shows it; fields of stat by proc(5)."""

    def __init__(self, pid):
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        self.pid = pid
        self.comm = stat[stat.index("(") + 1:stat.rindex(")")]
        rest = stat[stat.rindex(")") + 2:].split()
        self.state, self.parent = rest[0], int(rest[1])
        self.session, self.terminal = int(rest[3]), int(rest[4])

    def links(self):
        """fd number → what it is open on."""
        folder, out = f"/proc/{self.pid}/fd", {}
        for name in os.listdir(folder):
            try:
                out[int(name)] = os.readlink(f"{folder}/{name}")
            except FileNotFoundError:
                pass
        return out


def tasks_named(comm):
    out = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit():
                task = Task(int(name))
                if task.comm == comm and task.state not in "ZX":
                    out.append(task)
        except (FileNotFoundError, ProcessLookupError):
            pass
    return out


def probers(run_dir):
    """The probers whose slot lies in the run directory.

    Without the child by which the simulator makes a killable state D.
    """
    found = {}
    for task in tasks_named(PROBER):
        try:
            if any(link.startswith(f"{run_dir}/prober-")
                   for link in task.links().values()):
                found[task.pid] = task
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            pass
    return [t for t in found.values() if t.parent not in found]


def may_freeze():
    status = pathlib.Path("/proc/self/status").read_text()
    effective = int(re.search(r"CapEff:\s+(\w+)", status).group(1), 16)
    return (os.geteuid() == 0 and bool(effective >> 21 & 1)
            and pathlib.Path("/dev/loop-control").exists()
            and shutil.which("mkfs.ext4", path="/usr/sbin:/sbin:/usr/bin:/bin")
            is not None)


class Node:
    """One `sim start`ed node. Close it."""

    def __init__(self, bin_dir, scenario):
        self.program = str(bin_dir / "gpuward")
        self.folder = tempfile.mkdtemp(prefix="gpuward-hang-")
        # Also for callers without root.
        os.chmod(self.folder, 0o755)
        self.sim = f"{self.folder}/node"
        self.runs = 0
        self.started = []
        self.environment = {**os.environ, "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
        begun = self.command([self.program, "sim", "start", scenario,
                              "--dir", self.sim])
        check(begun.code == 0, f"sim start {scenario}: {begun.text}")
        for name, value in re.findall(r"^export (\w+)='(.*)'$", begun.out, re.M):
            self.environment[name] = value
        self.root = pathlib.Path(self.environment["GPUWARD_ROOT"])
        self.run_dir = self.environment["GPUWARD_RUN_DIR"]

    def fresh(self, mode=0o755):
        """No fault, and a run directory that nobody has used."""
        self.clear()
        self.runs += 1
        self.run_dir = f"{self.folder}/run-{self.runs}"
        os.mkdir(self.run_dir)
        os.chmod(self.run_dir, mode)
        self.environment["GPUWARD_RUN_DIR"] = self.run_dir
        return self

    def command(self, argv, limit=30, prefix=(), **variables):
        """Runs it; its output is read to the end within the limit."""
        child = self.spawn(argv, prefix=prefix, **variables)
        return self.outcome(child, limit)

    def spawn(self, argv, prefix=(), pipes=True, **variables):
        target = subprocess.PIPE if pipes else subprocess.DEVNULL
        child = subprocess.Popen(
            [*prefix, *argv], cwd="/", stdin=subprocess.DEVNULL, stdout=target,
            stderr=target, env={**self.environment, **variables})
        child.began = time.monotonic()
        self.started.append(child)
        return child

    def outcome(self, child, limit=30):
        try:
            out, err = child.communicate(timeout=limit * FACTOR)
        except subprocess.TimeoutExpired:
            ended = child.poll()
            child.kill()
            raise Failed(f"{child.args[-4:]} not done after "
                         f"{limit * FACTOR:g} s" if ended is None else
                         f"{child.args[-4:]} ended, its output is held open")
        self.started.remove(child)
        return Outcome(child.returncode, out.decode(errors="replace"),
                       err.decode(errors="replace"),
                       time.monotonic() - child.began)

    def gpuward(self, *words, **how):
        return self.command([self.program, *words], **how)

    def doctor(self, *words, patience=1.0, deadlines=None, **how):
        """`deadlines`: the factor that shortens the prober's, if any."""
        if deadlines is not None:
            how["GPUWARD_DEADLINE_FACTOR"] = str(deadlines * FACTOR)
        return self.gpuward("doctor", "--json", "--patience",
                            str(patience * FACTOR), *words, **how)

    def inject(self, *words):
        done = self.gpuward("sim", "inject", *words)
        check(done.code == 0, f"sim inject {' '.join(words)}: {done.text}")
        return done.out.split(":")[0].strip()

    def clear(self):
        self.inject("--clear", "all")

    def probers(self):
        return probers(self.run_dir)

    def agent(self, *words, **variables):
        """A running agent, from its first snapshot on."""
        child = self.spawn([self.program, "agent", "--interval", "1s", *words],
                           pipes=False, **variables)
        snapshot = pathlib.Path(self.run_dir, "snapshot.json")
        before = snapshot.stat().st_ino if snapshot.exists() else None
        wait_until(lambda: snapshot.exists()
                   and snapshot.stat().st_ino != before, 10,
                   "the agent wrote no snapshot")
        return child

    def end(self, child, how=signal.SIGTERM):
        if child.poll() is None:
            child.send_signal(how)
        try:
            child.wait(timeout=10 * FACTOR)
        except subprocess.TimeoutExpired:
            child.kill()
            raise Failed("did not end within 10 s of SIGTERM")
        finally:
            if child in self.started:
                self.started.remove(child)

    def end_all(self):
        """What a failed case has left running."""
        for child in list(self.started):
            child.kill()
            for pipe in (child.stdout, child.stderr):
                if pipe:
                    pipe.close()
            try:
                child.wait(timeout=5)
            except subprocess.TimeoutExpired:
                pass
        self.started.clear()

    def close(self):
        self.end_all()
        subprocess.run([self.program, "sim", "stop", "--dir", self.sim],
                       timeout=60, check=False, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        # Faults are lifted now, so whatever is still there only sleeps.
        for task in tasks_named(PROBER):
            try:
                if any(link.startswith(self.folder)
                       for link in task.links().values()):
                    os.kill(task.pid, signal.SIGKILL)
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                pass
        shutil.rmtree(self.folder, ignore_errors=True)


def in_time(outcome, patience, what="doctor"):
    limit = (patience + 1) * FACTOR
    check(outcome.seconds <= limit,
          f"{what} took {outcome.seconds:.2f} s, at most {limit:g} s expected "
          f"({outcome.brief()})")


def healthy(outcome, what="doctor"):
    check(outcome.code == 0 and outcome.json["verdict"] == "healthy",
          f"{what}: healthy (exit 0) expected, got {outcome.brief()}")
    check(all(p["state"] == "answering" for p in outcome.json["probes"]),
          f"{what}: an answering probe expected, got {outcome.brief()}")
