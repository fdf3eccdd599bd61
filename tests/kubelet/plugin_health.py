"""What `gpuward device-plugin` takes for healthy: of H what needs processes.
What is pure of it is tested beside the code.
"""
import time

from plugin_stand import BAD_SOON, BIG, GOOD_SOON, GPU, HANGS, ready
from stand import FACTOR, check, equal


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
    # Who never said its name is listed all the same.
    kubelet.wait(GPU, "stream=open capacity=8 healthy=0", 15)
    time.sleep(4 * FACTOR)  # longer than is tolerated
    equal(kubelet.resource(GPU)["messages"], 1, "lists while nothing changes")
    stand.clear()
    kubelet.wait(GPU, "capacity=8 healthy=8", GOOD_SOON + 5)


def one_stuck_client(stand):
    """Somebody else's hang is no reason: fresh probes answer."""
    kubelet, _, _ = ready(stand, scenario="h20-mig-plugin-hang")
    time.sleep(5 * FACTOR)
    equal(kubelet.resource(GPU)["healthy"], 8, "healthy")
    kubelet.admitted("a", GPU, "2")


def agent_restarts(stand):
    """In a moment: nothing to tell."""
    kubelet, agent, _ = ready(stand)
    count = kubelet.resource(GPU)["messages"]
    for _ in range(2):
        agent.kill()
        agent = stand.agent()
    time.sleep(1 * FACTOR)
    equal(kubelet.resource(GPU)["messages"], count, "lists")


def agent_goes(stand):
    """No news is not good news, but news again is."""
    kubelet, agent, _ = ready(stand)
    agent.kill()
    kubelet.wait(GPU, "healthy=0", 40)
    stand.agent()
    kubelet.wait(GPU, "healthy=8", GOOD_SOON)


CASES = [
    ("H1 Xids", xids),
    ("H1 Xids that are disabled", xids_disabled),
    ("H2 an Xid of a whole GPU", parent_wide),
    ("H3 a hang, and after it", hang_and_recovery),
    ("H3 a hang from the start", from_the_start),
    ("H3 one stuck client", one_stuck_client),
    ("H4 the agent restarts", agent_restarts),
    ("H4 the agent is gone", agent_goes),
]
