#!/usr/bin/env python3
"""gpuward and a kubelet that waits for its device plugin: kubelet_test.py
[--bin DIR] [--only WORD] [--tools DIR] [--runtimes DIR]

Boots a lab (lab.py) with a real systemd and a real containerd, in which a
container runs a process of the device plugin's name, and a unit kubelet.service
whose program logs as a frozen kubelet does: it began to admit a pod, and does
nothing else until that process ends, or for ever. A lab that cannot be had here
is skipped, with the reason.
"""
import contextlib
import os
import signal
import sys

import containers
import cri
import lab as labs
import repairs
import verdicts
from verdicts import FACTOR, expect

FAULT = "kubelet-blocked-by-device-plugin"
POD = "nvidia-device-plugin-daemonset-bbp4x"
LOG = "/var/log/kubelet.log"
WEDGED, STARTED, PLUGIN = ("/run/lab/wedged", "/run/lab/started",
                           "/run/lab/plugin.pid")
KUBELET = f"""#!/bin/sh
say() {{
  printf 'node kubelet[%s]: I0730 20:%s.000000   %s kubelet.go:1] %s\\n' \\
    $$ "$1" $$ "$2" >>{LOG}
}}
say 39:03 '"SyncLoop ADD" source="api" pods=["ml/train-0"]'
say 49:12 'Error while processing event'
[ ! -e {STARTED} ] || say 49:13 '"SyncLoop (PLEG): event for pod" pod="ml/x"'
: >{STARTED}
while [ -e {WEDGED} ] || [ -d "/proc/$(cat {PLUGIN})" ]; do sleep 0.1; done
say 49:14 '"SyncLoop UPDATE" source="api" pods=["ml/train-0"]'
while sleep 1; do :; done
"""
UNIT = """[Service]
ExecStart=/usr/local/bin/kubelet
Restart=always
"""
# Takes the place of the client's own command line.
AS_PLUGIN = ("cp /bin/container-client /tmp/nvidia-device-plugin; "
             "exec /tmp/nvidia-device-plugin --every 5 --log /log/client "
             + " ".join(containers.GPU))


def frozen(lab, wedged=False):
    """A plugin in a pod, and a kubelet that waits for it."""
    box = cri.CRI.start(lab, POD, first=AS_PLUGIN)
    pid = lab.path(f"{cri.STATES}/k8s.io/{cri.ids(box)[1]}/init.pid")
    lab.path(PLUGIN).write_text(pid.read_text())
    if wedged:
        lab.path(WEDGED).write_text("")
    lab.run("systemctl start kubelet", check=True)
    expect(labs.wait_until(lambda: lab.path(STARTED).exists(), 5),
           "the kubelet does not start")
    return box


def repair(lab, words="", code=0):
    done = lab.run(f"gpuward repair {FAULT} --json {words}",
                   seconds=150 * FACTOR)
    expect(done.returncode == code, f"{done.returncode} {done.stdout} "
                                    f"{done.stderr}")
    return repairs.as_json(done)


def main_pid(lab):
    return int(lab.run("systemctl show -p MainPID --value kubelet").stdout)


def ended(box):
    return labs.wait_until(lambda: labs.state_of(box.pid) is None, 5)


def plan_only_changes_nothing(lab):
    box = frozen(lab)
    report = repair(lab)
    expect([each["action"] for each in report["plan"]["steps"]] ==
           ["stop-container", "restart-kubelet"], report["plan"])
    stop = report["plan"]["steps"][0]
    expect(stop["arguments"]["id"] == cri.ids(box)[1], stop)
    expect(stop["subject"]["name"] == f"{cri.NAMESPACE}/{POD}/main", stop)
    expect(any("ml/train-0" in each for each in report["warnings"]),
           report["warnings"])
    expect(labs.state_of(box.pid) is not None, "the plugin has ended")


def the_container_is_stopped_and_that_is_enough(lab):
    box = frozen(lab)
    kubelet = main_pid(lab)
    report = repair(lab, "--apply")
    expect(repairs.states(report) == ["done", "already"], report["outcomes"])
    expect("SyncLoop UPDATE" in report["outcomes"][1]["text"],
           report["outcomes"])
    expect(ended(box), "the plugin goes on")
    expect(main_pid(lab) == kubelet, "the kubelet was restarted")


def a_plugin_that_a_signal_stopped_goes_too(lab):
    box = frozen(lab)
    os.kill(box.pid, signal.SIGSTOP)
    report = repair(lab, "--apply")
    expect(report["findings"][0]["confidence"] == "certain",
           report["findings"])
    expect(repairs.states(report) == ["done", "already"], report["outcomes"])
    expect(ended(box), "the plugin goes on")


def a_kubelet_that_stays_frozen_is_restarted(lab):
    box = frozen(lab, wedged=True)
    kubelet, reloads = main_pid(lab), reloads_of(lab)
    report = repair(lab, "--apply")
    expect(repairs.states(report) == ["done", "done"], report["outcomes"])
    expect("SyncLoop (PLEG)" in report["outcomes"][1]["text"],
           report["outcomes"])
    expect(ended(box), "the plugin goes on")
    expect(main_pid(lab) not in (0, kubelet), "it was not restarted")
    expect(reloads_of(lab) == reloads, "systemd was reloaded")


def one_that_is_killed_is_finished_by_the_next(lab):
    for seconds in (0.06, 0.1, 0.15, 0.25, 0.5):
        prepare(lab)
        box = frozen(lab)
        lab.run(f"timeout -s KILL {seconds} gpuward repair {FAULT} --apply")
        report = repair(lab, "--apply")
        told = {each["state"] for each in
                report["interrupted"] + report["outcomes"]}
        expect(told <= {"done", "already", "undone"}, report)
        expect(ended(box), f"killed after {seconds} s: the plugin goes on")
        expect(repair(lab)["plan"]["steps"] == [], "something is left")


def reloads_of(lab):
    return lab.run("journalctl -q _PID=1 | grep -c -i 'reloading'").stdout


TESTS = [plan_only_changes_nothing, the_container_is_stopped_and_that_is_enough,
         a_plugin_that_a_signal_stopped_goes_too,
         a_kubelet_that_stays_frozen_is_restarted,
         one_that_is_killed_is_finished_by_the_next]


def prepare(lab):
    lab.run(f"systemctl stop kubelet; rm -f {LOG} {WEDGED} {STARTED} {PLUGIN}")
    cri.clear(lab)
    repairs.forget(lab)


def boot(told, tree):
    lab = labs.Lab(told.bin, runtimes=tree)
    try:
        containers.lay(lab, told.bin, told.tools)
        cri.lay(lab)
        lab.file("/usr/local/bin/kubelet", KUBELET, 0o755)
        lab.unit("kubelet.service", UNIT)
        lab.start()
        cri.start(lab)
    except BaseException:
        lab.close()
        raise
    return lab


def main():
    parser = verdicts.arguments(__doc__.splitlines()[0])
    parser.add_argument("--tools", default="build/tests/e2e")
    parser.add_argument("--runtimes", default="build/lab-runtimes")
    told = parser.parse_args()
    results = verdicts.Verdicts(told.only)
    why, tree = labs.why_not(), None
    try:
        tree = None if why else containers.fetch(told.runtimes)
    except containers.Unavailable as lacking:
        why = str(lacking)
    if why:
        for test in TESTS:
            results.skip(test.__name__, why)
        return results.close()
    with contextlib.ExitStack() as ends:
        lab = ends.enter_context(boot(told, tree))
        for test in TESTS:
            results.run(test.__name__,
                        [lambda: prepare(lab), lambda test=test: test(lab)])
    if lab.leak():
        results.fail("nothing is left behind", lab.leak())
    return results.close()


if __name__ == "__main__":
    sys.exit(main())
