"""Plugins, kubelets and the guard itself go and come: G6 to G8, G12, and the
protocol's P where they hold for `gpuward guard` as well.
"""
import pathlib
import signal
import threading
import time

from guard_stand import OTHER, kept_open, ready, short, untouched
from stand import (FACTOR, GPU, Kubelet, check, equal, sanitized, time_of,
                   wait_until)


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


def own_socket_deleted(stand):
    """P5: by whatever hand."""
    kubelet, _, plugin = ready(stand)
    pathlib.Path(kubelet.resource()["socket"]).unlink()
    kubelet.wait(GPU, "registrations>=2 stream=open healthy=4", 10)
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
    second = stand.track(Kubelet(
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


def wrong_usage(stand):
    """Settings that make no sense end it with a sentence, before anything."""
    for words in (("--allocate-failures", "0"), ("--prestart-deadline", "31s"),
                  ("--plugin-dir", str(stand.kubelet_dir))):
        guard = stand.guard(*words, wait=False)
        wait_until(lambda g=guard: not g.alive(), 5, f"{words}: it runs")
        equal(guard.child.returncode, 64, f"exit code of {words}")
        check(guard.errors().strip(), f"{words}: not a word")


def past_the_guard(stand):
    """A plugin that has the kubelet's folder back is left in peace."""
    kubelet, guard, plugin = ready(stand, *short())
    plugin.kill()
    kubelet.wait(GPU, "allocatable=0 stream=open", 5)
    direct = stand.plugin(GPU, "--devices", "4", direct=True)
    wait_until(lambda: guard_state(stand) == "elsewhere", 15,
               "the guard does not give way")
    seen = kubelet.wait(GPU, "allocatable=4 stream=open", 2)
    equal(seen["registrations"], 2, "registrations")
    direct.kill()
    stand.plugin(GPU, "--devices", "4")  # behind the guard again
    kubelet.wait(GPU, "allocatable=4 stream=open", 10)


def guard_state(stand):
    """Nothing while its file is not written yet."""
    resources = stand.guard_status().get("resources", {})
    return resources.get(GPU, {}).get("plugin")


CASES = [
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
    ("G8 a plugin past the guard", past_the_guard),
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
