#!/usr/bin/python3
"""NVIDIA's legacy way of giving GPUs to a container, for a lab.

As nvidia-container-runtime it adds a prestart hook to the bundle and becomes
runc. As nvidia-container-runtime-hook it is that hook, and does the work of
nvidia-container-cli: behind the back of runc, docker and systemd it changes the
container's device cgroup and puts the nodes into its /dev. Which GPUs is said
by NVIDIA_VISIBLE_DEVICES in the container's environment: all, void or numbers.
"""
import json
import os
import pathlib
import shlex
import subprocess
import sys

HOOK = "/usr/bin/nvidia-container-runtime-hook"
DEVICE_PROGRAMS = "/usr/lib/gpuward-lab/device-programs"
CGROUPS = pathlib.Path("/sys/fs/cgroup")


def be_runtime(arguments):
    if "create" in arguments or "run" in arguments:
        at = next((number for number, word in enumerate(arguments)
                   if word in ("--bundle", "-b")), None)
        bundle = pathlib.Path(arguments[at + 1] if at is not None else ".")
        add_hook(bundle / "config.json")
    os.execv("/usr/sbin/runc", ["runc", *arguments])


def add_hook(place):
    config = json.loads(place.read_text())
    config.setdefault("hooks", {}).setdefault("prestart", []).append(
        {"path": HOOK, "args": [HOOK, "prestart"]})
    place.write_text(json.dumps(config))


def be_hook():
    state = json.load(sys.stdin)
    config = json.loads(
        pathlib.Path(state["bundle"], "config.json").read_text())
    nodes = wanted_nodes(config["process"]["env"])
    if not nodes:
        return
    allow(state["pid"], nodes)
    root = pathlib.Path(state["bundle"], config["root"]["path"])
    mount_nodes(state["pid"], root, nodes)


def wanted_nodes(environment):
    told = dict(each.split("=", 1) for each in environment)
    wish = told.get("NVIDIA_VISIBLE_DEVICES", "void")
    if wish in ("", "void", "none"):
        return []
    numbers = range(8) if wish == "all" else wish.split(",")
    return [f"/dev/nvidia{number}" for number in numbers] + ["/dev/nvidiactl"]


def allow(pid, nodes):
    lines = pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    paths = {each.split(":")[1]: each.split(":")[2] for each in lines}
    numbers = [os.stat(node).st_rdev for node in nodes]
    pairs = [f"{os.major(each)}:{os.minor(each)}" for each in numbers]
    if (CGROUPS / "devices").exists():
        for pair in pairs:
            (CGROUPS / "devices" / paths["devices"].lstrip("/") /
             "devices.allow").write_text(f"c {pair} rw")
    else:
        subprocess.run([DEVICE_PROGRAMS, CGROUPS / paths[""].lstrip("/"),
                        *pairs], check=True)


def mount_nodes(pid, root, nodes):
    lines = [f": >{shlex.quote(str(root) + node)} && "
             f"mount --bind {node} {shlex.quote(str(root) + node)}"
             for node in nodes]
    subprocess.run(["nsenter", "-t", str(pid), "-m", "sh", "-c",
                    "set -e; " + "; ".join(lines)], check=True)


if __name__ == "__main__":
    if pathlib.Path(sys.argv[0]).name == pathlib.Path(HOOK).name:
        be_hook()
    else:
        be_runtime(sys.argv[1:])
