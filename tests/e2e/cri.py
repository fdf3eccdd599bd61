"""Containers of a lab as the kubelet has them made, by containerd's CRI socket,
and those that containerd's own ctr makes.

    cri.lay(lab)                            before lab.start()
    cri.start(lab)                          instead of containers.start()
    box = cri.CRI.start(lab, "tv")          a pod "tv" with a container "main"
    cri.Beside("tv").start(lab, "log")      one more container in that pod
    cri.update(box, shares=512)             UpdateContainerResources
    cri.CTR.start(lab, "plain")             ctr, with its own choice of cgroup
    cri.CTR_SYSTEMD.start(lab, "scoped")    ctr --runc-systemd-cgroup

The pods are on the host's network, which needs no network plugin. Debian has no
crictl and no nerdctl: cri_client.py speaks for the kubelet.
"""
import base64
import hashlib
import json
import shlex
import uuid

import containers
from cgroups import wait_until
from containers import HERE, IMAGE, Engine
from cri_client import encode

CLIENT = "/usr/lib/gpuward-lab/cri-client"
RUNC = "/usr/lib/gpuward-lab/meek-runc"
IMAGES = "docker.io/library"
PAUSE = "gpuward-lab-pause:1"
PODS = "/run/lab/pods"  # by name: the ids of the pod and the container
STATES = "/run/containerd/io.containerd.runtime.v2.task"
NAMESPACE = "gpu-jobs"
CHECKPOINT = "/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint"
# As on a node whose kubelet uses the systemd driver, its default. A lab may not
# be allowed to protect a pod from the killer of processes.
CONFIG = f"""version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{IMAGES}/{PAUSE}"
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = true
  BinaryName = "{RUNC}"
"""
def lay(lab):
    lab.file("/etc/containerd/config.toml", CONFIG)
    lab.program(CLIENT, HERE / "cri_client.py")
    lab.program(RUNC, HERE / "meek_runc.py")


def start(lab):
    """containerd, and the images in both of its namespaces."""
    lab.run(f"mkdir -p {PODS}; {containers.MAKE_IMAGE}", check=True)
    described = [describe(lab, name, tag, command) for name, tag, command in (
        ("image", IMAGE, ["/bin/sh"]),
        ("pause", PAUSE, ["/bin/sleep", "1000000"]))]
    lab.path("/run/lab/manifest.json").write_text(json.dumps(described))
    lab.run("cd /run/lab && "
            "tar -cf images.tar manifest.json image.json pause.json image.tar "
            "&& systemctl start containerd && "
            "ctr -n k8s.io images import images.tar && "
            "ctr images import images.tar", check=True)


def describe(lab, name, tag, command):
    """An image of that one layer, as `docker save` has it. What has another
    name needs another configuration too: an image's id is its hash."""
    layer = hashlib.sha256(lab.path("/run/lab/image.tar").read_bytes())
    lab.path(f"/run/lab/{name}.json").write_text(json.dumps({
        "architecture": "amd64", "os": "linux", "config": {"Cmd": command},
        "rootfs": {"type": "layers",
                   "diff_ids": [f"sha256:{layer.hexdigest()}"]}}))
    return {"Config": f"{name}.json", "RepoTags": [f"{IMAGES}/{tag}"],
            "Layers": ["image.tar"]}


def clear(lab):
    """Ends all that was made here; forgets what a kubelet noted."""
    lab.run(f"[ -z \"$(ls {PODS})\" ] || {CLIENT} remove "
            f"$(cat {PODS}/* | cut -d ' ' -f 1 | sort -u); "
            f"for box in $(ctr containers ls -q); do {ctr_remove('$box')}; "
            f"done; rm -f {PODS}/* {CHECKPOINT}", check=True)


def ids(box):
    """Those of its pod and of itself."""
    return box.lab.path(f"{PODS}/{box.name}").read_text().split()


def specification(box):
    """Where containerd keeps the OCI specification of a pod's container."""
    return f"{STATES}/k8s.io/{ids(box)[1]}/config.json"


def update(box, shares):
    """The kubelet's own update of a container, how it ends as well."""
    return box.lab.run(f"{CLIENT} update {ids(box)[1]} {shares}")


# Messages of CRI, runtime.v1: the numbers are those of its api.proto.

NODE = 2  # NamespaceMode: the host's
CONTAINER = 1  # its own


def mapped(number, pairs):
    """Entries of a map."""
    return [[number, [[1, key], [2, value]]] for key, value in pairs.items()]


def uid_of(pod):
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, pod))


def log_directory(pod):
    return f"/var/log/pods/{NAMESPACE}_{pod}_{uid_of(pod)}"


def pod_config(pod):
    uid = uid_of(pod).replace("-", "_")
    parent = ("/kubepods.slice/kubepods-besteffort.slice/"
              f"kubepods-besteffort-pod{uid}.slice")
    return [
        [1, [[1, pod], [2, uid_of(pod)], [3, NAMESPACE]]],
        [3, log_directory(pod)],
        *mapped(6, pod_labels(pod)),
        *mapped(7, {"kubernetes.io/config.source": "api"}),
        [8, [[1, parent], [2, [[1, [[1, NODE]]]]]]]]


def pod_labels(pod):
    return {"io.kubernetes.pod.name": pod,
            "io.kubernetes.pod.namespace": NAMESPACE,
            "io.kubernetes.pod.uid": uid_of(pod)}


def container_config(pod, name, wish, mounts):
    return [
        [1, [[1, name]]],
        [2, [[1, f"{IMAGES}/{IMAGE}"]]],
        *([3, word] for word in wish.command()),
        *([6, [[1, key], [2, value]]]
          for key, value in wish.environment().items()),
        *([7, [[1, target], [2, source], [3, int(mode == "ro")]]]
          for source, target, mode in mounts),
        *([8, [[1, node], [2, node], [3, "rw"]]] for node in wish.nodes),
        *mapped(9, {**pod_labels(pod), "io.kubernetes.container.name": name}),
        *mapped(10, {"io.kubernetes.container.restartCount": "0"}),
        [11, f"{name}/0.log"],
        # What the kubelet asks for where a pod asks for nothing.
        [15, [[1, [[3, 2], [5, 1000]]],
              [2, [[3, [[1, NODE], [2, CONTAINER]]]]]]]]


def allocation(nodes):
    """A device plugin's ContainerAllocateResponse, v1beta1, as the kubelet
    keeps it."""
    return base64.b64encode(encode(
        [[3, [[1, node], [2, node], [3, "rw"]]] for node in nodes])).decode()


def write_checkpoint(lab, pod, nodes):
    """The kubelet's record that "main" of the pod was given these nodes."""
    gpus = [f"GPU-{uid_of('gpu')}"]
    place = lab.path(CHECKPOINT)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps({
        "Data": {
            "PodDeviceEntries": [{
                "PodUID": uid_of(pod), "ContainerName": "main",
                "ResourceName": "nvidia.com/gpu", "DeviceIDs": {"0": gpus},
                "AllocResp": allocation(nodes)}],
            "RegisteredDevices": {"nvidia.com/gpu": gpus}},
        "Checksum": 3145158219}))


# Ways of making containers.

class InContainerd(Engine):
    """`kubectl exec` and `ctr tasks exec` end up in the same program."""

    def __init__(self, namespace):
        self.namespace = namespace

    def _pid(self, lab, made):
        place = lab.path(f"{STATES}/{self.namespace}/{made}/init.pid")
        return int(wait_until(place.read_text, 1))

    def _exec(self, made):
        return f"runc --root /run/containerd/runc/{self.namespace} exec {made}"


class Cri(InContainerd):
    def __init__(self):
        super().__init__("k8s.io")

    def begin(self, lab, name, wish):
        return self._begin(lab, name, "main", wish, "", name)

    def _begin(self, lab, pod, container, wish, into, place):
        message = json.dumps({
            "pod": pod_config(pod),
            "container": container_config(pod, container, wish,
                                          wish.mounts(lab, place))})
        lab.run(f"mkdir -p {log_directory(pod)}/{container} && "
                f"{CLIENT} start {into} >{PODS}/{place} <<'END'\n"
                f"{message}\nEND\n", check=True)
        made = lab.path(f"{PODS}/{place}").read_text().split()[1]
        return self._pid(lab, made)

    def exec_line(self, name):
        return self._exec(f"$(cut -d ' ' -f 2 {PODS}/{name})")

    def remove_line(self, name):
        return (f"{CLIENT} remove $(cut -d ' ' -f 1 {PODS}/{name}) && "
                f"rm {PODS}/{name}")


class Beside(Cri):
    def __init__(self, pod):
        super().__init__()
        self.pod = pod

    def begin(self, lab, name, wish):
        into = lab.path(f"{PODS}/{self.pod}").read_text().split()[0]
        return self._begin(lab, self.pod, name, wish, into, name)


class Ctr(InContainerd):
    def __init__(self, options=""):
        super().__init__("default")
        self.options = options

    def begin(self, lab, name, wish):
        options = [f"--runc-binary {RUNC}",
                   self.options.format(name=name),
                   *(f"--device {node}" for node in wish.nodes),
                   *(f"--env {key}={value}"
                     for key, value in wish.environment().items()),
                   *(f"--mount type=bind,src={source},dst={target},"
                     f"options=rbind:{mode}"
                     for source, target, mode in wish.mounts(lab, name))]
        lab.run(f"ctr run -d {' '.join(options)} {IMAGES}/{IMAGE} {name} "
                f"{shlex.join(wish.command())}", check=True)
        return self._pid(lab, name)

    def exec_line(self, name):
        return self._exec(name)

    def remove_line(self, name):
        return ctr_remove(name)


def ctr_remove(name):
    return f"ctr tasks delete -f {name}; ctr containers delete {name}"


CRI = Cri()
CTR = Ctr()
CTR_SYSTEMD = Ctr("--runc-systemd-cgroup --cgroup system.slice:ctr:{name}")
