"""A guard between a kubelet and a plugin, and what is looked at in each case."""
from stand import GPU, equal, time_of

OTHER = "example.com/other"
# Short, so that cases are; long enough for a busy machine.
SHORT = 0.4


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
