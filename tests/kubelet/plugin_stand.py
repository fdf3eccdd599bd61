"""`gpuward device-plugin` on a simulated node, at a kubelet."""
import protobuf
from stand import equal

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


def own_node(stand, first="temperature: 30", second="temperature: 30",
             name="node"):
    """A scenario of two GPUs, with a line of YAML for each."""
    path = stand.folder / "scenario.yaml"
    path.write_text(NODE.format(first=first, second=second))
    stand.node(path, name)


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
