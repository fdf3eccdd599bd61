"""`gpuward device-plugin` on simulated nodes: P1 to P12, and of A, I and H what
needs processes. What is pure of them is tested beside the code.
"""
import re
import signal
import threading
import time

import protobuf
from stand import FACTOR, Failed, Kubelet, check, equal, sanitized, wait_until

GPU = "nvidia.com/gpu"
BIG = "nvidia.com/mig-3g.48gb"
HANGS = ("nvmlInit*", "hang=futex")
# Agent's interval, plugin's tolerance, and time to notice: see Stand.
BAD_SOON, GOOD_SOON = 12, 12

NODE = """description: two H20
driver: 570.172.08
module: open
cuda: "12.8"
kernel: 5.15.0-1078-nvidia
os: Ubuntu 22.04.5 LTS
hostname: gpu-node
uptime: 2d
gpus:
  - model: H20
    pci: "00000000:0F:00.0"
    uuid: GPU-2f815c32-768d-d782-1073-db01d7b90215
    {first}
  - model: H20
    pci: "00000000:34:00.0"
    uuid: GPU-bafcf1f7-1006-01e5-85e2-684fee364617
    {second}
"""
FIRST = "GPU-2f815c32-768d-d782-1073-db01d7b90215"
SECOND = "GPU-bafcf1f7-1006-01e5-85e2-684fee364617"


def own_node(stand, first="temperature: 30", second="temperature: 30"):
    """A scenario of two GPUs, with a line of YAML for each."""
    path = stand.folder / "scenario.yaml"
    path.write_text(NODE.format(first=first, second=second))
    stand.node(path)


def mig(*profiles, word="a"):
    """The line for a GPU that is split, with UUIDs that depend on `word`."""
    split = ", ".join(
        f"{{profile: {profile}, uuid: MIG-{ord(word):08d}-0000-0000-0000-"
        f"{index:012d}}}" for index, profile in enumerate(profiles))
    return f"mig: [{split}]"


def ready(stand, *options, scenario="healthy-8xh20-mig", resource=GPU,
          kubelet=(), **variables):
    """(kubelet, agent, plugin), and devices that are healthy."""
    if scenario:
        stand.node(scenario)
    agent = stand.agent()
    one = stand.kubelet(*kubelet)
    plugin = stand.device_plugin(*options, **variables)
    one.wait(resource, "stream=open healthy>=1 unhealthy=0", 15)
    return one, agent, plugin


def devices(kubelet, resource=GPU):
    return kubelet.resource(resource)["devices"]


def socket_of(kubelet, resource=GPU):
    return kubelet.resource(resource)["socket"]


def ask(kubelet, method, request, resource=GPU):
    return kubelet.ask(f"call {socket_of(kubelet, resource)} {method} "
                       f"{request or '-'} 5")


def allocate(kubelet, *containers, resource=GPU):
    seen = ask(kubelet, "Allocate", protobuf.allocate_request(*containers),
               resource)
    equal(seen["code"], 0, f"code of {seen}")
    return protobuf.allocate_answer(seen["response"])


# P: the protocol

def serves_before_register(stand):
    stand.node("healthy-8xh20-mig")
    stand.agent()
    kubelet = stand.kubelet()
    kubelet.ask("register hold")
    stand.device_plugin()
    wait_until(lambda: kubelet.ask("state")["asked"] > 0, 10, "not asked")
    sockets = [p for p in stand.kubelet_dir.iterdir()
               if p.is_socket() and p.name != "kubelet.sock"]
    equal(len(sockets), 1, f"sockets: {sockets}")
    seen = kubelet.ask(f"call {sockets[0]} GetDevicePluginOptions - 2")
    equal(seen["code"], 0, f"before the registration: {seen}")
    kubelet.ask("register accept")
    seen = kubelet.wait(GPU, "healthy>=1", 15)
    equal(seen["registration"]["version"], "v1beta1", "version")
    equal(seen["registration"]["endpoint"], sockets[0].name, "endpoint")
    equal({key: seen["registration"][key] for key in ("pre_start", "preferred")},
          seen["options"], "options of Register and of the call")
    call = kubelet.ask("calls")["GetDevicePluginOptions"]
    check(call["max_ms"] < 100 * FACTOR, f"inside Register: {call}")


def first_list(stand):
    """Within a second, and right; with a driver that never answered as well:
    then what was known, Unhealthy."""
    kubelet, agent, plugin = ready(stand, "--mig-strategy", "mixed")
    before = devices(kubelet)
    seen = kubelet.ask(f"watch {socket_of(kubelet)} {1.2 * FACTOR}")
    check(seen["messages"] and seen["messages"][0]["at"] < 1 * FACTOR,
          f"the first list: {seen}")
    first = protobuf.devices(seen["messages"][0]["bytes"])
    ids = [one for one, _, _ in first]
    equal(sorted(ids), sorted(before), "the list")
    equal(len(set(ids)), len(ids), "ids")
    check(all(len(one) <= 63 for one in ids), f"long ids: {ids}")
    equal({health for _, health, _ in first}, {"Healthy"}, "health")
    plugin.end()
    agent.end()
    stand.inject(*HANGS)
    (stand.run_dir / "snapshot.json").unlink()
    began = time.monotonic()
    stand.device_plugin("--mig-strategy", "mixed")
    seen = kubelet.wait(GPU, f"stream=open capacity={len(before)}", 5)
    equal(seen["allocatable"], 0, "healthy devices of a driver that is mute")
    equal(sorted(devices(kubelet)), sorted(before), "devices")
    check(time.monotonic() - began < 3 * FACTOR, "too late")


def nothing_known(stand):
    """No agent, no saved inventory: registered with nothing made up."""
    stand.node("h20-mig-init-hang")
    kubelet = stand.kubelet()
    plugin = stand.device_plugin()
    time.sleep(1 * FACTOR)
    check(plugin.alive(), f"it has ended: {plugin.errors()[-300:]}")
    equal(kubelet.resource(GPU).get("allocatable", 0), 0, "healthy devices")
    stand.clear()
    stand.agent()
    kubelet.wait(GPU, "healthy=8", 15)


def health_changes(stand):
    kubelet, _, _ = ready(stand, scenario="healthy-8xh100")
    count = kubelet.resource(GPU)["messages"]
    time.sleep(3 * FACTOR)
    equal(kubelet.resource(GPU)["messages"], count, "lists without a change")
    stand.inject("lose-gpu=3", "xid=79", "gpu=3")
    seen = kubelet.wait(GPU, "healthy=7 unhealthy=1", BAD_SOON)
    check(seen["messages"] <= count + 2, f"flaps: {seen}")


def comes_back(stand):
    kubelet, _, plugin = ready(stand)
    for words in ("", "twice", "pause=0.5 twice"):
        kubelet.ask(f"restart {words}", 20)
        kubelet.wait(GPU, "healthy>=1 unhealthy=0 stream=open", 8)
    kubelet.settle(GPU)
    socket = socket_of(kubelet)
    (stand.kubelet_dir / socket).unlink()
    wait_until(lambda: socket_of(kubelet) != socket, 5,
               "the socket was deleted, and no other is registered")
    kubelet.wait(GPU, "healthy>=1 stream=open", 5)
    kubelet.kill()
    for each in stand.kubelet_dir.iterdir():
        each.unlink()
    stand.kubelet_dir.rmdir()
    time.sleep(0.3)
    stand.kubelet_dir.mkdir()
    kubelet = stand.kubelet()
    kubelet.wait(GPU, "healthy>=1 stream=open", 10)
    check(plugin.alive(), "it has ended")


def before_the_kubelet(stand):
    stand.node("healthy-8xh20-mig")
    stand.agent()
    plugin = stand.device_plugin()
    time.sleep(0.5)
    check(plugin.alive(), f"it has ended: {plugin.errors()[-300:]}")
    kubelet = stand.kubelet()
    kubelet.wait(GPU, "healthy>=1 stream=open", 15)


def register_troubles(stand):
    """Refused, then held: it tries on, and another resource does not wait."""
    stand.node("healthy-8xh20-mig")
    stand.agent()
    kubelet = stand.kubelet()
    kubelet.ask("register refuse")
    plugin = stand.device_plugin("--mig-strategy", "mixed")
    wait_until(lambda: kubelet.ask("state")["asked"] >= 8, 20,
               "it does not try again")  # four resources, twice
    kubelet.ask("register accept")
    for resource in (GPU, BIG):
        kubelet.wait(resource, "healthy>=1", 20)
    check(plugin.alive(), "it has ended")


def two_instances(stand, streams):
    """The new one comes before the old one goes (maxSurge)."""
    kubelet, _, old = ready(stand, kubelet=("--streams", streams))
    first = socket_of(kubelet)
    stand.device_plugin(name="newer")
    kubelet.wait(GPU, "registrations>=2 healthy>=1", 10)
    check(socket_of(kubelet) != first, "both have one socket")
    old.end()
    # By name the kubelet disconnects the new one, which must notice.
    time.sleep(0.5)
    kubelet.wait(GPU, "healthy>=1 unhealthy=0 stream=open", 10)


def by_name(stand):
    two_instances(stand, "by-name")


def by_path(stand):
    two_instances(stand, "by-path")


def two_streams(stand):
    kubelet, _, _ = ready(stand, scenario="healthy-8xh100")
    socket = socket_of(kubelet)
    second = stand.track(Kubelet(
        "second", [str(stand.tools / "test_kubelet"), "--dir",
                   str(stand.plugin_dir)], stand.folder))

    def watch():
        try:
            second.ask(f"watch {socket} {BAD_SOON * FACTOR}", BAD_SOON + 5)
        except Failed:
            pass  # it is killed
    watching = threading.Thread(target=watch)
    watching.start()
    stand.inject("lose-gpu=3", "xid=79", "gpu=3")
    kubelet.wait(GPU, "healthy=7", BAD_SOON)
    second.kill()
    watching.join(BAD_SOON * FACTOR + 10)
    # A stream that died takes no news from the other.
    stand.inject("lose-gpu=5", "xid=79", "gpu=5")
    kubelet.wait(GPU, "healthy=6", BAD_SOON)


def any_client(stand):
    """The raw path as authority, one that leaves in the middle, nonsense."""
    kubelet, _, _ = ready(stand, kubelet=("--authority", "path"))
    socket = socket_of(kubelet)
    for authority in ("localhost", socket, "x"):
        seen = kubelet.ask(f"call {socket} GetDevicePluginOptions - 5 "
                           f"authority={authority}")
        equal(seen["code"], 0, f"authority {authority}: {seen}")
    kubelet.ask(f"watch {socket} 0.1")
    for method in ("GetPreferredAllocation", "Allocate"):
        seen = ask(kubelet, method, "ffffff")
        check(seen["code"] != 0, f"{method} of nonsense: {seen}")
    kubelet.wait(GPU, "healthy>=1 stream=open", 2)


def unknown_method(stand):
    kubelet, _, _ = ready(stand)
    seen = ask(kubelet, "Deallocate", "")
    equal(seen["code"], 12, f"code of {seen}")
    seen = ask(kubelet, "PreStartContainer", "")
    equal(seen["code"], 0, f"PreStartContainer: {seen}")


def ends(stand):
    kubelet, _, plugin = ready(stand, "--mig-strategy", "mixed")
    stranger = stand.plugin("example.com/other", direct=True)
    kubelet.wait("example.com/other", "healthy=8", 5)
    took = plugin.end()
    check(took < 2 * FACTOR, f"took {took:.1f} s to end")
    equal(plugin.child.returncode, 0, "exit code")
    kubelet.wait(GPU, "stream=ended allocatable=0", 3)
    left = sorted(p.name for p in stand.kubelet_dir.iterdir() if p.is_socket())
    equal(left, ["kubelet.sock", "test-other.sock"], "sockets that are left")
    check(stranger.alive(), "another plugin has ended")


def latency(stand):
    """The same with a driver that hangs: no call asks it."""
    kubelet, _, plugin = ready(stand)
    stand.inject("nvml*", "hang=futex")
    seen = {}
    kubelet.wait(GPU, "healthy=0", BAD_SOON)
    before = plugin.status("Threads")
    for method in ("GetDevicePluginOptions", "GetPreferredAllocation",
                   "PreStartContainer"):
        seen[method] = kubelet.ask(f"hammer {GPU} {method} 2500 64", 60)
    stand.clear()
    kubelet.wait(GPU, "unhealthy=0", GOOD_SOON)
    stand.inject("nvml*", "hang=futex")
    seen["Allocate"] = kubelet.ask(f"hammer {GPU} Allocate 2500 64", 60)
    for method, one in seen.items():
        equal(one["errors"], 0, f"errors of {method}")
        check(one["p99_ms"] <= 50 * FACTOR and one["max_ms"] <= 1000 * FACTOR,
              f"{method}: {one}")
    # gRPC keeps some for use; calls that hang would be hundreds.
    check(plugin.status("Threads") <= before + 16,
          f"{before} threads have become {plugin.status('Threads')}")


# A: allocation

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


# I: inventory and names

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


# H: health

def xids(stand):
    """H1: an Xid that counts, and one that does not."""
    kubelet, _, _ = ready(stand, scenario="healthy-8xh100")
    stand.inject("xid=31", "gpu=2")
    stand.inject("xid=13", "gpu=2")
    time.sleep(4 * FACTOR)
    equal(kubelet.resource(GPU)["healthy"], 8, "healthy after Xids 31 and 13")
    stand.inject("xid=48", "gpu=2")
    kubelet.wait(GPU, "healthy=7 unhealthy=1", BAD_SOON)


def xids_disabled(stand):
    kubelet, _, _ = ready(stand, scenario="healthy-8xh100",
                          DP_DISABLE_HEALTHCHECKS="48")
    stand.inject("xid=48", "gpu=2")
    time.sleep(4 * FACTOR)
    equal(kubelet.resource(GPU)["healthy"], 8, "healthy after Xid 48")


def parent_wide(stand):
    """H2: an Xid of a GPU is of all its MIG devices."""
    kubelet, _, _ = ready(stand, "--mig-strategy", "mixed")
    kubelet.wait(BIG, "healthy=3", 10)
    stand.inject("xid=48", "gpu=0")
    kubelet.wait(BIG, "healthy=2 unhealthy=1", BAD_SOON)
    kubelet.wait("nvidia.com/mig-1g.12gb", "healthy=4 unhealthy=2", 3)
    kubelet.wait(GPU, "healthy=5", 1)


def hang_and_recovery(stand):
    """H3: Unhealthy after the tolerance, well again by evidence."""
    kubelet, _, plugin = ready(stand)
    for _ in range(2):
        stand.inject(*HANGS)
        # A kept session does not start NVML again.
        stand.inject("nvmlDeviceGet*", "hang=futex")
        seen = kubelet.wait(GPU, "healthy=0 stream=open", BAD_SOON)
        equal(seen["capacity"], 8, "capacity")
        error = kubelet.refused("a", GPU, "1")["error"]
        check("no healthy devices" in error, error)
        stand.clear()
        kubelet.wait(GPU, "healthy=8 unhealthy=0", GOOD_SOON)
    kubelet.admitted("b", GPU, "8")
    check(plugin.alive(), "it has ended")
    equal(kubelet.resource(GPU)["registrations"], 1, "registrations")


def from_the_start(stand):
    """h20-mig-init-hang: the node never answered."""
    stand.node("h20-mig-init-hang")
    stand.agent()
    kubelet = stand.kubelet()
    stand.device_plugin()
    time.sleep(3 * FACTOR)
    equal(kubelet.resource(GPU).get("allocatable", 0), 0, "healthy devices")
    stand.clear()
    kubelet.wait(GPU, "healthy=8", GOOD_SOON + 5)


def one_stuck_client(stand):
    """Somebody else's hang is no reason: fresh probes answer."""
    kubelet, _, _ = ready(stand, scenario="h20-mig-plugin-hang")
    time.sleep(5 * FACTOR)
    equal(kubelet.resource(GPU)["healthy"], 8, "healthy")
    kubelet.admitted("a", GPU, "2")


def agent_goes(stand):
    """No news is not good news, but news again is."""
    kubelet, agent, _ = ready(stand)
    agent.kill()
    kubelet.wait(GPU, "healthy=0", 40)
    stand.agent()
    kubelet.wait(GPU, "healthy=8", GOOD_SOON)


def agent_restarts(stand):
    """In a moment: nothing to tell."""
    kubelet, agent, _ = ready(stand)
    count = kubelet.resource(GPU)["messages"]
    for _ in range(2):
        agent.kill()
        agent = stand.agent()
    time.sleep(1 * FACTOR)
    equal(kubelet.resource(GPU)["messages"], count, "lists")


def small(stand):
    kubelet, _, plugin = ready(stand, "--mig-strategy", "mixed")
    kubelet.wait(BIG, "healthy=3", 10)
    before = plugin.descriptors()
    for turn in range(40):
        kubelet.admitted(f"p{turn}", GPU, "2", BIG, "1")
        kubelet.ask(f"remove p{turn}")
    check(plugin.descriptors() <= before + 2,
          f"{before} descriptors have become {plugin.descriptors()}")
    if not sanitized():
        memory = plugin.status("VmRSS")
        check(memory < 30 * 1024, f"{memory} KiB resident")


def stopped_and_continued(stand):
    """SIGSTOP for a while, as a node that swaps: it goes on, and once."""
    kubelet, _, plugin = ready(stand)
    plugin.send_signal(signal.SIGSTOP)
    time.sleep(1)
    plugin.send_signal(signal.SIGCONT)
    kubelet.admitted("a", GPU, "1")
    equal(kubelet.resource(GPU)["registrations"], 1, "registrations")


CASES = [
    ("P1 P2 served before it registers", serves_before_register),
    ("P3 the first list", first_list),
    ("P3 nothing is known", nothing_known),
    ("P4 health changes", health_changes),
    ("P5 kubelets, sockets and folders go and come", comes_back),
    ("P5 it starts before the kubelet", before_the_kubelet),
    ("P6 Register is refused", register_troubles),
    ("P7 two instances, by name", by_name),
    ("P7 two instances, by path", by_path),
    ("P8 two streams", two_streams),
    ("P9 any client", any_client),
    ("P10 unknown methods, PreStartContainer", unknown_method),
    ("P11 SIGTERM", ends),
    ("A1 GetPreferredAllocation", preferred),
    ("A3 a lost GPU", lost_gpu),
    ("A4 A5 I3 replicas", replicas),
    ("A5 A8 wrong requests, and the same again", wrong_requests),
    ("A6 what containers are given", strategies),
    ("A7 unhealthy devices are refused", unhealthy_refused),
    ("I1 I5 strategy none", strategy_none),
    ("I1 I2 strategy mixed", strategy_mixed),
    ("I1 strategy single", strategy_single),
    ("I4 MIG changes", mig_changes),
    ("I6 refused settings", refused_settings),
    ("H1 Xids", xids),
    ("H1 Xids that are disabled", xids_disabled),
    ("H2 an Xid of a whole GPU", parent_wide),
    ("H3 a hang, and after it", hang_and_recovery),
    ("H3 a hang from the start", from_the_start),
    ("H3 one stuck client", one_stuck_client),
    ("H4 the agent restarts", agent_restarts),
    ("H4 the agent is gone", agent_goes),
    ("plugin: memory and descriptors", small),
    ("plugin: stopped and continued", stopped_and_continued),
]
ALONE = [("P12 calls while the driver hangs", latency)]
