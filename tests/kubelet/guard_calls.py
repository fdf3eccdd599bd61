"""What passes through `gpuward guard`, and what it answers itself when the
plugin is late: G1 to G5, G9 to G11.
"""
import re
import signal
import time

from guard_stand import (OTHER, SHORT, hashes, kept_open, ready,
                         resource_status, short, untouched)
from stand import (FACTOR, GPU, Failed, check, equal, identity, time_of,
                   wait_until)

UNKNOWN = b"\xc2\x3e\x07unknown".hex()  # a field that nobody knows


def bytes_pass(stand):
    kubelet, _, plugin = ready(
        stand, plugin=("--devices", "4", "--numa", "--options",
                       "preferred,prestart"))
    plugin.ask("unknown-fields on")
    wait_until(lambda: hashes(kubelet)[-1] ==
               plugin.ask("state")["snapshots"][-1], 5,
               "the list of devices does not arrive as it was sent")
    kubelet.admitted("a", GPU, "2")
    check(kubelet.ask("start a")["started"], "PreStartContainer failed")
    ours, theirs = kubelet.ask("calls"), plugin.ask("calls")
    for method in ("GetPreferredAllocation", "Allocate", "PreStartContainer"):
        for what in ("request", "response"):
            equal(ours[method][what], theirs[method][what],
                  f"{what} of {method}")
    check(UNKNOWN in ours["Allocate"]["response"], "nothing unknown in it")


def unknown_requests_pass(stand):
    """A newer kubelet's fields, and what a plugin refuses."""
    kubelet, _, plugin = ready(stand)
    socket = kubelet.resource()["socket"]
    asked = UNKNOWN + "0a070a05" + b"dev-0".hex() + UNKNOWN
    seen = kubelet.ask(f"call {socket} Allocate {asked} 5")
    equal(seen["code"], 0, f"code of {seen}")
    equal(plugin.ask("calls")["Allocate"]["request"], asked, "request")
    plugin.ask("error allocate no: dev-0 is busy")
    seen = kubelet.ask(f"call {socket} Allocate {asked} 5")
    equal((seen["code"], seen["text"]), (2, "no: dev-0 is busy"), "the error")
    seen = kubelet.ask(f"call {socket} Nonsense - 5")
    equal(seen["code"], 12, "code of an unknown method")


def registration_passes(stand):
    kubelet, _, plugin = ready(
        stand, plugin=("--options", "preferred,prestart"))
    seen = kubelet.resource()
    equal(seen["options"], {"pre_start": True, "preferred": True}, "options")
    equal(seen["registration"]["pre_start"], True, "option of Register")
    equal(seen["registration"]["version"], "v1beta1", "version")
    endpoint = seen["registration"]["endpoint"]
    check("/" not in endpoint and
          (stand.kubelet_dir / endpoint).is_socket(), endpoint)
    untouched(plugin)


def added_latency(stand):
    """Of one caller, call by call, beside the same plugin without a guard: the
    median, which a shared machine leaves alone. The 99th percentile is a figure
    of bench/kubelet.py."""
    kubelet, _, _ = ready(stand, "--liveness-interval", "5s")
    stand.plugin(OTHER, "--devices", "4", direct=True)
    kubelet.wait(OTHER, "healthy=4", 5)
    seen = []
    for _ in range(5):  # the machine is shared: the best of some
        for method in ("GetPreferredAllocation", "Allocate"):
            plain = kubelet.ask(f"hammer {OTHER} {method} 400 1", 60)
            through = kubelet.ask(f"hammer {GPU} {method} 400 1", 60)
            equal(through["errors"], 0, "errors")
            seen.append((through["p50_ms"] - plain["p50_ms"], method))
        added = max(seen[-2:])[0]
        if added < 2 * FACTOR:
            return
    raise Failed(f"median added in ms: {seen}")


def preferred_late(stand):
    kubelet, _, plugin = ready(stand)
    plugin.ask("hang preferred")
    seen = kubelet.admitted("a", GPU, "2", within=10)
    check(seen["seconds"] < (SHORT + 1) * FACTOR,
          f"took {seen['seconds']:.2f} s")
    call = kubelet.ask("calls")["GetPreferredAllocation"]
    equal(call["errors"], 0, "errors of GetPreferredAllocation")
    kubelet.admitted("b", GPU, "1")
    plugin.ask("release")
    kubelet.ask("remove a")
    kubelet.ask("remove b")

    def is_asked_again():
        plugin.ask("calls clear")
        kubelet.admitted("c", GPU, "1")
        kubelet.ask("remove c")
        return plugin.ask("calls").get("GetPreferredAllocation")
    wait_until(is_asked_again, 10, "a plugin that is well is not asked again")
    untouched(plugin)
    kept_open(kubelet)
    kubelet.sound()


def preferred_error(stand):
    """Never an error: advice alone is what is lost."""
    kubelet, _, plugin = ready(stand)
    plugin.ask("error preferred GPU is lost")
    kubelet.admitted("a", GPU, "2")
    equal(kubelet.ask("calls")["GetPreferredAllocation"]["errors"], 0, "errors")
    plugin.ask("error preferred off")
    plugin.ask("lie preferred")  # devices that do not exist are no matter
    kubelet.admitted("b", GPU, "1")
    kubelet.sound()


def preferred_per_resource(stand):
    """A deadline of its own for one resource."""
    kubelet, _, plugin = ready(
        stand, "--preferred-deadline", time_of(20),
        "--preferred-deadline", f"{GPU}={time_of(0.2)}")
    plugin.ask("hang preferred")
    seen = kubelet.admitted("a", GPU, "1")
    check(seen["seconds"] < 2 * FACTOR, f"took {seen['seconds']:.2f} s")


def scenario(stand):
    """Incident 1: NVIDIA's plugin hangs in nvmlInit; 100 pods are admitted."""
    stand.node("h20-mig-plugin-hang")
    kubelet, _, plugin = ready(stand, plugin=("--devices", "5", "--sim-nvml"))
    began = time.monotonic()
    for pod in range(100):
        kubelet.admitted(f"p{pod}", GPU, "1")
        kubelet.ask(f"remove p{pod}")
    took = time.monotonic() - began
    untouched(plugin)
    check(took < (5 * SHORT + 5) * FACTOR, f"took {took:.1f} s")
    call = kubelet.ask("calls")["GetPreferredAllocation"]
    check(call["max_ms"] > 1000 * SHORT * FACTOR * 0.9,
          f"the plugin did not hang: {call}")
    kubelet.sound()


def allocate_late(stand):
    kubelet, guard, plugin = ready(stand, *short(), "--allocate-failures", "2")
    plugin.ask("hang allocate")
    for pod in ("a", "b"):
        seen = kubelet.refused(pod, GPU, "1", within=10)
        check(seen["seconds"] < (SHORT + 1) * FACTOR,
              f"took {seen['seconds']:.2f} s")
        check(re.search("Unavailable|DeadlineExceeded", seen["error"]),
              f"code of the error: {seen['error']}")
        check(GPU in seen["error"], f"says not what: {seen['error']}")
    seen = kubelet.wait(GPU, "allocatable=0 stream=open", 3)
    equal(seen["capacity"], 4, "capacity")
    # The storm is over: no pod reaches the plugin any more.
    kubelet.refused("c", GPU, "1")
    equal(plugin.ask("state")["hanging"], 2, "calls that reached the plugin")
    plugin.ask("release")
    kubelet.wait(GPU, "allocatable=4", 5)
    kubelet.admitted("d", GPU, "4")
    untouched(plugin)
    kept_open(kubelet)
    kubelet.sound()
    check(guard.alive(), "the guard has ended")


def allocate_once(stand):
    """Never repeated, whatever becomes of it."""
    kubelet, _, plugin = ready(stand, *short(), "--allocate-failures", "9")
    plugin.ask("hang allocate")
    kubelet.refused("a", GPU, "1")
    plugin.ask("release")
    plugin.ask("error allocate busy")
    kubelet.refused("b", GPU, "1")
    plugin.ask("error allocate off")
    kubelet.admitted("c", GPU, "1")
    wait_until(lambda: plugin.ask("calls")["Allocate"]["count"] == 3, 5,
               lambda: f"three calls: {plugin.ask('calls')['Allocate']}")
    time.sleep(0.3)
    equal(plugin.ask("calls")["Allocate"]["count"], 3, "calls of the plugin")


def allocate_always_late(stand):
    """Each answer comes, and each too late: that is a storm as well."""
    kubelet, _, plugin = ready(stand, *short(), "--allocate-failures", "2")
    plugin.ask(f"delay allocate {1.5 * SHORT * FACTOR}")
    kubelet.refused("a", GPU, "1")
    wait_until(lambda: resource_status(stand).get("late_answers") == 1, 5,
               lambda: f"late_answers: {stand.guard_status()}")
    equal(kubelet.resource()["allocatable"], 4, "allocatable after the first")
    kubelet.refused("b", GPU, "1")
    kubelet.wait(GPU, "unhealthy=4 stream=open", 3)
    kubelet.wait(GPU, "healthy=4", 5)  # once the second is answered at last


def one_directory(stand):
    """By whatever name: the kubelet's socket is not to be taken."""
    kubelet = stand.kubelet()
    before = identity(stand.kubelet_dir / "kubelet.sock")
    stand.plugin_dir.rmdir()
    stand.plugin_dir.symlink_to(stand.kubelet_dir)
    guard = stand.guard(wait=False)
    wait_until(lambda: not guard.alive(), 5, "the guard runs")
    equal(guard.child.returncode, 64, "exit code")
    check("one directory" in guard.errors(), guard.errors())
    equal(identity(stand.kubelet_dir / "kubelet.sock"), before, "the socket")
    check(kubelet.alive(), "the kubelet has ended")


def options_learned(stand):
    """The kubelet restarts while the plugin hangs in everything."""
    kubelet, _, plugin = ready(stand)
    plugin.ask("hang all")
    kubelet.ask("restart")
    kubelet.wait(GPU, "stream=open registrations=1 capacity=4", 3)
    call = kubelet.ask("calls")["GetDevicePluginOptions"]
    check(call["max_ms"] < 500 * FACTOR, f"options took {call['max_ms']} ms")
    equal(kubelet.resource()["options"]["preferred"], True, "options")


def options_hang(stand):
    """At the registration: bounded, and no other plugin waits."""
    kubelet = stand.kubelet()
    plugin = stand.plugin(GPU)
    plugin.ask("hang options")
    stand.guard(*short())
    began = time.monotonic()
    wait_until(lambda: plugin.ask("state")["refused"] > 0 or
               plugin.ask("state")["registered"], 8,
               "Register is not answered")
    stand.plugin(OTHER)
    kubelet.wait(OTHER, "healthy=8", 5)
    check(time.monotonic() - began < 15 * FACTOR, "too late")
    plugin.ask("release")
    kubelet.wait(GPU, "healthy=8", 15)


def pre_start_late(stand):
    kubelet, _, plugin = ready(
        stand, plugin=("--devices", "4", "--options", "prestart"))
    kubelet.admitted("a", GPU, "1")
    plugin.ask("hang prestart")
    seen = kubelet.ask("start a", 15)
    check(not seen["started"] and seen["seconds"] < (SHORT + 2) * FACTOR,
          f"PreStartContainer: {seen}")
    plugin.ask("release")
    wait_until(lambda: kubelet.ask("start a")["started"], 10,
               "not started once the plugin is well")


def late_answer(stand):
    kubelet, guard, plugin = ready(stand, *short(), "--allocate-failures", "9")
    plugin.ask(f"delay allocate {3 * SHORT * FACTOR}")
    kubelet.refused("a", GPU, "1")
    plugin.ask("delay allocate 0")
    seen = kubelet.admitted("b", GPU, "2")
    equal(seen["allocations"][0]["envs"]["TEST_DEVICES"],
          ",".join(seen["devices"][GPU]), "whose answer it is")
    wait_until(lambda: resource_status(stand).get("late_answers") == 1, 5,
               lambda: f"late_answers: {stand.guard_status()}")
    check(any("late" in str(line) for line in guard.lines()),
          "nothing is logged of it")


def in_order(stand):
    kubelet, _, plugin = ready(stand)
    for turn in range(40):
        plugin.ask(f"devices {' '.join(f'd{i}' for i in range(turn % 7 + 1))} "
                   f"turn-{turn}")
    sent = plugin.ask("state")["snapshots"]
    wait_until(lambda: hashes(kubelet)[-1] == sent[-1], 5,
               "the last list does not arrive")
    order = [sent.index(one) for one in hashes(kubelet) if one in sent]
    equal(order, sorted(order), "the order of lists")
    kubelet.ask("restart")
    kubelet.wait(GPU, "stream=open messages>=1", 5)
    equal(hashes(kubelet)[0], sent[-1], "what a new stream begins with")


def oversize(stand):
    kubelet, guard, plugin = ready(stand)
    plugin.ask("big 5")
    wait_until(lambda: any(re.search("4 MiB|4194304", str(line))
                           for line in guard.lines()), 8,
               lambda: f"not said: {guard.errors()[-500:]}")
    seen = kubelet.resource()
    equal((seen["stream"], seen["ended"]), ("open", 0), "the kubelet's stream")
    plugin.ask("big 0")
    kubelet.wait(GPU, "healthy=4", 20)
    kept_open(kubelet)


def others_go_on(stand):
    kubelet, _, plugin = ready(stand, *short(allocate=20, preferred=20))
    other = stand.plugin(OTHER, "--devices", "4")
    kubelet.wait(OTHER, "healthy=4", 5)
    plugin.ask("hang all")
    kubelet.ask(f"admit-async a {GPU} 1")
    wait_until(lambda: plugin.ask("state")["hanging"] > 0, 5, "no call hangs")
    for method in ("GetPreferredAllocation", "Allocate"):
        seen = kubelet.ask(f"hammer {OTHER} {method} 100 4", 20)
        equal(seen["errors"], 0, "errors")
        check(seen["max_ms"] < 1000 * FACTOR, f"another's {method}: {seen}")
    other.ask("health dev-0 Unhealthy")
    kubelet.wait(OTHER, "healthy=3", 2)
    third = stand.plugin("example.com/third")
    kubelet.wait("example.com/third", "healthy=8", 5)
    plugin.send_signal(signal.SIGSTOP)
    third.ask("health dev-0 Unhealthy")
    kubelet.wait("example.com/third", "healthy=7", 2)
    plugin.send_signal(signal.SIGCONT)


def others_pods(stand):
    """Pods of another resource wait no longer than a deadline."""
    kubelet, _, plugin = ready(stand)
    stand.plugin(OTHER, "--devices", "4")
    kubelet.wait(OTHER, "healthy=4", 5)
    plugin.ask("hang all")
    kubelet.ask(f"admit-async a {GPU} 1")
    began = time.monotonic()
    kubelet.admitted("b", OTHER, "1")
    took = time.monotonic() - began
    # GetPreferredAllocation and Allocate of the pod before it.
    check(took < (2 * SHORT + 1) * FACTOR, f"took {took:.2f} s")


CASES = [
    ("G1 bytes pass as they are", bytes_pass),
    ("G1 unknown fields of requests, and errors", unknown_requests_pass),
    ("G1 the registration passes", registration_passes),
    ("G2 GetPreferredAllocation is late", preferred_late),
    ("G2 GetPreferredAllocation fails", preferred_error),
    ("G2 a deadline for one resource", preferred_per_resource),
    ("G2 h20-mig-plugin-hang: 100 pods", scenario),
    ("G3 Allocate is late", allocate_late),
    ("G3 Allocate is never repeated", allocate_once),
    ("G3 Allocate is always late", allocate_always_late),
    ("G4 options are known", options_learned),
    ("G4 options hang at the registration", options_hang),
    ("G5 PreStartContainer is late", pre_start_late),
    ("G9 a late answer", late_answer),
    ("G10 lists in order", in_order),
    ("G10 a list over 4 MiB", oversize),
    ("G11 others go on", others_go_on),
    ("G12 one directory for both", one_directory),
    ("G11 others' pods", others_pods),
]
# Milliseconds are measured: nothing else runs meanwhile.
ALONE = [("G1 added latency", added_latency)]
