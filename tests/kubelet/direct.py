"""The test kubelet and the test plugin, face to face: that they behave as the
real ones do (kubelet.md a.1 to a.7). Without this nothing below means much.
"""
import json

from stand import FACTOR, GPU, check, equal, wait_until

OTHER = "example.com/other"


def ready(stand, *kubelet_options, plugin=("--devices", "4")):
    kubelet = stand.kubelet(*kubelet_options)
    vendor = stand.plugin(GPU, *plugin, direct=True)
    kubelet.wait(GPU, "stream=open messages>=1", 5)
    return kubelet, vendor


def admission(stand):
    """The devices that the plugin prefers, in the answer that it gave."""
    kubelet, plugin = ready(stand)
    seen = kubelet.admitted("a", GPU, "2")
    equal(seen["devices"], {GPU: ["dev-0", "dev-1"]}, "devices")
    equal(seen["allocations"][0]["envs"]["TEST_DEVICES"], "dev-0,dev-1", "envs")
    seen = kubelet.refused("b", GPU, "3")
    check("Requested: 3, Available: 2" in seen["error"], seen["error"])
    equal(seen["reason"], "UnexpectedAdmissionError", "reason")
    kubelet.ask("remove a")
    kubelet.admitted("c", GPU, "2", "/", GPU, "2")
    equal(plugin.ask("calls")["Allocate"]["count"], 3, "one call a container")
    kubelet.sound()


def freeze(stand):
    """A plugin that hangs stops every admission, for as long as it likes."""
    kubelet, plugin = ready(stand)
    stand.plugin(OTHER, direct=True)
    kubelet.wait(OTHER, "healthy=8", 5)
    for method in ("preferred", "allocate"):
        plugin.ask(f"hang {method}")
        stuck = kubelet.admit(f"{method}-1", GPU, "1", within=0.3)
        check(stuck.get("pending"), f"not stuck in {method}: {stuck}")
        other = kubelet.admit(f"{method}-2", OTHER, "1", within=0.3)
        check(other.get("pending"), f"another's pod is not held up: {other}")
        equal(kubelet.resource()["healthy"], 4, "what is seen meanwhile")
        plugin.ask("release")
        for pod in ("1", "2"):
            seen = kubelet.result(f"{method}-{pod}", 5)
            check(seen.get("admitted"), f"after the release: {seen}")


def stream_end(stand):
    """Allocatable 0 at once, capacity for the grace, then 0/0; no redial."""
    kubelet, plugin = ready(stand, "--grace", str(0.5 * FACTOR))
    plugin.ask("end-stream")
    seen = kubelet.wait(GPU, "stream=ended allocatable=0", 2)
    equal(seen["capacity"], 4, "capacity in the time of grace")
    error = kubelet.refused("a", GPU, "1")["error"]
    check("no healthy devices present" in error, error)
    kubelet.wait(GPU, "capacity=0", 5)
    equal(plugin.ask("state")["streams"], 0, "streams after the end")
    equal(kubelet.resource()["registrations"], 1, "registrations")
    plugin.ask("reregister")
    kubelet.wait(GPU, "capacity=4 allocatable=4 registrations=2", 5)


def snapshots(stand):
    kubelet, plugin = ready(stand)
    plugin.ask("devices a b c=Weird")
    seen = kubelet.wait(GPU, "capacity=3", 2)
    equal(seen["allocatable"], 2, "only 'Healthy' is healthy")
    plugin.ask("devices a a=Unhealthy")
    seen = kubelet.wait(GPU, "capacity=2", 2)
    equal(seen["unhealthy"], 1, "named twice, counted twice: unhealthy")
    plugin.ask("devices")
    kubelet.wait(GPU, "capacity=0 stream=open", 2)


def registration(stand):
    kubelet = stand.kubelet()
    for resource, word in (("gpu", "invalid"), ("kubernetes.io/gpu", "invalid")):
        bad = stand.plugin(resource, direct=True)
        wait_until(lambda p=bad: word in p.ask("state")["refusal"], 5,
                   f"{resource} is not refused")
        bad.kill()
    plugin = stand.plugin(GPU, "--authority", "path", direct=True)
    seen = kubelet.wait(GPU, "healthy=8", 5)
    check(seen["authority"].endswith("kubelet.sock"), seen["authority"])
    equal(plugin.ask("state")["authority"], "localhost", "the kubelet's own")


def old_authority(stand):
    _, plugin = ready(stand, "--authority", "path")
    state = plugin.ask("state")
    equal(state["authority"], state["socket"], "authority of old kubelets")


def options_hang(stand):
    """Inside Register, without a deadline; admissions go on."""
    kubelet, _ = ready(stand)
    plugin = stand.plugin(OTHER, "--socket", "late.sock", direct=True)
    kubelet.wait(OTHER, "healthy=8", 5)
    plugin.ask("hang options")
    plugin.ask("reregister")
    wait_until(lambda: plugin.ask("state")["hanging"] == 1, 5, "no call hangs")
    check(not plugin.ask("state")["registered"], "Register was answered")
    kubelet.admitted("a", GPU, "1")
    plugin.ask("release")
    kubelet.wait(OTHER, "healthy=8 registrations=2", 5)


def restart(stand):
    """Sockets are deleted, allocations come back from the checkpoint."""
    kubelet, plugin = ready(stand, plugin=("--devices", "4", "--numa"))
    held = kubelet.admitted("a", GPU, "2")["devices"][GPU]
    text = json.loads((stand.kubelet_dir /
                       "kubelet_internal_checkpoint").read_text())
    entry = text["Data"]["PodDeviceEntries"][0]
    equal((entry["PodUID"], entry["ResourceName"]), ("a", GPU), "checkpoint")
    equal(sorted(entry["DeviceIDs"]), ["0", "1"], "nodes of the checkpoint")
    plugin.ask("ignore-kubelet")
    kubelet.ask("restart")
    error = kubelet.refused("b", GPU, "1")["error"]
    check("no healthy devices present" in error, error)
    check(not (stand.kubelet_dir / "test-gpu.sock").exists(), "socket is left")
    plugin.ask("ignore-kubelet off")
    kubelet.ask("restart")
    kubelet.wait(GPU, "healthy=4", 5)
    seen = kubelet.admitted("b", GPU, "2")["devices"][GPU]
    check(not set(seen) & set(held), f"{held} were handed out again: {seen}")
    kubelet.sound()
    kubelet.ask("restart twice")
    wait_until(lambda: plugin.ask("state")["starts"] == 4, 5,
               lambda: f"made twice, seen once: {plugin.ask('state')}")
    kubelet.wait(GPU, "healthy=4 stream=open", 5)


def late_end(stand):
    """Kubelets before v1.36: the old stream's end disconnects the new one."""
    kubelet, plugin = ready(stand, "--streams", "by-name")
    newer = stand.plugin(GPU, "--devices", "4", "--socket", "newer.sock",
                         direct=True)
    kubelet.wait(GPU, "registrations=2 messages>=2", 5)
    plugin.ask("end-stream")
    kubelet.wait(GPU, "stream=ended healthy=0", 5)
    wait_until(lambda: newer.ask("state")["streams"] == 0, 5,
               "the new one's stream stays open")


def by_path(stand):
    """v1.36: an end is one's own; the same socket is refused meanwhile."""
    kubelet, plugin = ready(stand, "--streams", "by-path")
    newer = stand.plugin(GPU, "--devices", "4", "--socket", "newer.sock",
                         direct=True)
    kubelet.wait(GPU, "registrations=2 messages>=2", 5)
    plugin.ask("end-stream")
    kubelet.wait(GPU, "ended=1", 5)
    equal(kubelet.resource()["stream"], "open", "the new one's stream")
    third = stand.plugin(GPU, "--socket", "newer.sock", direct=True)
    wait_until(lambda: "already registered" in third.ask("state")["refusal"], 5,
               "the same socket is taken twice")
    newer.kill()
    wait_until(lambda: third.ask("state")["registered"], 5,
               "refused though the stream has ended")


def oversize(stand):
    kubelet, plugin = ready(stand)
    plugin.ask("big 5")
    seen = kubelet.wait(GPU, "stream=ended healthy=0", 5)
    check("ResourceExhausted" in seen["end"], seen["end"])


def init_container(stand):
    """Its devices go to those who follow, and must be in the preference."""
    kubelet, plugin = ready(stand)
    seen = kubelet.admitted("a", "init", GPU, "1", "/", GPU, "3")
    equal([len(a["ids"]) for a in seen["allocations"]], [1, 3], "devices")
    check(set(seen["allocations"][0]["ids"]) <= set(
        seen["allocations"][1]["ids"]), f"not used again: {seen}")
    request = plugin.ask("calls")["GetPreferredAllocation"]["request"]
    check("1205" + b"dev-0".hex() in request, "nothing must be included")


def pre_start(stand):
    kubelet, plugin = ready(
        stand, "--prestart-deadline", str(0.3 * FACTOR),
        plugin=("--devices", "4", "--options", "prestart"))
    kubelet.admitted("a", GPU, "1")
    check(kubelet.ask("start a")["started"], "not started")
    equal(set(plugin.ask("calls")), {"GetDevicePluginOptions", "Allocate",
                                     "PreStartContainer"}, "calls")
    plugin.ask("hang prestart")
    seen = kubelet.ask("start a")
    check("DeadlineExceeded" in seen["error"], f"no deadline: {seen}")


def errors(stand):
    """An error of either call refuses the pod for good."""
    kubelet, plugin = ready(stand)
    for method, text in (("preferred", "GetPreferredAllocation rpc failed"),
                         ("allocate", "rpc error: code = Unknown desc = no!")):
        plugin.ask(f"error {method} no!")
        error = kubelet.refused(method, GPU, "1")["error"]
        check(text in error and "no!" in error, error)
        plugin.ask(f"error {method} off")
    plugin.ask("lie preferred")
    kubelet.admitted("a", GPU, "1")
    plugin.ask("lie allocate")
    error = kubelet.refused("b", GPU, "1")["error"]
    check("no containers return" in error, error)
    kubelet.sound()


CASES = [
    ("direct: a pod is admitted", admission),
    ("direct: a hanging plugin freezes the kubelet", freeze),
    ("direct: the end of a stream", stream_end),
    ("direct: snapshots replace, and count", snapshots),
    ("direct: registrations that are refused", registration),
    ("direct: authority of old kubelets", old_authority),
    ("direct: options that hang hold up Register", options_hang),
    ("direct: the kubelet restarts", restart),
    ("direct: a late end, by name", late_end),
    ("direct: a late end, by path", by_path),
    ("direct: a message over 4 MiB", oversize),
    ("direct: an init container", init_container),
    ("direct: PreStartContainer", pre_start),
    ("direct: errors and lies", errors),
]
