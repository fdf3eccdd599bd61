"""Containers of a lab: docker, podman, runc and crun, as Debian 12 has them.

    tree = containers.fetch(folder)                 once; raises Unavailable
    with Lab(bin_dir, runtimes=tree, cgroup="v1") as lab:
        containers.lay(lab, bin_dir, tools)         before lab.start()
        lab.start()
        containers.start(lab)                       image and docker
        box = containers.DOCKER.start(lab, "a")     with nvidia0 and nvidiactl
        box.answer("/dev/nvidia0")                  "ENXIO": may be opened
        lab.run("systemctl daemon-reload")
        box.wait_for("/dev/nvidia0", "EPERM")       seen by its own process
        box.run("nvidia-smi -L").stdout             the simulated GPU, or not
        box.remove()

The main process of each container is container_client.c, which never restarts
and writes down when a node's answer changes. Nodes of a lab have no driver, so
ENXIO is what it gets where the device cgroup lets it through. nvidia-smi is the
project's NVML client with the simulator's library, mounted as NVIDIA's runtime
does that.
"""
import collections
import dataclasses
import json
import pathlib
import shlex
import shutil
import subprocess

from cgroups import wait_until
from lab import LIBRARY

HERE = pathlib.Path(__file__).resolve().parent
GPU = ("/dev/nvidia0", "/dev/nvidiactl")
ALLOWED, DENIED, ABSENT = "ENXIO", "EPERM", "ENOENT"

IMAGE = "gpuward-lab:1"
ROOTFS = "/run/lab/image"
BUNDLES = "/run/lab/bundles"
LOGS = "/run/lab/logs"
NO_MEMLOCK = "/usr/lib/gpuward-lab/no-memlock.so"
LEGACY = ("/usr/bin/nvidia-container-runtime",
          "/usr/bin/nvidia-container-runtime-hook")
# What the NVML client and its library need of the C library.
LOADED = ("/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6")
MAKE_IMAGE = f"""set -e
mkdir -p {BUNDLES} {LOGS} {ROOTFS}; cd {ROOTFS}
mkdir -p bin dev etc proc sys tmp log node lib64 lib/x86_64-linux-gnu usr/bin \
  usr/lib/x86_64-linux-gnu
cp /bin/busybox bin
bin/busybox --install bin
cp -L {LOADED[0]} lib64; cp -L {LOADED[1]} lib/x86_64-linux-gnu
cp /usr/lib/gpuward-lab/container-client bin
: >usr/bin/nvidia-smi; : >.{LIBRARY}
tar -C {ROOTFS} -cf ../image.tar .
"""
DAEMON = {"bridge": "none", "iptables": False, "ip-forward": False,
          "storage-driver": "overlay2",
          "runtimes": {"nvidia": {"path": LEGACY[0]}}}

# podman gives what it runs no environment but this.
CONTAINERS_CONF = f"""[engine]
conmon_env_vars = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                   "LD_PRELOAD={NO_MEMLOCK}"]
"""

Seen = collections.namedtuple("Seen", "microseconds node answer")


class Unavailable(Exception):
    """Why there are no container runtimes here."""


def fetch(folder):
    """The tree of runtimes, made below that folder if it is not there."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise Unavailable("needs apt-get and dpkg-deb, for the runtimes")
    try:
        done = subprocess.run(
            ["sh", str(HERE / "runtimes"), str(folder)], timeout=240,
            stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        raise Unavailable("fetching the container runtimes does not come to "
                          "an end") from None
    if done.returncode != 0:
        raise Unavailable(done.stderr.strip().rpartition("\n")[2])
    return pathlib.Path(folder).resolve() / "tree"


def lay(lab, bin_dir, tools):
    """What containers need of a lab, before it starts."""
    own = "/usr/lib/gpuward-lab"
    for name in ("container-client", "device-programs", "no-memlock.so"):
        lab.program(f"{own}/{name}", pathlib.Path(tools) / name)
    lab.program("/usr/bin/nvidia-smi", pathlib.Path(bin_dir) / "nvml-client")
    for place in LEGACY:
        lab.program(place, HERE / "legacy_injection.py")
    lab.file("/etc/containers/containers.conf", CONTAINERS_CONF)
    # The group "docker" comes from a maintainer script.
    lab.unit("docker.socket.d/lab.conf", "[Socket]\nSocketGroup=root\n")
    lab.file("/etc/docker/daemon.json", daemon_json("systemd"))


def daemon_json(driver):
    return json.dumps({**DAEMON,
                       "exec-opts": [f"native.cgroupdriver={driver}"]})


def start(lab):
    """Docker, and the image for each engine."""
    lab.run(MAKE_IMAGE, check=True)
    lab.run("systemctl start docker && docker import /run/lab/image.tar "
            + IMAGE, check=True)
    lab.run(f"podman import -q /run/lab/image.tar {IMAGE}", check=True)


def set_docker_driver(lab, driver):
    """"systemd" or "cgroupfs"; restarts docker, ends its containers."""
    lab.path("/etc/docker/daemon.json").write_text(daemon_json(driver))
    lab.run("systemctl reset-failed docker; systemctl restart docker",
            check=True)


def clear(lab):
    """Ends every container, whoever made it."""
    lab.run("docker ps -aq | xargs -r docker rm -f; "
            "podman rm -f -a -t 0; "
            f"for box in $(ls {BUNDLES}); do "
            f"  runtime=$(cat {BUNDLES}/$box/runtime); "
            "   $runtime delete -f $box; done; "
            f"rm -rf {BUNDLES}/* {LOGS}/*", check=True)


@dataclasses.dataclass(frozen=True)
class Wish:
    """A container: the nodes that it is given, and those that it tries."""
    nodes: tuple = GPU
    tries: tuple = GPU
    binds: tuple = ()  # files of the lab that it sees at the same place
    first: str = ":"  # a shell line before the client takes over
    every_ms: int = 5
    legacy: bool = False  # all GPUs by NVIDIA's hook; of docker alone
    parent: str = "system.slice:lab"  # of a plain one: slice:prefix of scopes

    def command(self):
        client = ["container-client", "--every", str(self.every_ms), "--log",
                  "/log/client", *self.tries]
        return ["/bin/sh", "-c", f"{self.first}; exec {shlex.join(client)}"]

    def environment(self):
        found = {"PATH": "/usr/bin:/bin", "GPUWARD_SIM": "/node",
                 "GPUWARD_SIM_DEV": "/dev"}
        if self.legacy:
            found["NVIDIA_VISIBLE_DEVICES"] = "all"
        return found

    def mounts(self, lab, name):
        """(source, target, mode)"""
        found = [(f"{LOGS}/{name}", "/log", "rw"),
                 *((path, path, "rw") for path in self.binds)]
        if self.nodes or self.legacy:
            found += [(LIBRARY, LIBRARY, "ro"), (str(lab.node), "/node", "ro"),
                      ("/usr/bin/nvidia-smi", "/usr/bin/nvidia-smi", "ro")]
        return found

    def options(self, lab, name):
        """As docker and podman take them."""
        return " ".join([
            f"-d --name {name} --network none",
            *(f"--device {node}" for node in self.nodes),
            *(f"-v {':'.join(each)}" for each in self.mounts(lab, name)),
            *(f"-e {key}={value}"
              for key, value in self.environment().items())])


class Container:
    def __init__(self, lab, engine, name, wish):
        self.lab = lab
        self.engine = engine
        self.name = name
        self.wish = wish
        self.pid = None  # its main process, as this machine counts

    def _adopt(self, pid):
        """Its main process, by the pid that it has in the lab."""
        self.pid = next(each for each in self.lab.cgroups.pids()
                        if pid_in_lab(each) == pid)

    @property
    def cgroup(self):
        """That of its main process, as the lab names it."""
        return self.lab.cgroup_of(self.pid)

    @property
    def scope(self):
        """The systemd unit that it lives in; None where it has none."""
        return next((part for part in self.cgroup.split("/")
                     if part.endswith(".scope")), None)

    def seen(self):
        """What its process found, a line each time that an answer changed."""
        try:
            text = self.lab.path(f"{LOGS}/{self.name}/client").read_text()
        except FileNotFoundError:
            return []
        lines = [line.split() for line in text.splitlines()]
        return [Seen(int(when), *rest) for when, *rest in lines]

    def answer(self, node):
        """What its process found last."""
        found = [each.answer for each in self.seen() if each.node == node]
        return found[-1] if found else None

    def answers(self):
        """The same of every node that it tries."""
        return {node: self.answer(node) for node in self.wish.tries}

    def wait_for(self, node, answer, seconds=5):
        return wait_until(lambda: self.answer(node) == answer, seconds, 0.005)

    def wait_for_all(self, answer, seconds=5):
        return all(self.wait_for(node, answer, seconds)
                   for node in self.wish.tries)

    def lost_for(self, node):
        """Seconds of each time that it was denied and then allowed again."""
        seen = [each for each in self.seen() if each.node == node]
        return [(back.microseconds - lost.microseconds) / 1e6
                for lost, back in zip(seen, seen[1:]) if lost.answer == DENIED]

    def run(self, line, check=False):
        """A shell line in it: a new process, as `docker exec` makes them."""
        return self.lab.run(self.engine.exec_line(self.name) +
                            f" /bin/sh -c {shlex.quote(line)}", check=check)

    def opens(self, node):
        """The answer that a new process in it gets."""
        done = self.run(f"container-client --once {node}", check=True)
        return done.stdout.split()[2]

    def remove(self):
        self.lab.run(f"{self.engine.remove_line(self.name)} && "
                     f"rm -r {LOGS}/{self.name}", check=True)


def pid_in_lab(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    line = next(each for each in text.splitlines() if each.startswith("NSpid"))
    pids = line.split()[1:]
    return int(pids[1]) if len(pids) > 1 else None


class Engine:
    """One way of making containers. Subclasses say how."""

    def start(self, lab, name, **wish):
        """A running container whose process has tried each of its nodes."""
        box = Container(lab, self, name, Wish(**wish))
        lab.run(f"mkdir -p {LOGS}/{name}", check=True)
        box._adopt(self.begin(lab, name, box.wish))
        if not wait_until(lambda: None not in box.answers().values(), 5, 0.005):
            raise RuntimeError(f"the client in {name} does not write its log")
        return box


class Docker(Engine):
    def begin(self, lab, name, wish):
        runtime = "--runtime nvidia" if wish.legacy else ""
        lab.run(f"docker run {runtime} {wish.options(lab, name)} {IMAGE} "
                f"{shlex.join(wish.command())}", check=True)
        told = lab.run(f"docker inspect -f '{{{{.State.Pid}}}}' {name}",
                       check=True)
        return int(told.stdout)

    def exec_line(self, name):
        return f"docker exec {name}"

    def remove_line(self, name):
        return f"docker rm -f {name}"


class Podman(Engine):
    def __init__(self, runtime):
        self.podman = f"podman --runtime {runtime} --cgroup-manager systemd"

    def begin(self, lab, name, wish):
        # No limit on pids: the cgroup may have no controllers.
        lab.run(f"{self.podman} run --pids-limit -1 --log-driver none "
                f"{wish.options(lab, name)} {IMAGE} "
                f"{shlex.join(wish.command())}", check=True)
        told = lab.run(f"{self.podman} inspect -f '{{{{.State.Pid}}}}' {name}",
                       check=True)
        return int(told.stdout)

    def exec_line(self, name):
        return f"{self.podman} exec {name}"

    def remove_line(self, name):
        return f"{self.podman} rm -f -t 0 {name}"


class Plain(Engine):
    """runc or crun itself, with a bundle of ours."""

    def __init__(self, runtime, systemd=True):
        self.systemd = systemd
        self.runtime = (f"env LD_PRELOAD={NO_MEMLOCK} {runtime}"
                        + " --systemd-cgroup" * systemd)

    def begin(self, lab, name, wish):
        bundle = f"{BUNDLES}/{name}"
        lab.run(f"mkdir -p {bundle} && cd {bundle} && rm -f config.json && "
                f"echo '{self.runtime}' >runtime && {self.runtime} spec",
                check=True)
        place = lab.path(f"{bundle}/config.json")
        config = json.loads(place.read_text())
        self._shape(config, lab, name, wish)
        place.write_text(json.dumps(config))
        lab.run(f"{self.runtime} run -d --bundle {bundle} "
                f"--pid-file {bundle}/pid {name} >{bundle}/output 2>&1 || "
                f"{{ cat {bundle}/output >&2; exit 1; }}", check=True)
        return int(lab.path(f"{bundle}/pid").read_text())

    def _shape(self, config, lab, name, wish):
        config["root"] = {"path": ROOTFS, "readonly": True}
        config["process"].update(
            terminal=False, args=wish.command(),
            env=[f"{key}={value}"
                 for key, value in wish.environment().items()])
        config["mounts"] += [
            {"source": source, "destination": target, "type": "bind",
             "options": ["rbind", mode]}
            for source, target, mode in wish.mounts(lab, name)]
        linux = config["linux"]
        linux["devices"] = [device(lab, node) for node in wish.nodes]
        linux["resources"]["devices"] += [
            {"allow": True, "access": "rwm",
             **{key: each[key] for key in ("type", "major", "minor")}}
            for each in linux["devices"]]
        linux["cgroupsPath"] = (f"{wish.parent}:{name}" if self.systemd
                                else f"/lab/{name}")

    def exec_line(self, name):
        return f"{self.runtime} exec {name}"

    def remove_line(self, name):
        return (f"{self.runtime} delete -f {name} && "
                f"rm -rf {BUNDLES}/{name}")


def device(lab, node):
    """A node of the lab as an OCI configuration names it."""
    number = lab.path(node).stat().st_rdev
    return {"path": node, "type": "c", "fileMode": 0o666, "uid": 0, "gid": 0,
            "major": number >> 8 & 0xfff, "minor": number & 0xff}


DOCKER = Docker()
PODMAN = Podman("crun")  # Debian's default
PODMAN_RUNC = Podman("runc")
RUNC = Plain("runc")
RUNC_CGROUPFS = Plain("runc", systemd=False)
CRUN = Plain("crun")
CRUN_CGROUPFS = Plain("crun", systemd=False)
