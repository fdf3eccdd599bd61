"""`gpuward device-plugin` and kubelets: P1 to P12.
"""
import signal
import threading
import time

import protobuf
from plugin_stand import (BAD_SOON, BIG, GOOD_SOON, GPU, HANGS, ask, devices,
                          ready, socket_of)
from stand import FACTOR, Failed, Kubelet, check, equal, sanitized, wait_until


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
    seen = kubelet.wait(GPU, "stream=open capacity=8", 15)
    equal(seen["allocatable"], 0, "healthy devices")
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
        except (Failed, OSError, ValueError):
            pass  # it is killed, and its pipes are closed meanwhile
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
    ("plugin: memory and descriptors", small),
    ("plugin: stopped and continued", stopped_and_continued),
]
# Milliseconds are measured: nothing else runs meanwhile.
ALONE = [("P12 calls while the driver hangs", latency)]
