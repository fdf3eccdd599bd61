#!/usr/bin/env python3
"""Containers that lose their GPU: containers_test.py [--bin DIR] [--only WORD]
[--tools DIR] [--runtimes DIR]

Boots two labs beside each other (lab.py), one that sees cgroup v2 and one that
sees v1, each with the container runtimes of Debian 12 under a real systemd.
Here it is shown that the labs behave as such machines do: who loses access to
its GPU when systemd applies its own list of devices, and who does not. A lab
that cannot be had here is skipped, with the reason.
"""
import contextlib
import itertools
import sys

import containers
import lab as labs
import verdicts
from containers import ABSENT, ALLOWED, DENIED, GPU
from verdicts import FACTOR, expect

RELOAD = "systemctl daemon-reload"
REEXEC = "systemctl daemon-reexec"
POD = "kubepods-besteffort-pod69e0758e.slice:cri-containerd"
NUMBERS = itertools.count(1)
SYMLINKS = {"/dev/char/195:0": "../nvidia0",
            "/dev/char/195:255": "../nvidiactl"}


# What tests are made of.

def started(lab, engine=containers.DOCKER, name="box", **wish):
    """A container with a GPU that it may use."""
    box = engine.start(lab, name, **wish)
    expect(set(box.answers().values()) == {ALLOWED},
           f"{name} has no access to begin with: {box.answers()}")
    return box


def lost(box):
    """Its process and new ones are denied each node; NVML fails."""
    expect(box.wait_for_all(DENIED), f"not denied: {box.answers()}")
    for node in box.wish.tries:
        expect(box.opens(node) == DENIED, f"a new process opens {node}")
    told = box.run("nvidia-smi -L").stdout
    expect(told == "Failed to initialize NVML: Unknown Error\n", told)


def kept(box):
    """Its process was never denied; new ones are not either; NVML answers."""
    answers = {each.answer for each in box.seen()}
    expect(answers == {ALLOWED}, f"it has seen {answers}")
    for node in box.wish.tries:
        expect(box.opens(node) == ALLOWED, f"a new process opens no {node}")
    told = box.run("nvidia-smi -L").stdout
    expect(told.startswith("GPU 0: NVIDIA H100"), told)


def a_moment(lab):
    """When systemd writes a list of cgroup v1 it empties it first, so that
    whoever opens in that moment is denied: for less than a breath, which nobody
    but systemd can prevent. On v2 there is no such moment."""
    return 0.05 * FACTOR if lab.cgroups.version == "v1" else 0


def happens(lab, line=RELOAD):
    """The line in the lab; what it does to containers is done afterwards,
    as a container shows that loses its GPU by it."""
    witness = started(lab, containers.RUNC, f"witness{next(NUMBERS)}")
    lab.run(line, check=True)
    expect(witness.wait_for_all(DENIED), f"{line} takes nothing from a witness")
    # It stays: on cgroup v1 the end of the last scope that wants a controller
    # has systemd empty that hierarchy, containers that are not its own too.


def is_immune(lab, engine, line=RELOAD):
    box = started(lab, engine)
    happens(lab, line)
    kept(box)


def devices_list(box):
    """cgroup v1: what the container's cgroup allows."""
    path = box.lab.cgroups.path_of(box.pid, ":devices:")
    return box.lab.path(
        f"/sys/fs/cgroup/devices{path}/devices.list").read_text().splitlines()


def device_programs(box):
    """cgroup v2: the names of the programs that the container's cgroup has."""
    told = box.lab.run("/usr/lib/gpuward-lab/device-programs "
                       f"/sys/fs/cgroup{box.cgroup}", check=True).stdout
    return [(line.split() + [""])[1] for line in told.splitlines()]


def set_devices(box, *rules):
    """What systemd is told that the container's unit may use, besides."""
    told = " ".join(f"DeviceAllow='{rule}'" for rule in rules)
    box.lab.run(f"systemctl set-property --runtime {box.scope} {told}",
                check=True)


# Who loses its GPU.

def a_container_uses_the_gpu_that_it_is_given(lab):
    box = started(lab)
    kept(box)
    listed = box.run("nvidia-smi -L").stdout.splitlines()
    expect(len(listed) == 1, listed)
    expect(box.opens("/dev/nvidia1") == ABSENT, "it has another GPU too")


def a_reload_takes_the_gpu_from_docker(lab):
    box = started(lab)
    pid = box.pid
    lab.run(RELOAD, check=True)
    lost(box)
    expect(labs.state_of(pid) is not None, "its process has not survived")


def a_reload_takes_the_gpu_from_plain_runc(lab):
    box = started(lab, containers.RUNC)
    lab.run(RELOAD, check=True)
    lost(box)


def a_reload_takes_the_gpu_from_a_pod(lab):
    # A pod begins with a container of its own. Without it, on cgroup v1, the
    # first container of a slice in a slice stays in the slice's own device
    # cgroup, where everything is allowed: systemd makes that hierarchy late.
    containers.RUNC.start(lab, "pause", parent=POD, nodes=(),
                          tries=("/dev/null",))
    box = started(lab, containers.RUNC, parent=POD)
    expect("/kubepods.slice/" in box.cgroup, box.cgroup)
    lab.run(RELOAD, check=True)
    lost(box)


def a_reload_takes_the_gpu_from_podman_with_runc(lab):
    box = started(lab, containers.PODMAN_RUNC)
    lab.run(RELOAD, check=True)
    lost(box)


def a_reexecution_takes_the_gpu_as_well(lab):
    box = started(lab)
    lab.run(REEXEC, check=True)
    lost(box)


def an_update_of_the_container_takes_the_gpu(lab):
    box = started(lab)
    lab.run(f"docker update --cpu-shares 512 {box.name}", check=True)
    lost(box)


def a_reload_takes_what_the_legacy_hook_gave(lab):
    box = started(lab, nodes=(), legacy=True)
    listed = box.run("nvidia-smi -L").stdout.splitlines()
    expect(len(listed) == 8, listed)
    lab.run(RELOAD, check=True)
    lost(box)


def systemd_rewrites_the_list_of_the_cgroup(lab):
    box = started(lab)
    expect("c 195:0 rwm" in devices_list(box), devices_list(box))
    lab.run(RELOAD, check=True)
    lost(box)
    left = [each for each in devices_list(box) if each.startswith("c 195:")]
    expect(not left, left)


def systemd_adds_a_program_to_that_of_the_runtime(lab):
    for legacy in (False, True):
        box = started(lab, nodes=() if legacy else GPU, legacy=legacy)
        expect(device_programs(box) == [""], device_programs(box))
        lab.run(RELOAD, check=True)
        lost(box)
        expect(device_programs(box) == ["", "sd_devices"],
               device_programs(box))
        box.remove()


def systemd_does_not_know_of_the_gpu(lab):
    box = started(lab)
    told = lab.run(f"systemctl show {box.scope} -p DevicePolicy -p DeviceAllow",
                   check=True).stdout
    expect("DevicePolicy=strict" in told and "195" not in told, told)


# Who keeps it.

def podman_with_crun_is_immune(lab):
    is_immune(lab, containers.PODMAN)


def plain_crun_is_immune(lab):
    is_immune(lab, containers.CRUN)


def without_systemd_runc_and_crun_are_immune(lab):
    for engine in (containers.RUNC_CGROUPFS, containers.CRUN_CGROUPFS):
        box = started(lab, engine)
        happens(lab)
        kept(box)
        box.remove()


def docker_with_its_cgroupfs_driver_is_immune(lab):
    with cgroupfs_driver(lab):
        is_immune(lab, containers.DOCKER)


@contextlib.contextmanager
def cgroupfs_driver(lab):
    containers.set_docker_driver(lab, "cgroupfs")
    try:
        yield
    finally:
        containers.set_docker_driver(lab, "systemd")


def symlinks_at_the_start_make_immune(lab):
    lab.run("mkdir -p /dev/char; " + "; ".join(
        f"ln -s {target} {link}" for link, target in SYMLINKS.items()),
        check=True)
    try:
        box = started(lab)
    finally:
        lab.run("rm -r /dev/char", check=True)
    happens(lab)
    kept(box)


# Who never had it.

def a_container_without_a_gpu_is_denied_always(lab):
    """Though it has the nodes: by a mount, or because it made them."""
    made = "; ".join(f"mknod {node} c 195 {minor}"
                     for node, minor in zip(GPU, (0, 255)))
    boxes = [containers.DOCKER.start(lab, "bound", nodes=(), binds=GPU),
             containers.DOCKER.start(lab, "making", nodes=(), first=made),
             containers.PODMAN.start(lab, "podman", nodes=(), binds=GPU)]
    happens(lab)
    for box in boxes:
        answers = {each.answer for each in box.seen()}
        expect(answers == {DENIED}, f"{box.name} has seen {answers}")


# What gives it back.

def the_same_process_has_its_gpu_back_when_systemd_is_told(lab):
    for engine, wish in ((containers.DOCKER, {}),
                         (containers.RUNC, {}),
                         (containers.DOCKER, {"nodes": (), "legacy": True})):
        box = started(lab, engine, **wish)
        lab.run(RELOAD, check=True)
        lost(box)
        set_devices(box, "/dev/char/195:0 rw", "/dev/char/195:255 rw")
        expect(box.wait_for_all(ALLOWED), f"not given back: {box.answers()}")
        happens(lab)
        expect(box.wait_for_all(ALLOWED), f"lost again: {box.answers()}")
        again = box.lost_for(GPU[0])[1:]
        expect(all(each < a_moment(lab) for each in again), box.seen())
        box.remove()


# Labs beside each other.

def nothing_is_done_to_the_other_lab(lab):
    if lab.other is None:
        raise verdicts.Skipped("there is no other lab")
    here = started(lab)
    there = started(lab.other, name=f"guest{next(NUMBERS)}")
    lab.run(RELOAD, check=True)
    lost(here)
    kept(there)
    there.remove()


# Nothing comes after this: it is the end of the lab that is tested.

def a_paused_container_is_left_to_the_end(lab):
    box = started(lab)
    lab.run(f"docker pause {box.name}", check=True)


TESTS = [
    (a_container_uses_the_gpu_that_it_is_given, "v1 v2"),
    (a_reload_takes_the_gpu_from_docker, "v1 v2"),
    (a_reload_takes_the_gpu_from_plain_runc, "v1 v2"),
    (a_reload_takes_the_gpu_from_a_pod, "v1 v2"),
    (a_reload_takes_the_gpu_from_podman_with_runc, "v1 v2"),
    (a_reexecution_takes_the_gpu_as_well, "v1 v2"),
    # Without controllers on v2 an update changes nothing.
    (an_update_of_the_container_takes_the_gpu, "v1"),
    (a_reload_takes_what_the_legacy_hook_gave, "v1 v2"),
    (systemd_rewrites_the_list_of_the_cgroup, "v1"),
    (systemd_adds_a_program_to_that_of_the_runtime, "v2"),
    (systemd_does_not_know_of_the_gpu, "v1 v2"),
    (podman_with_crun_is_immune, "v1 v2"),
    (plain_crun_is_immune, "v1 v2"),
    (without_systemd_runc_and_crun_are_immune, "v1 v2"),
    (docker_with_its_cgroupfs_driver_is_immune, "v1 v2"),
    (symlinks_at_the_start_make_immune, "v1 v2"),
    (a_container_without_a_gpu_is_denied_always, "v1 v2"),
    (the_same_process_has_its_gpu_back_when_systemd_is_told, "v1 v2"),
    (nothing_is_done_to_the_other_lab, "v1 v2"),
    (a_paused_container_is_left_to_the_end, "v1 v2"),
]


def named(test, version):
    return f"{version}: {verdicts.name_of(test)}"


def boot(told, tree, version):
    lab = labs.Lab(told.bin, runtimes=tree, cgroup=version)
    try:
        containers.lay(lab, told.bin, told.tools)
        lab.start()
        containers.start(lab)
    except BaseException:
        lab.close()
        raise
    return lab


def boot_all(told, results, ends):
    """{version: lab}; the tests of those that cannot be had are skipped."""
    running, tree, lacking = {}, None, None
    try:
        tree = containers.fetch(told.runtimes)
    except containers.Unavailable as why:
        lacking = why
    for version in ("v2", "v1"):
        why = labs.why_not(version) or lacking
        if why is None:
            running[version] = ends.enter_context(boot(told, tree, version))
            continue
        for test, versions in TESTS:
            if version in versions:
                results.skip(named(test, version), why)
    return running


def run_all(lab, version, results):
    for test, versions in TESTS:
        if version in versions:
            results.run(named(test, version), [
                lambda: containers.clear(lab), lambda test=test: test(lab)])


def main():
    parser = verdicts.arguments(__doc__.splitlines()[0])
    parser.add_argument("--tools", default="build/tests/e2e")
    parser.add_argument("--runtimes", default="build/lab-runtimes")
    told = parser.parse_args()
    results = verdicts.Verdicts(told.only)
    with contextlib.ExitStack() as ends:
        running = boot_all(told, results, ends)
        for version, lab in running.items():
            lab.other = next((each for each in running.values()
                              if each is not lab), None)
        for version, lab in running.items():
            run_all(lab, version, results)
    for version, lab in running.items():
        if lab.leak():
            results.fail(f"{version}: nothing is left behind", lab.leak())
    return results.close()


if __name__ == "__main__":
    sys.exit(main())
