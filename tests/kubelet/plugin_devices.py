"""What `gpuward device-plugin` offers and hands out: of A and I what needs
processes. What is pure of them is tested beside the code.
"""
import json
import re
import signal
import time

import protobuf
from plugin_stand import (BAD_SOON, BIG, FIRST, GPU, SECOND, allocate, ask,
                          devices, mig, own_node, ready)
from stand import FACTOR, check, equal, wait_until


def preferred(stand):
    kubelet, _, _ = ready(stand, scenario="healthy-8xh100")
    ids = sorted(devices(kubelet))
    wishes = [(ids, [], 4), (ids[:3], [ids[1]], 2), (ids[:2], [], 5), ([], [], 1),
              (["no-such-device", ids[0]], [], 1)]
    seen = ask(kubelet, "GetPreferredAllocation",
               protobuf.preferred_request(*wishes))
    equal(seen["code"], 0, f"code of {seen}")
    answers = protobuf.preferred_answer(seen["response"])
    equal(len(answers), len(wishes), "answers")
    for (available, include, size), answer in zip(wishes, answers):
        check(set(answer) <= set(available), f"not available: {answer}")
        if size <= len(available):
            equal(len(set(answer)), size, "devices")
            check(set(include) <= set(answer), f"{include} not in {answer}")


def lost_gpu(stand):
    """One of eight is lost: the others go on, with preference."""
    stand.node("h100-gpu-lost")
    stand.agent()
    kubelet = stand.kubelet()
    stand.device_plugin()
    kubelet.wait(GPU, "healthy=7", 15)
    for pod, count in (("a", 2), ("b", 4), ("c", 1)):
        kubelet.admitted(pod, GPU, str(count))
    calls = kubelet.ask("calls")["GetPreferredAllocation"]
    equal((calls["count"], calls["errors"]), (3, 0), "GetPreferredAllocation")
    kubelet.sound()


def mps(stand):
    """What a client of NVIDIA's MPS daemon is given."""
    own_node(stand)
    config = stand.folder / "config.yaml"
    config.write_text("version: v1\nsharing:\n  mps:\n    resources:\n"
                      "    - {name: nvidia.com/gpu, replicas: 2}\n")
    kubelet, _, _ = ready(stand, "--config-file", str(config), "--mps-root",
                          "/run/nvidia/mps", scenario=None)
    equal(len(devices(kubelet)), 4, "replicas")
    [seen] = allocate(kubelet, [f"{FIRST}::1"])
    equal(seen["envs"], {"NVIDIA_VISIBLE_DEVICES": FIRST,
                         "CUDA_MPS_PIPE_DIRECTORY": f"/mps/{GPU}/pipe"}, "envs")
    equal(seen["mounts"], [(f"/mps/{GPU}/pipe", f"/run/nvidia/mps/{GPU}/pipe"),
                           ("/dev/shm", "/run/nvidia/mps/shm")], "mounts")


# Stands for NVIDIA's, of which the device plugin needs one command. It keeps
# what it was asked, and fails while a file says so.
CTK = """#!/bin/sh
printf '%s\\n' "$@" >'{folder}/asked'
[ ! -e '{folder}/broken' ] || {{ echo 'no driver here' >&2; exit 1; }}
while [ "$1" != --output ]; do shift; done
printf '{{"cdiVersion": "0.5.0", "kind": "k", "devices": []}}' >"$2"
"""


def cdi(stand):
    """No specification, no device; then names in it, and nothing else."""
    broken = stand.folder / "broken"
    broken.touch()
    own_node(stand)
    tool = stand.sim / "root/usr/bin/nvidia-ctk"
    tool.parent.mkdir(parents=True, exist_ok=True)
    tool.write_text(CTK.format(folder=stand.folder))
    tool.chmod(0o755)
    agent = stand.agent()
    kubelet = stand.kubelet()
    # The hook is another program of NVIDIA's; the tool lies beside it.
    plugin = stand.device_plugin("--device-list-strategy", "cdi-cri",
                                 "--device-list-strategy", "cdi-annotations",
                                 "--mig-strategy", "mixed",
                                 "--nvidia-cdi-hook-path",
                                 "/usr/bin/nvidia-cdi-hook")
    kubelet.wait(GPU, "capacity=2 healthy=0", 15)
    wait_until(lambda: "no driver here" in plugin.errors(), 15,
               lambda: f"not said: {plugin.errors()[-600:]}")
    check((stand.folder / "asked").read_text().splitlines()[:2] ==
          ["cdi", "generate"], "the command")
    broken.unlink()
    kubelet.wait(GPU, "healthy=2 unhealthy=0", 20)
    made = sorted(p.name for p in (stand.sim / "root/var/run/cdi").iterdir()
                  if not p.is_dir())
    equal(made, ["k8s.device-plugin.nvidia.com-gpu.json"], "specifications")
    [seen] = allocate(kubelet, [FIRST])
    name = f"k8s.device-plugin.nvidia.com/gpu={FIRST}"
    equal((seen["envs"], seen["mounts"], seen["nodes"], seen["cdi"]),
          ({}, [], [], [name]), "what a container is given")
    equal(list(seen["annotations"].values()), [name], "annotations")
    # What is new is not handed out before it is described.
    broken.touch()
    agent.end()
    own_node(stand, mig("3g.48gb"), name="divided")
    stand.agent()
    kubelet.wait(BIG, "capacity=1 healthy=0", 15)
    kubelet.wait(GPU, "capacity=1 healthy=1", 5)
    broken.unlink()
    kubelet.wait(BIG, "healthy=1", 20)


def loaded_anew(stand):
    """SIGHUP: the configuration file as it is now; a wrong one changes nothing.
    """
    own_node(stand)
    config = stand.folder / "config.yaml"
    config.write_text("version: v1\n")
    kubelet, _, plugin = ready(stand, "--config-file", str(config),
                               scenario=None)
    config.write_text("version: v1\nflags: {migStrategy: both}\n")
    plugin.send_signal(signal.SIGHUP)
    wait_until(lambda: "not loaded anew" in plugin.errors(), 5, "nothing said")
    check("both" in plugin.errors(), plugin.errors()[-300:])
    equal(kubelet.resource(GPU)["registrations"], 1, "registrations")
    config.write_text(SHARED)
    plugin.send_signal(signal.SIGHUP)
    kubelet.wait(GPU + ".shared", "healthy=8 stream=open", 10)
    kubelet.wait(GPU, "allocatable=0", 5)
    plugin.send_signal(signal.SIGHUP)
    kubelet.wait(GPU + ".shared", "registrations>=2 healthy=8 stream=open", 10)
    kubelet.admitted("a", GPU + ".shared", "1")
    check(plugin.end() < 2 * FACTOR, "it takes long to end")
    equal(plugin.child.returncode, 0, "exit code")


def told(stand):
    """device-plugin.json: what was offered, and the calls."""
    kubelet, _, _ = ready(stand, scenario="healthy-8xh100")
    kubelet.admitted("a", GPU, "2")
    path = stand.state_dir / "device-plugin.json"

    def seen():
        return json.loads(path.read_text())["resources"].get(GPU, {}) \
            if path.exists() else {}
    wait_until(lambda: seen().get("calls", {}).get("Allocate"), 5,
               lambda: f"not counted: {seen()}")
    equal((seen()["kubelet_listens"], seen()["healthy"], seen()["unhealthy"],
           seen()["calls"]["Allocate"]["answered"]), (True, 8, 0, 1), "status")
    equal(path.stat().st_mode & 0o777, 0o644, "mode")


SHARED = """version: v1
sharing:
  timeSlicing:
    renameByDefault: true
    failRequestsGreaterThanOne: true
    resources: [{name: nvidia.com/gpu, replicas: 4}]
"""


def replicas(stand):
    """A4, A5, I3: names, ids, spread over GPUs, no more than one."""
    own_node(stand)
    config = stand.folder / "config.yaml"
    config.write_text(SHARED)
    shared = GPU + ".shared"
    kubelet, _, _ = ready(stand, "--config-file", str(config), scenario=None,
                          resource=shared)
    equal(sorted(devices(kubelet, shared)),
          sorted(f"{gpu}::{n}" for gpu in (FIRST, SECOND) for n in range(4)),
          "ids")
    held = [kubelet.admitted(f"p{n}", shared, "1")["devices"][shared][0]
            for n in range(4)]
    equal(sorted(one.partition("::")[0] for one in held),
          sorted([FIRST, SECOND] * 2), "spread")
    seen = kubelet.admitted("q", shared, "1")["allocations"][0]["envs"]
    check("::" not in seen["NVIDIA_VISIBLE_DEVICES"], str(seen))
    error = kubelet.refused("r", shared, "2")["error"]
    check("maximum request size for shared resources is 1" in error, error)


def wrong_requests(stand):
    kubelet, _, _ = ready(stand)
    seen = ask(kubelet, "Allocate",
               protobuf.allocate_request(["GPU-no-such-device"]))
    check(seen["code"] != 0 and "GPU-no-such-device" in seen["text"], str(seen))
    one, two = sorted(devices(kubelet))[:2]
    answers = allocate(kubelet, [one, one], [two])
    equal([a["envs"]["NVIDIA_VISIBLE_DEVICES"] for a in answers], [one, two],
          "devices, named twice, of two containers")
    again = allocate(kubelet, [one, one], [two])
    equal(again, answers, "the same asked again (A8)")


def strategies(stand):
    """A6: what containers are given, by each strategy."""
    own_node(stand)
    config = stand.folder / "config.yaml"
    config.write_text("version: v1\nflags:\n  plugin:\n"
                      "    deviceListStrategy: [volume-mounts]\n")
    kubelet, agent, plugin = ready(stand, scenario=None)
    [seen] = allocate(kubelet, [FIRST])
    equal(seen, {"envs": {"NVIDIA_VISIBLE_DEVICES": FIRST}, "mounts": [],
                 "nodes": [], "annotations": {}, "cdi": []}, "envvar")

    def with_options(*options, **variables):
        nonlocal plugin
        plugin.end()
        count = kubelet.resource(GPU)["registrations"]
        plugin = stand.device_plugin(*options, **variables)
        kubelet.wait(GPU, f"registrations>={count + 1} stream=open healthy=2",
                     15)
        return allocate(kubelet, [FIRST])[0]
    seen = with_options("--pass-device-specs", DEVICE_ID_STRATEGY="index")
    equal(seen["envs"], {"NVIDIA_VISIBLE_DEVICES": "0"}, "by index")
    check({"/dev/nvidia0"} <= {inside for inside, _ in seen["nodes"]} and
          "/dev/nvidia1" not in {inside for inside, _ in seen["nodes"]},
          f"nodes: {seen['nodes']}")
    seen = with_options("--config-file", str(config))
    folder = "/var/run/nvidia-container-devices"
    equal(seen["envs"], {"NVIDIA_VISIBLE_DEVICES": folder}, "volume-mounts")
    equal(seen["mounts"], [(f"{folder}/{FIRST}", "/dev/null")], "mounts")
    check(agent.alive(), "the agent has ended")


def unhealthy_refused(stand):
    kubelet, _, _ = ready(stand, scenario="healthy-8xh100")
    before = devices(kubelet)
    stand.inject("lose-gpu=3", "xid=79", "gpu=3")
    kubelet.wait(GPU, "healthy=7 unhealthy=1", BAD_SOON)
    [bad] = [one for one, health in devices(kubelet).items()
             if health != "Healthy"]
    seen = ask(kubelet, "Allocate", protobuf.allocate_request([bad]))
    check(seen["code"] != 0 and bad in seen["text"], f"handed out: {seen}")
    good = next(one for one in sorted(before) if one != bad)
    allocate(kubelet, [good])


def strategy_none(stand):
    kubelet, _, _ = ready(stand)
    equal(len(devices(kubelet)), 8, "devices")
    check(all(one.startswith("GPU-") for one in devices(kubelet)), "ids")
    nodes = kubelet.resource(GPU)["numa"].values()
    check(all(len(each) == 1 for each in nodes) and
          len({each[0] for each in nodes}) == 2, f"NUMA nodes (I5): {nodes}")


def strategy_mixed(stand):
    kubelet, _, _ = ready(stand, "--mig-strategy", "mixed")
    wanted = {GPU: 5, BIG: 3, "nvidia.com/mig-1g.24gb": 3,
              "nvidia.com/mig-1g.12gb": 6}
    for resource, count in wanted.items():
        kubelet.wait(resource, f"healthy={count} unhealthy=0", 10)
    equal(sorted(kubelet.ask("state")["resources"]), sorted(wanted), "resources")
    seen = kubelet.admitted("a", BIG, "1", GPU, "2")
    check(all(a["envs"]["NVIDIA_VISIBLE_DEVICES"] == ",".join(a["ids"]) or
              sorted(a["envs"]["NVIDIA_VISIBLE_DEVICES"].split(","))
              == a["ids"] for a in seen["allocations"]), str(seen))


def strategy_single(stand):
    """One size everywhere is GPUs; two sizes are not handed out."""
    own_node(stand, mig("3g.48gb", "3g.48gb"), mig("3g.48gb", word="b"))
    kubelet, agent, plugin = ready(stand, "--mig-strategy", "single",
                                   scenario=None)
    kubelet.wait(GPU, "healthy=3", 5)
    check(all(one.startswith("MIG-") for one in devices(kubelet)), "ids")
    plugin.end()
    agent.end()
    stand.end_node()
    own_node(stand, mig("3g.48gb"), mig("1g.12gb", word="b"))
    stand.agent()
    plugin = stand.device_plugin("--mig-strategy", "single")
    time.sleep(2 * FACTOR)
    check(plugin.alive(), "it has ended for a wrong strategy")
    equal(kubelet.resource(GPU)["allocatable"], 0, "healthy devices")


def mig_changes(stand):
    """I4: seen without a restart; what is no more is told so, and is gone."""
    own_node(stand, mig("3g.48gb", "1g.12gb"))
    kubelet, agent, plugin = ready(stand, "--mig-strategy", "mixed",
                                   scenario=None, resource=BIG)
    small = "nvidia.com/mig-1g.12gb"
    kubelet.wait(small, "healthy=1", 5)
    agent.end()
    stand.end_node()
    own_node(stand, mig("1g.12gb", "1g.12gb", "1g.12gb", word="c"))
    stand.agent()
    kubelet.wait(small, "healthy=3 unhealthy=0", 15)
    kubelet.wait(BIG, "capacity=0", 10)
    check(plugin.alive(), "it has ended")
    sockets = [p.name for p in stand.kubelet_dir.iterdir() if p.is_socket()]
    check(not any("3g.48gb" in name for name in sockets) or
          kubelet.resource(BIG)["capacity"] == 0, f"sockets: {sockets}")
    kubelet.admitted("a", small, "3")


def refused_settings(stand):
    """What is not supported is said, not ignored."""
    stand.node("healthy-8xh100")
    for words in (("--gds-enabled",), ("--mofed-enabled",),
                  ("--gdrcopy-enabled",), ("--imex-channel-ids", "0"),
                  ("--mig-strategy", "both"),
                  ("--device-list-strategy", "telepathy")):
        plugin = stand.device_plugin(*words)
        wait_until(lambda p=plugin: not p.alive(), 5, f"{words}: it runs")
        check(plugin.child.returncode != 0, f"{words}: exit 0")
        word = words[0].strip("-").split("-")[0]
        check(re.search(word, plugin.errors(), re.I),
              f"{words}: {plugin.errors()[-300:]}")
        plugin.stderr.unlink()


CASES = [
    ("A1 GetPreferredAllocation", preferred),
    ("A3 a lost GPU", lost_gpu),
    ("A4 A5 I3 replicas", replicas),
    ("A5 A8 wrong requests, and the same again", wrong_requests),
    ("A6 what containers are given", strategies),
    ("A6 what containers are given: MPS", mps),
    ("A6 what containers are given: CDI", cdi),
    ("A7 unhealthy devices are refused", unhealthy_refused),
    ("I1 I5 strategy none", strategy_none),
    ("I1 I2 strategy mixed", strategy_mixed),
    ("I1 strategy single", strategy_single),
    ("I4 MIG changes", mig_changes),
    ("I6 refused settings", refused_settings),
    ("I6 SIGHUP loads the settings anew", loaded_anew),
    ("what it tells of itself", told),
]
