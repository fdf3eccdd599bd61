"""`gpuward guard` between the kubelet and vendors' plugins: G1 to G12, and the
protocol's P where they hold for it as well.
"""
import pathlib
import re
import signal
import threading
import time

from stand import (FACTOR, GPU, Failed, check, equal, sanitized, time_of,
                   wait_until)

OTHER = "example.com/other"
# Short, so that cases are; long enough for a busy machine.
SHORT = 0.4
UNKNOWN = b"\xc2\x3e\x07unknown".hex()  # a field that nobody knows


def short(**more):
    """Options of a guard with short deadlines; `more` are in seconds."""
    times = {"preferred": SHORT, "allocate": SHORT, "prestart": SHORT,
             "options": SHORT, **more}
    words = []
    for name, seconds in times.items():
        words += [f"--{name}-deadline", time_of(seconds)]
    return words + ["--liveness-interval", time_of(SHORT)]


def ready(stand, *options, plugin=("--devices", "4"), kubelet=()):
    """(kubelet, guard, plugin), the plugin's devices in sight."""
    one = stand.kubelet(*kubelet)
    guard = stand.guard(*(options or short()))
    vendor = stand.plugin(GPU, *plugin)
    one.wait(GPU, "stream=open messages>=1", 10)
    return one, guard, vendor


def untouched(plugin, starts=1):
    """The plugin noticed nothing that would make it begin anew."""
    state = plugin.ask("state")
    equal((state["starts"], state["registrations"]), (starts, starts),
          "starts and registrations of the plugin")


def kept_open(kubelet, registrations=1):
    """The kubelet saw one stream, all the time."""
    seen = kubelet.resource()
    equal((seen["stream"], seen["ended"], seen["registrations"]),
          ("open", 0, registrations), "the kubelet's stream")


def resource_status(stand, resource=GPU):
    return stand.guard_status().get("resources", {}).get(resource, {})


def hashes(kubelet, resource=GPU):
    return [m["hash"] for m in
            kubelet.ask(f"history {resource}")["messages"]]


# G1

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
    """Of one caller, call by call, beside the same plugin without a guard."""
    kubelet, _, _ = ready(stand, "--liveness-interval", "5s")
    stand.plugin(OTHER, "--devices", "4", direct=True)
    kubelet.wait(OTHER, "healthy=4", 5)
    seen = []
    for _ in range(5):  # the machine is shared: the best of some
        for method in ("GetPreferredAllocation", "Allocate"):
            plain = kubelet.ask(f"hammer {OTHER} {method} 400 1", 60)
            through = kubelet.ask(f"hammer {GPU} {method} 400 1", 60)
            equal(through["errors"], 0, "errors")
            seen.append((through["p99_ms"] - plain["p99_ms"],
                         through["p50_ms"] - plain["p50_ms"], method))
        added = max(seen[-2:])[0]
        if added < 2 * FACTOR:
            return
    raise Failed(f"p99 and p50 added in ms: {seen}")


# G2

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


# G3

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


# G4

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


# G5

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


# G6

def lost(stand, lose, regain):
    """The stream to the kubelet stays open and says Unhealthy."""
    kubelet, _, plugin = ready(stand, *short(), "--plugin-grace", "5min")
    kubelet.admitted("a", GPU, "1")
    lose(stand, plugin)
    seen = kubelet.wait(GPU, "allocatable=0 stream=open", 5)
    equal((seen["capacity"], seen["ended"]), (4, 0), "capacity, streams ended")
    began = time.monotonic()
    error = kubelet.refused("b", GPU, "1")["error"]
    check("no healthy devices" in error, error)
    check(time.monotonic() - began < 1 * FACTOR, "the kubelet is held up")
    regain(stand, plugin)
    kubelet.wait(GPU, "allocatable=4 stream=open", 8)
    kept_open(kubelet)
    kubelet.admitted("c", GPU, "3")
    kubelet.sound()


def another(stand, _):
    stand.plugin(GPU, "--devices", "4")


def killed(stand):
    lost(stand, lambda _, plugin: plugin.kill(), another)


def stopped(stand):
    lost(stand, lambda _, plugin: plugin.send_signal(signal.SIGSTOP),
         lambda _, plugin: plugin.send_signal(signal.SIGCONT))


def gone(stand):
    lost(stand, lambda _, plugin: plugin.ask("stop-serving"),
         lambda _, plugin: plugin.ask("serve-again"))


def stream_ended(stand):
    """The plugin lives and ends its stream: asked for anew."""
    kubelet, _, plugin = ready(stand)
    plugin.ask("end-stream")
    wait_until(lambda: plugin.ask("state")["streams"] == 1, 5,
               "the stream is not asked for anew")
    kubelet.wait(GPU, "allocatable=4 stream=open", 5)
    kept_open(kubelet)
    untouched(plugin)


def forgotten(stand):
    """A plugin that does not come back: its devices go in the end."""
    kubelet, _, plugin = ready(stand, *short(), "--plugin-grace", time_of(1))
    plugin.kill()
    kubelet.wait(GPU, "capacity=0", 6)


# G7

def restart_hidden(stand):
    kubelet, _, plugin = ready(stand)
    held = kubelet.admitted("a", GPU, "1")["devices"][GPU]
    for words in ("", "twice", "pause=0.5 twice"):
        kubelet.ask(f"restart {words}", 20)
        kubelet.wait(GPU, "healthy=4 stream=open", 4)
    kubelet.settle(GPU)
    untouched(plugin)
    equal(plugin.ask("state")["streams"], 1, "streams of the plugin")
    more = kubelet.admitted("b", GPU, "3")["devices"][GPU]
    check(not set(held) & set(more), f"{held} were handed out again: {more}")
    kubelet.sound()


def folder_anew(stand):
    """The kubelet's folder is deleted and made again."""
    kubelet, _, plugin = ready(stand)
    kubelet.kill()
    for each in stand.kubelet_dir.iterdir():
        each.unlink()
    stand.kubelet_dir.rmdir()
    time.sleep(0.3)
    stand.kubelet_dir.mkdir()
    kubelet = stand.kubelet()
    kubelet.wait(GPU, "healthy=4 stream=open", 10)
    untouched(plugin)


# G8

def other_socket(stand):
    kubelet, _, plugin = ready(stand)
    plugin.ask("reregister socket=second.sock")
    wait_until(lambda: plugin.ask("state")["registrations"] == 2 and
               plugin.ask("state")["streams"] == 1, 5, "not taken over")
    kubelet.wait(GPU, "healthy=4 stream=open", 5)
    kept_open(kubelet)
    kubelet.admitted("a", GPU, "4")


def other_resource(stand):
    """MIG was repartitioned: the old resource's devices cannot be had."""
    kubelet, _, plugin = ready(stand)
    plugin.ask(f"reregister resource={OTHER}")
    kubelet.wait(OTHER, "healthy=4 stream=open", 5)
    kubelet.wait(GPU, "allocatable=0", 5)
    kubelet.admitted("a", OTHER, "1")
    plugin.ask(f"reregister resource={GPU}")
    kubelet.wait(GPU, "healthy=4 stream=open", 5)
    kubelet.wait(OTHER, "allocatable=0", 5)


def other_options(stand):
    """A new version of the plugin, with other options."""
    kubelet, _, plugin = ready(stand)
    plugin.kill()
    stand.plugin(GPU, "--devices", "4", "--options", "prestart")
    wait_until(lambda: kubelet.resource()["options"] ==
               {"pre_start": True, "preferred": False}, 8,
               lambda: f"the options stay {kubelet.resource()['options']}")
    kubelet.wait(GPU, "healthy=4 stream=open", 5)


# G9

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


# G10

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


# G11

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


# G12

def guard_killed(stand):
    kubelet, guard, plugin = ready(stand)
    for turn in range(3):
        guard.kill()
        kubelet.wait(GPU, "stream=ended allocatable=0", 3)
        began = time.monotonic()
        guard = stand.guard(*short())
        kubelet.wait(GPU, "stream=open capacity=4", 2)
        kubelet.wait(GPU, "allocatable=4", 5)
        check(time.monotonic() - began < 5 * FACTOR, "too late")
        kubelet.admitted(f"a{turn}", GPU, "1")
    sockets = [p.name for p in stand.kubelet_dir.iterdir() if p.is_socket()]
    equal(len(sockets), 2, f"sockets that are left: {sockets}")
    kubelet.sound()
    check(plugin.ask("state")["registered"], "the plugin is not registered")


def plugin_killed_with_guard(stand):
    """Both come back; the kubelet knows the devices before the plugin does."""
    kubelet, guard, plugin = ready(stand)
    wait_until(lambda: GPU in stand.saved(), 3, "nothing is saved")
    plugin.kill()
    guard.kill()
    kubelet.wait(GPU, "stream=ended", 3)
    stand.guard(*short())
    seen = kubelet.wait(GPU, "stream=open capacity=4", 5)
    equal(seen["allocatable"], 0, "healthy devices without a plugin")
    stand.plugin(GPU, "--devices", "4")
    kubelet.wait(GPU, "allocatable=4", 5)


def state_of_nonsense(stand):
    """What the last guard left is of no use: as if there had been none."""
    kubelet, guard, _ = ready(stand)
    guard.kill()
    for each in stand.state_dir.iterdir():
        each.write_bytes(b"\xff{[nonsense")
    stand.guard(*short())
    kubelet.wait(GPU, "stream=open allocatable=4", 8)


def guard_ends(stand):
    """SIGTERM: at once, and its sockets with it; a hang does not delay it."""
    kubelet, guard, plugin = ready(stand, *short(allocate=20))
    plugin.ask("hang allocate")
    kubelet.ask(f"admit-async a {GPU} 1")
    wait_until(lambda: plugin.ask("state")["hanging"] == 1, 5, "no call hangs")
    took = guard.end()
    check(took < 2 * FACTOR, f"took {took:.1f} s to end")
    equal(guard.child.returncode, 0, "exit code")
    kubelet.wait(GPU, "stream=ended allocatable=0", 3)
    left = [p.name for p in stand.kubelet_dir.iterdir() if p.is_socket()]
    equal(left, ["kubelet.sock"], "sockets in the kubelet's folder")
    check(not (stand.plugin_dir / "kubelet.sock").exists(),
          "the plugin's kubelet.sock is left")


def no_kubelet_yet(stand):
    """The guard, then the plugin, then the kubelet."""
    stand.guard(*short())
    plugin = stand.plugin(GPU)
    wait_until(lambda: plugin.ask("state")["registered"], 5, "not registered")
    kubelet = stand.kubelet()
    kubelet.wait(GPU, "healthy=8 stream=open", 5)
    untouched(plugin)


def refused_by_kubelet(stand):
    """P6: it tries again, and no other resource waits."""
    kubelet = stand.kubelet()
    kubelet.ask("register refuse")
    stand.guard(*short())
    stand.plugin(GPU)
    wait_until(lambda: kubelet.ask("state")["asked"] >= 2, 15,
               "it does not try again")
    kubelet.ask("register accept")
    kubelet.wait(GPU, "healthy=8", 20)


def held_by_kubelet(stand):
    """P6: Register is not answered at all."""
    kubelet, _, plugin = ready(stand)
    kubelet.ask("register hold")
    stand.plugin(OTHER)
    wait_until(lambda: kubelet.ask("state")["asked"] >= 2, 5, "not asked")
    plugin.ask("health dev-0 Unhealthy")
    kubelet.wait(GPU, "healthy=3", 2)
    kubelet.admitted("a", GPU, "1")
    kubelet.ask("register accept")
    kubelet.wait(OTHER, "healthy=8", 25)


def own_socket_deleted(stand):
    """P5: by whatever hand."""
    kubelet, _, plugin = ready(stand)
    pathlib.Path(kubelet.resource()["socket"]).unlink()
    kubelet.wait(GPU, "registrations>=2 stream=open healthy=4", 10)
    untouched(plugin)


def old_kubelets(stand):
    """P7, P9: by name, raw path as authority, a plugin that does the same."""
    kubelet, guard, plugin = ready(
        stand, plugin=("--devices", "4", "--authority", "path"),
        kubelet=("--streams", "by-name", "--authority", "path"))
    kubelet.admitted("a", GPU, "1")
    plugin.ask("reregister socket=second.sock")
    wait_until(lambda: plugin.ask("state")["streams"] == 1, 5, "no stream")
    kubelet.wait(GPU, "healthy=4 stream=open", 5)
    guard.kill()
    stand.guard(*short())
    kubelet.wait(GPU, "healthy=4 stream=open", 8)
    time.sleep(0.5)  # what an old stream's late end would do
    kubelet.wait(GPU, "healthy=4 stream=open", 3)


def new_kubelets(stand):
    """P7: v1.36 refuses a socket whose stream lives."""
    kubelet, guard, plugin = ready(stand, kubelet=("--streams", "by-path"))
    plugin.ask("reregister socket=second.sock")
    wait_until(lambda: plugin.ask("state")["streams"] == 1, 5, "no stream")
    kubelet.wait(GPU, "healthy=4 stream=open", 5)
    guard.kill()
    stand.guard(*short())
    kubelet.wait(GPU, "healthy=4 stream=open", 8)
    pathlib.Path(kubelet.resource()["socket"]).unlink()
    kubelet.wait(GPU, "registrations>=3 stream=open healthy=4", 10)


def two_streams(stand):
    """P8: each gets every list."""
    kubelet, _, plugin = ready(stand)
    socket = kubelet.resource()["socket"]
    found = {}
    stand.kubelet_dir.joinpath("x").touch()
    second = stand.track(type(kubelet)(
        "second", [str(stand.tools / "test_kubelet"), "--dir",
                   str(stand.state_dir)], stand.folder))
    watching = threading.Thread(target=lambda: found.update(
        second.ask(f"watch {socket} {1.5 * FACTOR}", 10)))
    watching.start()
    time.sleep(0.4 * FACTOR)
    plugin.ask("health dev-0 Unhealthy")
    kubelet.wait(GPU, "healthy=3", 2)
    watching.join()
    equal(len(found["messages"]), 2, f"messages of the second: {found}")
    check(b"Unhealthy".hex() in found["messages"][1]["bytes"], str(found))
    kubelet.wait(GPU, "healthy=3 stream=open", 1)


def silent_plugin(stand):
    """Registered, and not one list: nothing is made up, nobody waits."""
    kubelet = stand.kubelet()
    stand.guard(*short())
    plugin = stand.plugin(GPU)
    kubelet.wait(GPU, "healthy=8", 5)
    plugin.ask("silent")
    plugin.ask("reregister")
    wait_until(lambda: plugin.ask("state")["registrations"] == 2, 5,
               "not registered")
    stand.plugin(OTHER)
    kubelet.wait(OTHER, "healthy=8", 5)
    plugin.ask("silent off")
    kubelet.wait(GPU, "healthy=8", 5)


def small(stand):
    """Memory, threads and descriptors, with three plugins and some use."""
    kubelet, guard, plugin = ready(stand)
    others = [f"example.com/r{index}" for index in range(2)]
    for each in others:
        stand.plugin(each)
        kubelet.wait(each, "healthy=8", 5)
    before = guard.descriptors()
    for turn in range(40):
        kubelet.admitted(f"p{turn}", GPU, "1", others[turn % 2], "1")
        kubelet.ask(f"remove p{turn}")
        plugin.ask(f"health dev-0 {'Healthy' if turn % 2 else 'Unhealthy'}")
    check(guard.descriptors() <= before + 2,
          f"{before} descriptors have become {guard.descriptors()}")
    memory = guard.status("VmRSS")
    if not sanitized():
        check(memory < 20 * 1024, f"{memory} KiB resident")


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


def wrong_usage(stand):
    """Settings that make no sense end it with a sentence, before anything."""
    for words in (("--allocate-failures", "0"), ("--prestart-deadline", "31s"),
                  ("--plugin-dir", str(stand.kubelet_dir))):
        guard = stand.guard(*words, wait=False)
        wait_until(lambda g=guard: not g.alive(), 5, f"{words}: it runs")
        equal(guard.child.returncode, 64, f"exit code of {words}")
        check(guard.errors().strip(), f"{words}: not a word")


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
    ("G4 options are known", options_learned),
    ("G4 options hang at the registration", options_hang),
    ("G5 PreStartContainer is late", pre_start_late),
    ("G6 the plugin is killed", killed),
    ("G6 the plugin is stopped", stopped),
    ("G6 the plugin's socket is gone", gone),
    ("G6 the plugin ends its stream", stream_ended),
    ("G6 the plugin does not come back", forgotten),
    ("G7 the kubelet restarts", restart_hidden),
    ("G7 the kubelet's folder is made anew", folder_anew),
    ("G8 another socket", other_socket),
    ("G8 another resource", other_resource),
    ("G8 other options", other_options),
    ("G9 a late answer", late_answer),
    ("G10 lists in order", in_order),
    ("G10 a list over 4 MiB", oversize),
    ("G11 others go on", others_go_on),
    ("G11 others' pods", others_pods),
    ("G12 the guard is killed", guard_killed),
    ("G12 guard and plugin are killed", plugin_killed_with_guard),
    ("G12 saved state is nonsense", state_of_nonsense),
    ("G12 SIGTERM", guard_ends),
    ("P5 guard: no kubelet yet", no_kubelet_yet),
    ("P5 guard: its socket is deleted", own_socket_deleted),
    ("P6 guard: the kubelet refuses", refused_by_kubelet),
    ("P6 guard: the kubelet does not answer", held_by_kubelet),
    ("P7 P9 guard: old kubelets", old_kubelets),
    ("P7 guard: new kubelets", new_kubelets),
    ("P8 guard: two streams", two_streams),
    ("guard: a plugin without a list", silent_plugin),
    ("guard: memory and descriptors", small),
    ("guard: wrong usage", wrong_usage),
]
# Milliseconds are measured: nothing else runs meanwhile.
ALONE = [("G1 added latency", added_latency)]
