#!/usr/bin/env python3
"""gpuward and containers that lose their GPU: repair_test.py [--bin DIR]
[--only WORD] [--tools DIR] [--runtimes DIR] [--all]

Boots two labs (lab.py), one that sees cgroup v2 and one that sees v1, with real
docker, podman, runc and crun under a real systemd, and works in both at a time.
That such containers lose their GPU is shown by containers_test.py; here it is
shown what gpuward finds, what it does about it, and what it leaves alone. A lab
that cannot be had here is skipped, with the reason. --all: a repair is killed
at each of its system calls, not at a sample of them.
"""
import concurrent.futures
import contextlib
import re
import sys

import containers
import containers_test as base
import lab as labs
import repair_crowd
import repair_heal
import repair_refusals
import verdicts
from containers import ALLOWED, DENIED, GPU
from containers_test import (REEXEC, RELOAD, a_moment, happens, kept, lost,
                             started)
from repairs import (AT_RISK, REVOKED, cause, device_allow, doctor,
                     evidence, forget, gpuward, granted, kept_throughout,
                     ledger, listed, repair, states, unfinished)
from verdicts import Skipped, expect, in_time

GPU_LINE = "GPU 0: NVIDIA H100"
READ_ONLY = ("/dev/nvidia0:/dev/nvidia0:r", "/dev/nvidiactl")
ENTRIES = ["/dev/char/195:0 rwm", "/dev/char/195:255 rwm"]
# Each of these has systemd apply its lists anew.
TRIGGERS = (RELOAD, REEXEC, "systemctl enable lab.target")
LEGACY = {"nodes": (), "legacy": True}


def is_back(box):
    """The same process opens its GPU again, new ones do, NVML answers."""
    expect(labs.state_of(box.pid) is not None, f"{box.name} was restarted")
    expect(box.wait_for_all(ALLOWED), f"{box.name} sees {box.answers()}")
    again = box.lost_for(GPU[0])[1:]
    expect(all(each < a_moment(box.lab) for each in again),
           f"{box.name} saw {box.seen()}")
    told = box.run("nvidia-smi -L").stdout
    expect(told.startswith("GPU 0: NVIDIA H100"), told)


def lab_is_v2(box):
    return box.lab.cgroups.version == "v2"


def short_id(box):
    found = re.search(r"-([0-9a-f]{12})[0-9a-f]*\.scope", box.scope)
    return found.group(1)


# What was shown by the users' own words, and the way back.

def a_lost_gpu_is_named_and_given_back_while_the_container_runs(lab):
    boxes = [started(lab, containers.DOCKER, "tv"),
             started(lab, containers.PODMAN_RUNC, "web"),
             started(lab, containers.RUNC, "plain")]
    found = doctor(lab, code=1)
    for box in boxes:
        risk = found.finding(AT_RISK, box.name)
        expect(risk["severity"] == "warning", risk)
        expect("lacks /dev/nvidia0 (195:0), /dev/nvidiactl (195:255)"
               in evidence(risk), evidence(risk))
    lab.run(RELOAD, check=True)
    for box in boxes:
        lost(box)
    is_named(lab, boxes)
    nothing_without_apply(lab, boxes)
    for box, words in zip(boxes, ("tv", short_id(boxes[1]), REVOKED)):
        report = repair(lab, f"{words} --apply", code=0)
        expect(states(report) == ["done"], report["outcomes"])
        is_back(box)
        expect(granted(box) == ENTRIES, device_allow(box))
    for words in ("tv", short_id(boxes[1]), "plain", REVOKED):
        nothing_to_do(lab, words)
    outlast(lab, boxes)


def nothing_to_do(lab, words):
    report = repair(lab, f"{words} --apply", code=0)
    expect(not report["plan"]["steps"] and report["well"],
           f"{report['plan']} {report['well']}")


def is_named(lab, boxes):
    found = doctor(lab, code=2)
    expect(found.ids()[0] == REVOKED, found.ids())
    for box in boxes:
        loss = found.finding(REVOKED, box.name)
        expect(loss["severity"] == "fault" and loss["confidence"] == "certain",
               loss)
        expect(box.name in loss["title"], loss["title"])
        expect(cause(lab, evidence(loss)), evidence(loss))
        expect(re.search(r"systemd reloaded at \d\d:\d\d:\d\d",
                         evidence(loss)), evidence(loss))


def nothing_without_apply(lab, boxes):
    for box in boxes:
        before = device_allow(box)
        told = gpuward(lab, f"repair {box.name}", code=0).stdout
        expect("nothing is done without --apply" in told, told)
        expect(device_allow(box) == before, device_allow(box))
        expect(set(box.answers().values()) == {DENIED}, box.answers())


def outlast(lab, boxes):
    """Nothing that takes GPUs from others takes them from these again."""
    for trigger in TRIGGERS:
        happens(lab, trigger)
    lab.run("docker update --cpu-shares 512 tv", check=True)
    for box in boxes:
        is_back(box)
        expect(granted(box) == ENTRIES, device_allow(box))


def who_is_protected_in_time_loses_nothing(lab):
    boxes = [started(lab, containers.DOCKER, "tv"),
             started(lab, containers.PODMAN_RUNC, "web"),
             started(lab, containers.RUNC, "plain")]
    report = repair(lab, f"{AT_RISK} --apply", code=0)
    expect(states(report) == ["done"] * 3, report["outcomes"])
    for trigger in TRIGGERS:
        happens(lab, trigger)
    lab.run("docker update --cpu-shares 512 tv", check=True)
    table = listed(lab)
    for box in boxes:
        kept_throughout(box)
        expect(table[box.name]["tomorrow"] == "safe", table[box.name])


def a_grant_to_read_stays_one(lab):
    box = containers.DOCKER.start(
        lab, "tv", nodes=READ_ONLY,
        tries=("r:/dev/nvidia0", "/dev/nvidia0", "/dev/nvidiactl"))
    reads = {"r:/dev/nvidia0": ALLOWED, "/dev/nvidia0": DENIED,
             "/dev/nvidiactl": ALLOWED}
    expect(box.answers() == reads, box.answers())
    lab.run(RELOAD, check=True)
    expect(box.wait_for_all(DENIED), box.answers())
    repair(lab, "tv --apply", code=0)
    for node, answer in reads.items():
        expect(box.wait_for(node, answer), box.answers())
    expect(granted(box) == ["/dev/char/195:0 r", "/dev/char/195:255 rwm"],
           device_allow(box))
    happens(lab)
    expect(box.answers() == reads, box.answers())


# Who is no patient.

def who_was_given_no_gpu_gains_none(lab):
    """Before and after each thing that we do, though it has the nodes."""
    made = "; ".join(f"mknod {node} c 195 {minor}"
                     for node, minor in zip(GPU, (0, 255)))
    poor = [containers.DOCKER.start(lab, "making", nodes=(), first=made),
            containers.DOCKER.start(lab, "bound", nodes=(), binds=GPU),
            containers.PODMAN_RUNC.start(lab, "podmade", nodes=(), binds=GPU)]
    rich = started(lab, name="rich")
    lab.run(RELOAD, check=True)
    lost(rich)
    for box in poor:
        # A mounted node is spoken of; it is no grant.
        given = listed(lab).get(box.name, {"nodes": []})["nodes"]
        expect(not given, f"{box.name} was given {given}?")
        gpuward(lab, f"repair {box.name} --apply", code=(0, 64))
    repair(lab, "--apply", code=0)
    is_back(rich)
    lab.run("rm -rf /dev/char", check=True)
    with repair_heal.healing(lab):
        lab.run(RELOAD, check=True)
    happens(lab)
    for box in poor:
        expect({each.answer for each in box.seen()} == {DENIED},
               f"{box.name} saw {box.seen()}")
        expect(not granted(box), device_allow(box))


def who_is_immune_is_left_in_peace(lab):
    boxes = [started(lab, engine, name) for engine, name in (
        (containers.PODMAN, "podman"), (containers.CRUN, "crun"),
        (containers.RUNC_CGROUPFS, "runcfs"),
        (containers.CRUN_CGROUPFS, "crunfs"))]
    happens(lab)
    found, table = doctor(lab, code=(0, 1, 2)), listed(lab)
    for box in boxes:
        expect(not found.about(box.name), found.about(box.name))
        expect(table[box.name]["tomorrow"] == "safe", table[box.name])
        nothing_to_do(lab, box.name)
        kept(box)


def docker_with_its_cgroupfs_driver_is_left_in_peace(lab):
    with base.cgroupfs_driver(lab):
        box = started(lab, name="tv")
        happens(lab)
        expect(not doctor(lab, code=(0, 1, 2)).about("tv"), "a finding")
        nothing_to_do(lab, "tv")
        kept(box)
        box.remove()


def links_help_those_that_start_afterwards(lab):
    before = started(lab, name="before")
    gpuward(lab, "links create", code=0)
    after = [started(lab, name="after"),
             started(lab, containers.RUNC, "plain")]
    table = listed(lab, code=1)
    expect(table["before"]["tomorrow"] == "lost at reload", table["before"])
    for box in after:
        expect(table[box.name]["tomorrow"] == "safe", table[box.name])
    lab.run(RELOAD, check=True)
    lost(before)
    for box in after:
        kept_throughout(box)


# Given behind the runtime's back.

def what_the_legacy_hook_gave_comes_back(lab):
    box = started(lab, name="tv", **LEGACY)
    lab.run(RELOAD, check=True)
    lost(box)
    report = repair(lab, "tv --apply", code=0)
    expect(states(report) == ["done"], report["outcomes"])
    is_back(box)
    expect(len(granted(box)) == 9, device_allow(box))
    happens(lab)
    is_back(box)


def after_an_update_the_list_of_v1_is_mended(lab):
    """There systemd and runc write the same list, and the last one wins."""
    box = started(lab, name="tv", **LEGACY)
    lab.run("docker update --cpu-shares 300 tv", check=True)
    lost(box)
    repair(lab, "tv --apply", code=0)
    is_back(box)
    lab.run("docker update --cpu-shares 400 tv", check=True)
    is_back(box)


def where_the_runtime_denies_too_only_a_restart_helps(lab):
    box = started(lab, name="tv", **LEGACY)
    # As an update does that has runc put its own program back.
    numbers = " ".join(f"195:{minor}" for minor in [*range(8), 255])
    lab.run(f"/usr/lib/gpuward-lab/device-programs /sys/fs/cgroup{box.cgroup} "
            f"--deny {numbers}", check=True)
    lost(box)
    lab.run(RELOAD, check=True)
    before = device_allow(box)
    for apply in ("", "--apply"):
        told = gpuward(lab, f"repair tv {apply}", code=1).stdout
        expect("re-create only" in told, told)
        expect(device_allow(box) == before, device_allow(box))
    expect(set(box.answers().values()) == {DENIED}, box.answers())
    report = repair(lab, "tv --restart --apply", code=(0, 1))
    expect(states(report) == ["done"], report["outcomes"])
    told = box.run("nvidia-smi -L").stdout
    expect(told.startswith(GPU_LINE), told)


def a_paused_container_is_not_waited_for(lab):
    box = started(lab, name="tv")
    lab.run("docker pause tv", check=True)
    lab.run(RELOAD, check=True)
    done = gpuward(lab, "containers", code=(1, 2, 3))
    in_time(done, 3)
    expect("it is paused" in done.stdout, done.stdout)
    # A child in a frozen cgroup of v2 would freeze; v1 freezes elsewhere.
    now = {each["now"] for each in listed(lab)["tv"]["nodes"]}
    expect(now == {"unknown" if lab_is_v2(box) else "denied"}, now)
    in_time(gpuward(lab, "repair tv", code=(0, 1)), 5)
    lab.run("docker unpause tv", check=True)
    lost(box)
    repair(lab, "tv --apply", code=0)
    is_back(box)


# What is written down.

def a_repair_stands_in_the_ledger(lab):
    boxes = [started(lab, name="tv"), started(lab, containers.RUNC, "plain")]
    repair(lab, f"{AT_RISK} --apply", code=0)
    kinds = [kind for _, kind, _ in ledger(lab)]
    expect(kinds.count("begun") == 2 and kinds.count("outcome") == 2, kinds)
    expect(not unfinished(lab), ledger(lab))
    begun = [what for _, kind, what in ledger(lab) if kind == "begun"]
    for box in boxes:
        expect(any(box.scope in str(each) for each in begun), begun)


def nothing_is_done_that_cannot_be_written_down(lab):
    box = started(lab, name="tv")
    lab.run(RELOAD, check=True)
    lost(box)
    before = device_allow(box)
    lab.run("mkdir -p /var/lib/gpuward && "
            "mount -t tmpfs -o ro,mode=700 tmpfs /var/lib/gpuward", check=True)
    try:
        done = gpuward(lab, "repair tv --apply", code=1)
    finally:
        lab.run("umount /var/lib/gpuward", check=True)
    expect("nothing was done" in done.stderr and
           "/var/lib/gpuward" in done.stderr, done.stdout + done.stderr)
    expect(device_allow(box) == before, device_allow(box))
    expect(set(box.answers().values()) == {DENIED}, box.answers())


def the_executable_stands_alone(lab):
    told = lab.run("ldd /usr/bin/gpuward", check=True).stdout
    if "libasan" in told:
        raise Skipped("with sanitizers the shared libraries are taken")
    found = {line.split()[0].rpartition("/")[2].partition(".so")[0]
             for line in told.splitlines()}
    allowed = {"libsystemd", "libm", "libc", "ld-linux-x86-64",
               "linux-vdso"} | needs(lab, "libsystemd.so.0")
    expect(found <= allowed, f"besides: {found - allowed}")


def needs(lab, library):
    told = lab.run(f"ldd /lib/x86_64-linux-gnu/{library}", check=True).stdout
    return {line.split()[0].rpartition("/")[2].partition(".so")[0]
            for line in told.splitlines()}


TESTS = [
    (a_lost_gpu_is_named_and_given_back_while_the_container_runs, "v1 v2"),
    (who_is_protected_in_time_loses_nothing, "v1 v2"),
    (a_grant_to_read_stays_one, "v1 v2"),
    (who_was_given_no_gpu_gains_none, "v1 v2"),
    (who_is_immune_is_left_in_peace, "v1 v2"),
    (docker_with_its_cgroupfs_driver_is_left_in_peace, "v1 v2"),
    (links_help_those_that_start_afterwards, "v1 v2"),
    (what_the_legacy_hook_gave_comes_back, "v1 v2"),
    (after_an_update_the_list_of_v1_is_mended, "v1"),
    (where_the_runtime_denies_too_only_a_restart_helps, "v2"),
    (a_paused_container_is_not_waited_for, "v1 v2"),
    (a_repair_stands_in_the_ledger, "v1 v2"),
    (nothing_is_done_that_cannot_be_written_down, "v1 v2"),
    (the_executable_stands_alone, "v2"),
    (repair_refusals.without_root_it_says_so_and_does_nothing, "v1 v2"),
    (repair_refusals.without_systemd_it_says_so, "v1 v2"),
    (repair_refusals.without_containers_there_is_nothing_to_say, "v1 v2"),
    (repair_heal.a_new_container_is_protected_before_it_can_lose, "v1 v2"),
    (repair_heal.access_that_is_taken_away_comes_back, "v1 v2"),
    (repair_heal.systemd_may_be_absent_for_a_while, "v1 v2"),
    (repair_heal.it_ends_though_systemd_is_frozen, "v2"),
    (repair_heal.without_apply_it_only_says_what_it_would_do, "v1 v2"),
    (repair_heal.who_loses_it_again_and_again_is_left_alone, "v1 v2"),
    (repair_heal.a_legacy_container_is_spoken_of_once, "v1 v2"),
    (repair_crowd.a_container_that_ends_in_the_middle_holds_nothing_up,
     "v1 v2"),
    (repair_crowd.a_repair_that_is_killed_is_finished_or_undone_by_the_next,
     "v1 v2"),
    (repair_crowd.a_crowd_is_healed_at_once_and_through_a_storm_of_reloads,
     "v1 v2"),
]
OLD_GPU = [(repair_refusals.persistence_mode_is_not_blamed, "v2")]


def prepare(lab):
    containers.clear(lab)
    forget(lab)


def run_all(lab, version, tests, results):
    for test, versions in tests:
        if version in versions:
            results.run(base.named(test, version),
                        [lambda: prepare(lab), lambda test=test: test(lab)])


def boot_all(told, results, ends):
    """[(version, tests, lab)]; tests of labs that cannot be had are skipped."""
    tree, lacking, running = None, None, []
    try:
        tree = containers.fetch(told.runtimes)
    except containers.Unavailable as why:
        lacking = why
    makers = [("v2", TESTS, lambda: base.boot(told, tree, "v2")),
              ("v1", TESTS, lambda: base.boot(told, tree, "v1")),
              ("v2", OLD_GPU, lambda: repair_refusals.boot_old_gpu(told, tree))]
    for version, tests, make in makers:
        wanted = [test for test, versions in tests if version in versions and
                  results.wanted(base.named(test, version))]
        why = labs.why_not(version) or lacking
        if why is None and wanted:
            running.append((version, tests, ends.enter_context(make())))
        for test in wanted if why else ():
            results.skip(base.named(test, version), why)
    return running


def main():
    parser = verdicts.arguments(__doc__.splitlines()[0])
    parser.add_argument("--tools", default="build/tests/e2e")
    parser.add_argument("--runtimes", default="build/lab-runtimes")
    parser.add_argument("--all", action="store_true")
    told = parser.parse_args()
    repair_crowd.KILL_ALL = told.all
    results = verdicts.Verdicts(told.only)
    with contextlib.ExitStack() as ends:
        running = boot_all(told, results, ends)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            work = [pool.submit(run_all, lab, version, tests, results)
                    for version, tests, lab in running]
        for each in work:
            each.result()
    for version, _, lab in running:
        if lab.leak():
            results.fail(f"{version}: nothing is left behind", lab.leak())
    return results.close()


if __name__ == "__main__":
    sys.exit(main())
