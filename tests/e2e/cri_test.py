#!/usr/bin/env python3
"""gpuward and the containers of containerd: cri_test.py [--bin DIR]
[--only WORD] [--tools DIR] [--runtimes DIR]

Boots two labs (lab.py), one that sees cgroup v2 and one that sees v1, in which
containerd's CRI plugin makes pods as it does for a kubelet (cri.py), with the
systemd cgroup driver, and ctr makes containers. A lab that cannot be had here
is skipped, with the reason.
"""
import concurrent.futures
import contextlib
import sys

import containers
import containers_test as base
import cri
import lab as labs
import repairs
import verdicts
from containers import ALLOWED, DENIED, GPU
from containers_test import RELOAD, happens, kept, lost, started
from repairs import AT_RISK, REVOKED, doctor, evidence, listed, repair, states
from verdicts import expect

LABEL = f"{cri.NAMESPACE}/tv/main"
ENTRIES = ["/dev/char/195:0 rw", "/dev/char/195:255 rw"]
MADE = "; ".join(f"mknod {node} c 195 {minor}"
                 for node, minor in zip(GPU, (0, 255)))


def stays(box, losses):
    """The same process may open its GPU after so many losses, and NVML
    answers."""
    expect(labs.state_of(box.pid) is not None, f"{box.name} was restarted")
    expect(box.wait_for_all(ALLOWED), f"{box.name} sees {box.answers()}")
    # On v1 systemd empties a list before it fills it again: who asks in
    # between is denied.
    expect(box.lab.cgroups.version == "v1" or
           len(box.lost_for(GPU[0])) == losses, f"{box.name} saw {box.seen()}")
    told = box.run("nvidia-smi -L").stdout
    expect(told.startswith("GPU 0: NVIDIA H100"), told)


def heals(lab, label):
    report = repair(lab, f"{label} --apply", code=0)
    expect(states(report) == ["done"], report["outcomes"])


def grants_of(container):
    return [(each["path"], each["access"], each["record"])
            for each in container["nodes"]]


# Pods.

def a_pod_is_named_with_what_it_was_given(lab):
    box = started(lab, cri.CRI, "tv")
    table, made = listed(lab), cri.ids(box)[1]
    # The container that only holds a pod's namespaces is none of them.
    expect(set(table) == {LABEL}, set(table))
    known = {
        "runtime": "containerd", "oci_runtime": "runc", "id": made,
        "name": "main", "pod": "tv", "namespace": cri.NAMESPACE,
        "image": f"{cri.IMAGES}/{containers.IMAGE}",
        "unit": f"cri-containerd-{made}.scope", "injection": "devices",
        "tomorrow": "lost at reload"}
    for key, value in known.items():
        expect(table[LABEL][key] == value, f"{key}: {table[LABEL][key]}")
    expect(grants_of(table[LABEL]) ==
           [(node, "rw", "OCI specification") for node in GPU],
           grants_of(table[LABEL]))
    risk = doctor(lab, code=1).finding(AT_RISK, LABEL)
    expect("lacks /dev/nvidia0 (195:0), /dev/nvidiactl (195:255)"
           in evidence(risk), evidence(risk))


def a_pod_that_lost_its_gpu_is_healed_while_it_runs(lab):
    box = started(lab, cri.CRI, "tv")
    lab.run(RELOAD, check=True)
    lost(box)
    found = doctor(lab, code=2)
    expect(found.ids()[0] == REVOKED, found.ids())
    loss = found.finding(REVOKED, LABEL)
    expect("pod gpu-jobs/tv" in loss["title"], loss["title"])
    expect(repairs.cause(lab, evidence(loss)), evidence(loss))
    heals(lab, LABEL)
    stays(box, 1)
    expect(repairs.granted(box) == ENTRIES, repairs.device_allow(box))
    happens(lab)
    stays(box, 1)


def who_is_beside_it_in_the_pod_gains_nothing(lab):
    box = started(lab, cri.CRI, "tv")
    poor = cri.Beside("tv").start(lab, "log", nodes=(), first=MADE)
    cri.write_checkpoint(lab, "tv", GPU)
    lab.run(RELOAD, check=True)
    lost(box)
    expect(set(listed(lab)) == {LABEL}, set(listed(lab)))
    repairs.gpuward(lab, f"repair {cri.NAMESPACE}/tv/log --apply", code=64)
    heals(lab, REVOKED)
    # Now nothing says which one of the pod's containers the kubelet means.
    lab.run(f"rm {cri.specification(poor)}", check=True)
    repair(lab, f"{REVOKED} --apply", code=(0, 1))
    happens(lab)
    stays(box, 1)
    expect({each.answer for each in poor.seen()} == {DENIED}, poor.seen())
    expect(not repairs.granted(poor), repairs.device_allow(poor))


def the_kubelets_record_adds_nothing_to_the_specification(lab):
    started(lab, cri.CRI, "tv")
    before = grants_of(listed(lab)[LABEL])
    for nodes in (GPU, ("/dev/nvidia0", "/dev/nvidia1")):
        cri.write_checkpoint(lab, "tv", nodes)
        expect(grants_of(listed(lab)[LABEL]) == before, listed(lab)[LABEL])
    place = lab.path(cri.CHECKPOINT)
    place.write_text(place.read_text()[:200])
    expect(grants_of(listed(lab)[LABEL]) == before, listed(lab)[LABEL])


# The kubelet's own update of a container.

def updated(box, shares):
    done = cri.update(box, shares)
    # runc tells systemd first, and then misses a controller that v2 may lack.
    expect(done.returncode == 0 or "cpu.weight" in done.stderr, done.stderr)


def an_update_by_the_kubelet_takes_the_gpu_and_gives_none_back(lab):
    box = started(lab, cri.CRI, "tv")
    updated(box, 300)
    lost(box)
    told = evidence(doctor(lab, code=2).finding(REVOKED, LABEL))
    expect(repairs.cause(lab, told), told)
    updated(box, 400)
    lost(box)
    # The call has no field for devices.
    expect(not repairs.granted(box), repairs.device_allow(box))
    if lab.cgroups.version == "v2":
        expect(base.device_programs(box) == ["", "sd_devices"],
               base.device_programs(box))


def who_was_healed_or_protected_outlasts_such_updates(lab):
    boxes = [started(lab, cri.CRI, name) for name in ("tv", "web")]
    updated(boxes[0], 300)
    lost(boxes[0])
    for fault in (REVOKED, AT_RISK):
        heals(lab, fault)
    for box in boxes:
        updated(box, 400)
    happens(lab)
    stays(boxes[0], 1)
    stays(boxes[1], 0)
    for box in boxes:
        expect(repairs.granted(box) == ENTRIES, repairs.device_allow(box))


# containerd without Kubernetes.

def what_ctr_made_is_named_and_healed(lab):
    boxes = {"plain": started(lab, cri.CTR, "plain"),
             "scoped": started(lab, cri.CTR_SYSTEMD, "scoped")}
    table = listed(lab)
    expect(set(table) == set(boxes), set(table))
    for name, unit, lasts in (("plain", "", "safe"),
                              ("scoped", "ctr-scoped.scope", "lost at reload")):
        found = table[name]
        expect((found["runtime"], found["id"], found.get("unit", ""),
                found["tomorrow"]) == ("containerd", name, unit, lasts), found)
        expect(grants_of(found) == [(node, "rwm", "OCI specification")
                                    for node in GPU], found)
    lab.run(RELOAD, check=True)
    lost(boxes["scoped"])
    kept(boxes["plain"])
    heals(lab, "scoped")
    stays(boxes["scoped"], 1)
    happens(lab)
    stays(boxes["scoped"], 1)
    kept(boxes["plain"])


TESTS = [
    a_pod_is_named_with_what_it_was_given,
    a_pod_that_lost_its_gpu_is_healed_while_it_runs,
    who_is_beside_it_in_the_pod_gains_nothing,
    the_kubelets_record_adds_nothing_to_the_specification,
    an_update_by_the_kubelet_takes_the_gpu_and_gives_none_back,
    who_was_healed_or_protected_outlasts_such_updates,
    what_ctr_made_is_named_and_healed,
]


def prepare(lab):
    cri.clear(lab)
    containers.clear(lab)
    repairs.forget(lab)


def run_all(lab, results):
    for test in TESTS:
        results.run(base.named(test, lab.cgroups.version),
                    [lambda: prepare(lab), lambda test=test: test(lab)])


def boot(told, tree, version):
    lab = labs.Lab(told.bin, runtimes=tree, cgroup=version)
    try:
        containers.lay(lab, told.bin, told.tools)
        cri.lay(lab)
        lab.start()
        cri.start(lab)
    except BaseException:
        lab.close()
        raise
    return lab


def boot_all(told, results, ends):
    """The labs; the tests of those that cannot be had are skipped."""
    tree, lacking, running = None, None, []
    try:
        tree = containers.fetch(told.runtimes)
    except containers.Unavailable as why:
        lacking = why
    for version in ("v2", "v1"):
        wanted = [test for test in TESTS
                  if results.wanted(base.named(test, version))]
        why = labs.why_not(version) or lacking
        if why is None and wanted:
            running.append(ends.enter_context(boot(told, tree, version)))
        for test in wanted if why else ():
            results.skip(base.named(test, version), why)
    return running


def main():
    parser = verdicts.arguments(__doc__.splitlines()[0])
    parser.add_argument("--tools", default="build/tests/e2e")
    parser.add_argument("--runtimes", default="build/lab-runtimes")
    told = parser.parse_args()
    results = verdicts.Verdicts(told.only)
    with contextlib.ExitStack() as ends:
        running = boot_all(told, results, ends)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            work = [pool.submit(run_all, lab, results) for lab in running]
        for each in work:
            each.result()
    for lab in running:
        if lab.leak():
            results.fail(f"{lab.cgroups.version}: nothing is left behind",
                         lab.leak())
    return results.close()


if __name__ == "__main__":
    sys.exit(main())
