"""A lab's cgroups: a folder in each hierarchy that the lab sees.

Version "v2" is the one hierarchy of cgroup v2, with whatever controllers it
has; "v1" is every hierarchy of cgroup v1 that this machine mounts. Where v2 is
mounted too a v1 lab has a folder there as well: systemd mounts it beside the
others (its "hybrid" layout), and keeps its processes in it.
"""
import pathlib
import time

MOUNTS = pathlib.Path("/proc/self/mounts")


def root_v2():
    for place in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if pathlib.Path(place, "cgroup.procs").exists() and \
                not pathlib.Path(place, "tasks").exists():
            return pathlib.Path(place)
    return None


def roots(version):
    """{name: mount point}; the names are those below /sys/fs/cgroup."""
    found = {}
    if version == "v1":
        for line in MOUNTS.read_text().splitlines():
            place, kind = line.split()[1:3]
            if kind == "cgroup":
                found[pathlib.Path(place).name] = pathlib.Path(place)
    if root_v2():
        found["unified"] = root_v2()
    return found


def why_not(version):
    """Why a lab cannot see that version here, or None."""
    found = roots(version)
    if version == "v2":
        return None if found else "needs a mounted cgroup v2"
    lacking = [name for name in ("systemd", "devices") if name not in found]
    if lacking:
        return ("needs a mounted cgroup v1, and this machine has none of "
                "its hierarchies " + ", ".join(lacking))
    return None


class Cgroups:
    def __init__(self, version, name):
        self.version = version
        self.name = name
        self.folders = {each: root / name
                        for each, root in roots(version).items()}
        # Who wants every process of the lab looks here.
        self.main = self.folders.get("unified") or self.folders["systemd"]

    def make(self):
        for folder in self.folders.values():
            folder.mkdir()
            for setting in ("cpuset.mems", "cpuset.cpus"):
                # A v1 cpuset takes nobody in before it has both.
                if (folder / setting).exists() and self.version == "v1":
                    (folder / setting).write_text(
                        (folder.parent / setting).read_text())

    def pids(self):
        return pids_below(self.main)

    def path_of(self, pid, hierarchy=None):
        """The cgroup of a process as the lab names it: systemd's one, or that
        of a hierarchy (":devices:")."""
        shown = hierarchy or {"v2": "0::", "v1": ":name=systemd:"}[self.version]
        text = pathlib.Path(f"/proc/{pid}/cgroup").read_text()
        path = next(line.partition(shown)[2] for line in text.splitlines()
                    if shown in line)
        return path.partition(self.name)[2]

    def thaw(self):
        """A process that the freezer of v1 holds cannot be killed."""
        if "freezer" in self.folders:
            for state in self.folders["freezer"].rglob("freezer.state"):
                write(state, "THAWED")

    def left(self):
        return [folder for folder in self.folders.values() if folder.exists()]

    def remove(self):
        """Once their processes are gone, which may take the kernel a moment."""
        for folder in self.folders.values():
            for path in sorted(folder.rglob("*"), reverse=True):
                if path.is_dir():
                    wait_until(lambda path=path: removed(path), 1)
            wait_until(lambda folder=folder: removed(folder), 2)


def pids_below(cgroup):
    """Host pids of all tasks of a cgroup and those below it."""
    pids = []
    for path in [cgroup, *cgroup.rglob("*")]:
        try:
            pids += (path / "cgroup.procs").read_text().split()
        except OSError:
            pass
    return [int(pid) for pid in pids]


def write(path, text):
    try:
        path.write_text(text)
    except OSError:
        pass  # gone meanwhile


def removed(path):
    try:
        path.rmdir()
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True


def wait_until(what, seconds, pause=0.02):
    """Its first true value, or its last one when the time is over."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value or time.monotonic() >= end:
            return value
        time.sleep(pause)
