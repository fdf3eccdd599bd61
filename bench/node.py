"""A simulated node for as long as a `with` lasts, and an agent on it."""

import contextlib
import json
import os
import shlex
import subprocess
import tempfile
import time

import measure


@contextlib.contextmanager
def simulated(gpuward, scenario):
    """The environment of a client on that node."""
    with tempfile.TemporaryDirectory(prefix="gpuward-bench-") as folder:
        where = os.path.join(folder, "node")
        started = subprocess.run(
            [gpuward, "sim", "start", scenario, "--dir", where], check=True,
            stdout=subprocess.PIPE, text=True, timeout=60)
        env = dict(os.environ)
        for line in started.stdout.splitlines():
            for word in shlex.split(line.removeprefix("export ")):
                key, _, value = word.partition("=")
                env[key] = value
        try:
            yield env
        finally:
            subprocess.run([gpuward, "sim", "stop", "--dir", where],
                           check=False, timeout=60)


@contextlib.contextmanager
def agent(gpuward, env, interval):
    """The agent's process and its prober's id, after the first round."""
    snapshot = os.path.join(env["GPUWARD_RUN_DIR"], "snapshot.json")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(snapshot)
    process = subprocess.Popen(
        [gpuward, "agent", "--interval", interval], env=env,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while not is_complete(snapshot):
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError("the agent finished no round in 20 s")
            time.sleep(0.05)
        yield process, measure.children(process.pid)[0], snapshot
    finally:
        measure.end(process)


def is_complete(snapshot):
    try:
        with open(snapshot, encoding="utf-8") as file:
            return json.load(file)["init"].get("value") == "SUCCESS"
    except (OSError, ValueError, KeyError):
        return False


def count_writes(path, seconds):
    """How often the file was replaced in that time."""
    end = time.monotonic() + seconds
    last, count = os.stat(path).st_ino, 0
    stamp = os.stat(path).st_mtime_ns
    while time.monotonic() < end:
        time.sleep(0.1)
        now = os.stat(path)
        if (now.st_ino, now.st_mtime_ns) != (last, stamp):
            last, stamp, count = now.st_ino, now.st_mtime_ns, count + 1
    return count
