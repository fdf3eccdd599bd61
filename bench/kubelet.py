"""What a kubelet waits: for the device plugin on a node that is well and on one
whose driver hangs, and for the guard beside the plugin without it."""

import contextlib
import json
import os
import subprocess
import tempfile
import time

import measure
import node

METHODS = ("GetDevicePluginOptions", "GetPreferredAllocation", "Allocate",
           "PreStartContainer")
RESOURCE = "nvidia.com/gpu"
THREADS = 4


@contextlib.contextmanager
def running(command, env):
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL,
                                   stdout=nowhere, stderr=nowhere)
    try:
        yield process
    finally:
        measure.end(process)


def load(bench, directory, calls):
    done = subprocess.run(
        [str(bench.build / "bench" / "kubelet-load"), directory, RESOURCE,
         str(calls), str(THREADS), "20"], check=True, stdout=subprocess.PIPE,
        text=True, timeout=180)
    return json.loads(done.stdout)


def plugin(bench, socket, state):
    return [bench.gpuward, "device-plugin", "--kubelet-socket", socket,
            "--state-dir", state, "--mig-strategy", "mixed",
            "--hang-tolerance", "5s"]


def wait_for(path):
    deadline = time.monotonic() + 20
    while not os.path.exists(path):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{path} did not appear in 20 s")
        time.sleep(0.05)


def on_scenario(bench, scenario, calls):
    """Its percentiles, and the memory of the plugin."""
    with node.simulated(bench.gpuward, scenario) as env, \
            tempfile.TemporaryDirectory(prefix="gpuward-bench-") as folder:
        agent = [bench.gpuward, "agent", "--interval", "1s"]
        with running(agent, env):
            wait_for(os.path.join(env["GPUWARD_RUN_DIR"], "snapshot.json"))
            socket = os.path.join(folder, "kubelet.sock")
            with running(plugin(bench, socket, folder + "/state"),
                         env) as process:
                figures = load(bench, folder, calls)
                return figures, measure.memory_kib(process.pid)["VmRSS"]


def percentiles(bench, well, other, beside, goal):
    for method in METHODS:
        for which, limit in (("p99", goal), ("max", "50" if goal else "")):
            bench.row(f"{method}, {which}", well[method][f"{which}_us"] / 1000,
                      "ms", goal=limit, beside=beside,
                      other=other[method][f"{which}_us"] / 1000, digits=2)


def device_plugin(bench):
    calls = 1000 if bench.quick else 10000
    well, memory = on_scenario(bench, "healthy-8xh20-mig", calls)
    hung, _ = on_scenario(bench, "h20-mig-init-hang", calls)
    percentiles(bench, well, hung, "the same, driver hangs", "5")
    bench.notes.append(
        f"device-plugin: {well['healthy']} of {well['devices']} devices healthy "
        f"on the node that is well, {hung['healthy']} of {hung['devices']} "
        f"where the driver hangs; {memory / 1024:.1f} MiB resident.")


def guard(bench):
    """The same plugin, called through the guard and without it."""
    calls = 1000 if bench.quick else 10000
    direct, _ = on_scenario(bench, "healthy-8xh20-mig", calls)
    with node.simulated(bench.gpuward, "healthy-8xh20-mig") as env, \
            tempfile.TemporaryDirectory(prefix="gpuward-bench-") as folder:
        agent = [bench.gpuward, "agent", "--interval", "1s"]
        behind = folder + "/behind"
        guarding = [bench.gpuward, "guard", "--kubelet-dir", folder,
                    "--plugin-dir", behind, "--state-dir", folder + "/guard"]
        with running(agent, env), running(guarding, env) as process:
            wait_for(os.path.join(env["GPUWARD_RUN_DIR"], "snapshot.json"))
            with running(plugin(bench, behind + "/kubelet.sock",
                                folder + "/state"), env):
                guarded = load(bench, folder, calls)
                memory = measure.memory_kib(process.pid)["VmRSS"]
    for method in METHODS[1:]:
        there, here = direct[method], guarded[method]
        bench.row(f"guard adds to {method}, p99",
                  (here["p99_us"] - there["p99_us"]) / 1000, "ms", goal="2",
                  beside="the plugin alone", other=there["p99_us"] / 1000,
                  digits=2)
    bench.notes.append(f"guard: {memory / 1024:.1f} MiB resident (goal 20).")
