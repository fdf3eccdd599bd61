"""A lab: a real systemd as PID 1 of its own namespaces, with a simulated GPU.

    with Lab(bin_dir) as lab:
        lab.start()
        lab.run("gpuward status --json")          a shell line in the lab
        lab.unit("x.service", "[Service]...")     before start()
        lab.inject("nvmlInit*", "hang=d")         a fault of its GPU

The lab's / is an overlay of this machine's, its cgroup hierarchy (v2, or those
of v1: cgroups.py) begins below this machine's, its kernel log is a pipe that
write_kernel_log() fills. gpuward is /usr/bin/gpuward there and sees *a real
machine* (root "/", the real systemd): the simulator's library lies where a
driver would put it.

The simulated node's keeper lives outside, so that ending the lab does not thaw
the frozen disk that makes a state D. Cleaning up thaws it. It is done by a
process of its own, the janitor, as soon as whoever made the lab is gone, by
whatever end: no mount, cgroup, process or folder is left.

More can be laid into a lab before start(): lab.file(), lab.program(),
lab.unit(), and programs of this machine are all there. runtimes=FOLDER lays the
container runtimes over them (runtimes, containers.py).
"""
import fcntl
import os
import pathlib
import select
import shlex
import shutil
import signal
import subprocess
import tempfile
import termios
import time

import cgroups
from cgroups import wait_until

HERE = pathlib.Path(__file__).resolve().parent
LIBRARY = "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1"
FITHAW = 0xC0045878  # linux/fs.h
PROGRAMS = {"unshare": "util-linux", "nsenter": "util-linux",
            "mount": "mount", "dbus-daemon": "dbus", "systemctl": "systemd"}
# Of no use in a lab, slow, or not the lab's to touch.
MASKED = ("systemd-udevd.service", "systemd-udev-trigger.service",
          "systemd-udevd-kernel.socket", "systemd-udevd-control.socket",
          "systemd-firstboot.service", "systemd-timesyncd.service",
          "systemd-networkd.service", "systemd-resolved.service",
          "systemd-sysctl.service", "systemd-modules-load.service",
          "systemd-random-seed.service", "systemd-update-utmp.service",
          "systemd-journal-flush.service", "systemd-logind.service",
          "systemd-tmpfiles-setup-dev.service", "systemd-sysusers.service",
          "systemd-hwdb-update.service", "systemd-remount-fs.service",
          "tmp.mount", "systemd-pstore.service", "systemd-binfmt.service",
          "sys-kernel-debug.mount", "sys-kernel-tracing.mount",
          "sys-kernel-config.mount", "dev-hugepages.mount",
          "dev-mqueue.mount", "proc-sys-fs-binfmt_misc.automount",
          "getty.target", "timers.target", "remote-fs.target")
LAB_TARGET = """[Unit]
Description=gpuward's lab
Requires=basic.target
Wants=dbus.socket
After=basic.target dbus.socket
AllowIsolate=yes
"""
JOURNALD = "[Journal]\nStorage=volatile\nReadKMsg=yes\nRateLimitBurst=0\n"


def why_not(cgroup="v2"):
    """Why there can be no such lab here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    for program, package in PROGRAMS.items():
        if shutil.which(program) is None:
            return f"needs {program} (Debian package {package})"
    if not pathlib.Path("/lib/systemd/systemd").exists():
        return "needs systemd (Debian package systemd)"
    if cgroups.why_not(cgroup):
        return cgroups.why_not(cgroup)
    try:
        for root in cgroups.roots(cgroup).values():
            os.rmdir(tempfile.mkdtemp(prefix="gpuward-lab-", dir=root))
    except OSError as error:
        return f"may not make a cgroup: {error}"
    with tempfile.TemporaryDirectory(prefix="gpuward-lab-") as base:
        script = ('set -e; mount -t tmpfs t "$0"; mkdir "$0/u" "$0/w" "$0/r"; '
                  'mount -t overlay o "$0/r" -o '
                  '"lowerdir=/,upperdir=$0/u,workdir=$0/w"; '
                  'mount -t proc proc "$0/r/proc"; mknod "$0/u/n" c 1 3')
        try:
            done = subprocess.run(
                ["unshare", "--mount", "--propagation", "private", "--pid",
                 "--cgroup", "--net", "--ipc", "--uts", "--fork",
                 "sh", "-c", script, base],
                stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=10)
        except subprocess.TimeoutExpired:
            return "making namespaces does not come to an end here"
    if done.returncode != 0:
        return ("may not make namespaces and mounts (an ordinary container? "
                "run it privileged): " + done.stderr.strip()[-200:])
    return None


def state_of(pid):
    """(state letter, exiting, start time) of a host pid, or None."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return fields[0], bool(int(fields[6]) & 4), int(fields[19])


def comm_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


class Lab:
    def __init__(self, bin_dir, scenario="healthy-8xh100", runtimes=None,
                 cgroup="v2"):
        self.scenario = scenario
        self.runtimes = runtimes
        self.init = None  # host pid of the lab's PID 1
        self.boot = None
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="gpuward-lab-"))
        # Copies, so that a build under way changes nothing here.
        self.bin = self.base / "bin"
        self.cgroups = cgroups.Cgroups(cgroup, self.base.name)
        self.node = self.base / "node"
        # A client of the simulated GPU needs this in its environment.
        self.environment = (f"GPUWARD_SIM={self.node}", "GPUWARD_SIM_DEV=/dev")
        # Whatever becomes of us, the other end of this pipe is closed then.
        ours, self._life = os.pipe()
        self._janitor = os.fork()
        if self._janitor == 0:
            self._be_janitor(ours)
        os.close(ours)
        (self.base / "space").mkdir()
        os.mkfifo(self.base / "kmsg", 0o600)
        self._kmsg = os.open(self.base / "kmsg", os.O_RDWR | os.O_NONBLOCK)
        self._lay_files(pathlib.Path(bin_dir).resolve())

    # What it is made of.

    def file(self, path, text, mode=0o644):
        """A file of the lab: before start()."""
        place = self._place(path)
        place.write_text(text)
        place.chmod(mode)

    def program(self, path, source):
        """A copy of a program or library of this machine: before start()."""
        shutil.copy(source, self._place(path))

    def _place(self, path):
        place = self.base / "files" / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def unit(self, name, text):
        self.file(f"/etc/systemd/system/{name}", text)

    def _lay_files(self, product):
        files = self.base / "files"
        self.file("/etc/fstab", "")
        self.file("/etc/hostname", "gpuward-lab\n")
        self.file("/etc/machine-id", "b0" * 16 + "\n")
        self.file("/etc/systemd/journald.conf.d/lab.conf", JOURNALD)
        self.unit("lab.target", LAB_TARGET)
        for name in MASKED:
            (files / "etc/systemd/system" / name).symlink_to("/dev/null")
        folder = next((path for path in (product.parent / "lib/sim",
                                         product.parent / "lib/gpuward/sim")
                       if path.exists()), product.parent / "lib/sim")
        shutil.copytree(folder, self.base / "lib/sim", symlinks=True)
        self.bin.mkdir()
        shutil.copy(product / "gpuward", self.bin)
        self.program(LIBRARY, self.base / "lib/sim/libnvidia-ml.so.1")
        self.program("/usr/bin/gpuward", self.bin / "gpuward")

    # Its life.

    def start(self, seconds=15):
        self._sim("start", self.scenario, "--dir", str(self.node))
        # The disk for a state D must be there before the lab sees the folder.
        # May fail: then there is no state D here (has_state_d).
        self.inject("nvmlSystemGetConfComputeState", "hang=d", check=False)
        self.inject("--clear", "all")
        self.cgroups.make()
        (self.base / "cgroups").write_text("".join(
            f"{name} {path}\n" for name, path in self.cgroups.folders.items()))
        log = open(self.base / "boot.log", "wb")
        self.boot = subprocess.Popen(
            ["sh", str(HERE / "boot"), str(self.base), self.cgroups.version,
             str(self.node), *([str(self.runtimes)] if self.runtimes else [])],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True)
        log.close()
        self.init = wait_until(self._child_of_boot, 5)
        up = self.init and wait_until(
            lambda: self.run("systemctl is-active lab.target").stdout.strip()
            == "active", seconds, 0.05)
        if not up:
            told = (self.base / "boot.log").read_text()[-2000:]
            raise RuntimeError(f"the lab did not boot: {told}")
        # As if a kernel were there; journald has it open by now.
        self.run("umount -l /dev/kmsg && rm /dev/kmsg", check=True)

    def _child_of_boot(self):
        pid = self.boot.pid
        if comm_of(pid) != "unshare":
            return None
        path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
        children = path.read_text().split()
        return int(children[0]) if children else None

    def is_up(self):
        state = state_of(self.init)
        return state is not None and state[0] != "Z" and not state[1]

    def close(self):
        """Ends the lab and leaves nothing: the janitor's work."""
        os.close(self._life)
        os.close(self._kmsg)
        os.waitpid(self._janitor, 0)
        if self.boot:
            self.boot.wait()

    def leak(self):
        """After close(): what is left that should not be, or None."""
        left = [str(path) for path in self.cgroups.left()]
        if self.base.exists():
            left.append(str(self.base))
        mounts = pathlib.Path("/proc/self/mounts").read_text()
        if str(self.base) in mounts:
            left.append("a mount")
        return ", ".join(left) or None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # What is done in it.

    def run(self, line, check=False, seconds=30):
        """A line for sh, in the lab but in no unit of it; with its seconds."""
        began = time.monotonic()
        command = ["nsenter", "-t", str(self.init), "-m", "-p", "-n", "-i",
                   "-u", "-C", "env", "-i",
                   "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
                   *self.environment, "sh", "-c", "cd /; " + line]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True,
                                  errors="replace", timeout=seconds)
        except subprocess.TimeoutExpired as late:
            done = subprocess.CompletedProcess(
                command, 124, (late.stdout or b"").decode(),
                f"not done after {seconds} s")
        done.seconds = time.monotonic() - began
        if check and done.returncode != 0:
            raise RuntimeError(f"{line}: {done.returncode} {done.stderr}")
        return done

    def run_in_unit(self, name, line, wait=True, seconds=30):
        """The same in a service of its own (asks the bus)."""
        how = "--wait --pipe" if wait else ""
        environment = " ".join(f"-E {each}" for each in self.environment)
        return self.run(
            f"systemd-run --quiet --collect {how} --unit={name} "
            f"{environment} sh -c {shlex.quote(line)}", seconds=seconds)

    def freeze(self, comm, signal_number=signal.SIGSTOP):
        """A process of the lab, by the name in its comm; SIGCONT lets it go."""
        for pid in self.pids(comm):
            os.kill(pid, signal_number)

    def pids(self, comm):
        return [pid for pid in self.cgroups.pids() if comm_of(pid) == comm]

    def cgroup_of(self, pid):
        """As the lab names it."""
        return self.cgroups.path_of(pid)

    def path(self, place):
        """Where a file of the running lab is read or written from outside."""
        return pathlib.Path(f"/proc/{self.init}/root", place.lstrip("/"))

    def write_kernel_log(self, text, priority=4):
        """A record as /dev/kmsg has it: one for each read of journald."""
        self._sequence = getattr(self, "_sequence", 0) + 1
        usec = int(time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6)
        record = f"{priority},{self._sequence},{usec},-;{text}\n"
        os.write(self._kmsg, record.encode())
        if not wait_until(self._kmsg_is_read, 3, 0.005):
            raise RuntimeError("journald does not read the kernel log")

    def _kmsg_is_read(self):
        waiting = bytearray(4)
        fcntl.ioctl(self._kmsg, termios.FIONREAD, waiting)
        return not any(waiting)

    def _sim(self, *arguments, check=True):
        return subprocess.run(
            [str(self.bin / "gpuward"), "sim", *arguments], check=check,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=20)

    def inject(self, *fault, check=True):
        return self._sim("inject", "--dir", str(self.node), *fault,
                         check=check)

    def has_state_d(self):
        return (self.node / "disk/gate").exists()

    # The janitor. Forked before anything else is there; must not need us.

    def _be_janitor(self, life):
        os.setsid()
        # Among them the pipes of other labs, which would not end with them.
        os.closerange(3, life)
        os.closerange(life + 1, os.sysconf("SC_OPEN_MAX"))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        select.select([life], [], [])  # nothing is ever written
        code = 1
        try:
            code = self._sweep()
        finally:
            os._exit(code)

    def _sweep(self):
        for pid in self.cgroups.pids():
            if comm_of(pid) in ("systemd", "systemd-shutdow", "unshare"):
                self._end(pid)
        if self.node.exists():
            self._stop_node()
        wait_until(self._end_all, 5)
        self.cgroups.remove()
        shutil.rmtree(self.base, ignore_errors=True)
        return int(bool(self.cgroups.left()) or self.base.exists())

    def _end_all(self):
        self.cgroups.thaw()
        return [self._end(pid) for pid in self.cgroups.pids()] == []

    def _stop_node(self):
        try:
            self._sim("stop", "--dir", str(self.node), check=False)
        except (OSError, subprocess.SubprocessError):
            pass
        if not self.node.exists():
            return
        keeper = (self.node / "keeper.pid").read_text().strip()
        if comm_of(keeper).startswith("gpuward"):
            self._end(int(keeper))
        disk = self.node / "disk"  # still mounted: by hand
        if os.path.ismount(disk):
            folder = os.open(disk, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.ioctl(folder, FITHAW, 0)
            except OSError:
                pass  # it was not frozen
            os.close(folder)
            subprocess.run(["umount", "-l", str(disk)], check=False)

    @staticmethod
    def _end(pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
