"""A kubelet, vendors' plugins and a role of gpuward between or beside them.

The kubelet and the plugins are test_kubelet and test_plugin, led by lines; the
commands stand at the end of test_kubelet.cpp and test_plugin.cpp. Every wait has
a deadline; every process is ended by close().
"""
import json
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

# Slower builds (sanitizers) get more time, none gets another verdict.
FACTOR = float(os.environ.get("GPUWARD_TEST_FACTOR", "1"))
GPU = "example.com/gpu"


class Failed(Exception):
    """What was expected and what came instead."""


def check(holds, text):
    if not holds:
        raise Failed(text)


def equal(seen, wanted, what):
    check(seen == wanted, f"{what}: {wanted!r} expected, got {seen!r}")


def wait_until(condition, seconds, text):
    """The condition's first true value; Failed with `text` at the deadline."""
    end = time.monotonic() + seconds * FACTOR
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise Failed(f"after {seconds * FACTOR:g} s: "
                         + (text() if callable(text) else text))
        time.sleep(0.01)


def identity(path):
    """Of a file; None where there is none. Inode numbers are used again."""
    try:
        seen = os.stat(path)
        return seen.st_ino, seen.st_ctime_ns
    except FileNotFoundError:
        return None


def sanitized():
    return FACTOR != 1


class Process:
    """A child whose texts go into files."""

    def __init__(self, name, argv, folder, environment=None, pipes=False):
        self.name = name
        self.stderr = pathlib.Path(folder, f"{name}.stderr")
        out = subprocess.PIPE if pipes else subprocess.DEVNULL
        with open(self.stderr, "ab") as errors:
            self.child = subprocess.Popen(
                argv, stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=out, stderr=errors, bufsize=0, cwd="/",
                env=environment or os.environ)
        self.pid = self.child.pid

    def alive(self):
        return self.child.poll() is None

    def errors(self):
        return self.stderr.read_text(errors="replace")

    def send_signal(self, how):
        self.child.send_signal(how)

    def kill(self):
        """At once; also one that is stopped."""
        self.end(signal.SIGKILL)

    def end(self, how=signal.SIGTERM, seconds=10):
        """How long it took."""
        began = time.monotonic()
        if self.alive():
            self.send_signal(how)
        try:
            self.child.wait(timeout=seconds * FACTOR)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(timeout=10)
            raise Failed(f"{self.name} did not end within {seconds} s of "
                         f"{signal.Signals(how).name}")
        finally:
            for pipe in (self.child.stdin, self.child.stdout):
                if pipe:
                    pipe.close()
        return time.monotonic() - began

    def status(self, key):
        """A number of /proc/PID/status: VmRSS in KiB, Threads."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").open():
            if line.startswith(key + ":"):
                return int(line.split()[1])
        raise Failed(f"{self.name} has no {key}")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


class Led(Process):
    """One that answers each line with a line."""

    def __init__(self, *how, **more):
        super().__init__(*how, pipes=True, **more)
        self.rest = b""
        self.read(15)

    def read(self, seconds):
        end = time.monotonic() + seconds * FACTOR
        while b"\n" not in self.rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.child.stdout], [], [],
                                              left)[0]:
                raise Failed(f"{self.name} does not answer")
            some = os.read(self.child.stdout.fileno(), 1 << 16)
            if not some:
                raise Failed(f"{self.name} has ended: {self.errors()[-300:]}")
            self.rest += some
        line, _, self.rest = self.rest.partition(b"\n")
        return json.loads(line)

    def ask(self, line, seconds=15):
        self.child.stdin.write(line.encode() + b"\n")
        answer = self.read(seconds)
        if set(answer) == {"error"}:
            raise Failed(f"{self.name}: {line}: {answer['error']}")
        return answer


class Kubelet(Led):
    def admit(self, pod, *wishes, within=20):
        """`wishes`: "RESOURCE N" words. Pending at the limit."""
        return self.ask(f"admit {pod} {' '.join(wishes)} "
                        f"within={within * FACTOR}", within + 10)

    def admitted(self, pod, *wishes, within=20):
        seen = self.admit(pod, *wishes, within=within)
        check(seen.get("admitted"), f"{pod} is not admitted: {seen}")
        return seen

    def refused(self, pod, *wishes, within=20):
        seen = self.admit(pod, *wishes, within=within)
        check(seen.get("admitted") is False, f"{pod} is not refused: {seen}")
        return seen

    def result(self, pod, seconds):
        return self.ask(f"result {pod} {seconds * FACTOR}", seconds + 10)

    def wait(self, resource, conditions, seconds):
        """The resource once the conditions hold, "healthy=8 capacity>=9"."""
        seen = self.ask(f"wait {resource} {conditions} {seconds * FACTOR}",
                        seconds + 10)
        check(seen["reached"], f"{resource} after {seconds * FACTOR:g} s: "
              f"{conditions} expected, got {seen}")
        return seen

    def resource(self, name=GPU):
        return self.ask("state")["resources"].get(name, {})

    def settle(self, resource):
        """Until nobody registers any more; a socket that is made twice is
        registered at twice."""
        seen = None
        for _ in range(20):
            before, seen = seen, self.ask("state")["asked"]
            if seen == before:
                break
            time.sleep(0.4 * FACTOR)
        self.wait(resource, "stream=open", 5)

    def sound(self):
        equal(self.ask("invariants")["wrong"], [], "what the kubelet handed out")


class Guard(Process):
    def lines(self):
        """What it said: one JSON object a line; others as {"text": …}."""
        out = []
        for line in self.errors().splitlines():
            try:
                out.append(json.loads(line))
            except ValueError:
                out.append({"text": line})
        return out


class Stand:
    """Folders and processes of one case."""

    def __init__(self, program, tools):
        self.program, self.tools = str(program), pathlib.Path(tools)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gk-"))
        self.kubelet_dir = self.folder / "kubelet"
        self.plugin_dir = self.folder / "plugins"
        self.state_dir = self.folder / "state"
        for each in (self.kubelet_dir, self.plugin_dir, self.state_dir):
            each.mkdir()
        self.started = []
        self.environment = {**os.environ, "NO_COLOR": "1",
                            "LC_ALL": "C.UTF-8"}
        self.sim = None
        self.sims = []  # those before it
        self.run_dir = None

    def track(self, process):
        self.started.append(process)
        return process

    def kubelet(self, *options):
        return self.track(Kubelet(
            "kubelet", [str(self.tools / "test_kubelet"), "--dir",
                        str(self.kubelet_dir), *options], self.folder))

    def plugin(self, resource=GPU, *options, direct=False):
        """Behind the guard; `direct`: at the kubelet itself."""
        where = self.kubelet_dir if direct else self.plugin_dir
        return self.track(Led(
            f"plugin-{len(self.started)}",
            [str(self.tools / "test_plugin"), "--dir", str(where),
             "--resource", resource, *options], self.folder,
            environment=self.environment))

    def guard(self, *options, wait=True):
        """From the moment on at which plugins can register."""
        socket = self.plugin_dir / "kubelet.sock"
        before = identity(socket)
        guard = self.track(Guard("guard", [
            self.program, "guard", "--kubelet-dir", str(self.kubelet_dir),
            "--plugin-dir", str(self.plugin_dir), "--state-dir",
            str(self.state_dir), *options], self.folder))
        if wait:
            wait_until(lambda: not guard.alive() or
                       identity(socket) not in (None, before), 10,
                       "the guard makes no kubelet.sock")
            check(guard.alive(), f"the guard ended: {guard.errors()[-300:]}")
        return guard

    # A simulated node, and gpuward's roles on it.

    def node(self, scenario, name="node"):
        """`scenario` is a name or a file. Another `name`: a second node, whose
        agent works in the place of the first one's."""
        if self.sim:
            self.sims.append(self.sim)
        self.sim = self.folder / name
        text = self.command("sim", "start", str(scenario), "--dir",
                            str(self.sim))
        for name, value in re.findall(r"^export (\w+)='(.*)'$", text, re.M):
            self.environment[name] = value
        if self.sims:
            self.environment["GPUWARD_RUN_DIR"] = str(self.run_dir)
        self.run_dir = pathlib.Path(self.environment["GPUWARD_RUN_DIR"])

    def end_node(self):
        """Hangs end with it, so that what hung can be ended too."""
        while self.sim:
            sim, self.sim = self.sim, self.sims.pop() if self.sims else None
            self.command("sim", "stop", "--dir", str(sim))

    def inject(self, *words):
        return self.command("sim", "inject", *words).split(":")[0].strip()

    def clear(self):
        self.inject("--clear", "all")

    def agent(self, *options):
        """A running agent, from its first snapshot on."""
        snapshot = self.run_dir / "snapshot.json"
        before = identity(snapshot)
        agent = self.track(Process(
            "agent", [self.program, "agent", "--interval", "1s", *options],
            self.folder, environment=self.environment))
        wait_until(lambda: identity(snapshot) not in (None, before), 15,
                   lambda: f"no snapshot of the agent: {agent.errors()[-300:]}")
        return agent

    def device_plugin(self, *options, name="device-plugin", **variables):
        return self.track(Guard(name, [
            self.program, "device-plugin", "--kubelet-socket",
            str(self.kubelet_dir / "kubelet.sock"), "--run-dir",
            str(self.run_dir), "--state-dir", str(self.state_dir),
            "--hang-tolerance", time_of(2), "--recovery-time", time_of(1),
            *options], self.folder,
            environment={**self.environment, **variables}))

    def command(self, *words, seconds=60):
        """A verb of gpuward that ends; what it printed."""
        done = subprocess.run([self.program, *words], cwd="/",
                              stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, env=self.environment,
                              timeout=seconds * FACTOR)
        check(done.returncode == 0, f"{' '.join(words)}: {done.stderr}")
        return done.stdout

    def saved(self):
        """What the guard leaves to the next one, as text."""
        try:
            return (self.state_dir / "registrations.json").read_text()
        except FileNotFoundError:
            return ""

    def guard_status(self):
        """STATE-DIR/guard.json, or {} while there is none."""
        try:
            return json.loads((self.state_dir / "guard.json").read_text())
        except FileNotFoundError:
            return {}

    def end_all(self):
        for each in reversed(self.started):
            try:
                each.kill()
            except (Failed, OSError):
                pass
        self.started.clear()

    def close(self):
        try:
            self.end_node()
        except (Failed, OSError, subprocess.TimeoutExpired):
            pass
        self.end_all()
        shutil.rmtree(self.folder, ignore_errors=True)


def time_of(seconds):
    """An option's time, stretched for slow builds."""
    return f"{round(seconds * FACTOR * 1000)}ms"
