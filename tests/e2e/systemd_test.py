#!/usr/bin/env python3
"""gpuward under a real systemd: systemd_test.py [--bin DIR] [--only WORD]

Boots a lab (lab.py) and looks where probers live, what a stuck one holds up,
and what is made of a dead bus and of a journal. Debian packages: systemd, dbus.
Where there can be no lab, each test is skipped with the reason.
"""
import json
import re
import signal
import sys
import time

import lab as labs
import verdicts
from verdicts import Failed, Skipped, expect, in_time

PROBER = "gpuward-prober"
SCOPE = re.compile(r"/system\.slice/gpuward-prober-(\d)-\d+\.scope$")
AGENT = """[Unit]
Description=gpuward agent
[Service]
ExecStart=/usr/bin/gpuward agent --interval 1
{environment}
"""
# Two kubelets: one that logs and stays, as the log of a stuck one ends.
KUBELET = """[Service]
ExecStart=/bin/sh -c 'cat /etc/kubelet-says; exec sleep 1000'
"""
KUBELET_SAYS = (
    'I0730 20:39:03.753013 45878 manager.go:956] "Issuing a '
    'GetPreferredAllocation call for container" containerName="a" '
    'podUID="69e0758e"\n')
FALLEN_OFF = ("NVRM: Xid (PCI:0000:0f:00): 79, pid='<unknown>', "
              "name=<unknown>, GPU has fallen off the bus.")


def report(done):
    """The JSON of a doctor or status."""
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise Failed(f"no JSON, exit code {done.returncode}, after "
                     f"{done.seconds:.1f} s: {done.stdout[-300:]}"
                     f"{done.stderr[-300:]}") from None


def placement(document):
    expect(document["probes"], "no probe in the report")
    return document["probes"][0].get("placement", "")


def ids(document):
    return [finding["id"] for finding in document["findings"]]


def stuck_probers(lab):
    return [pid for pid in lab.pids(PROBER)
            if labs.state_of(pid) and labs.state_of(pid)[0] != "Z"]


def fresh(lab):
    """A healthy GPU, a running bus, no agent, no prober."""
    lab.inject("--clear", "all")
    lab.run("systemctl stop gpuward-agent kubelet 2>/dev/null; "
            "systemctl start dbus.socket dbus systemd-journald; "
            "systemctl reset-failed; rm -f /run/gpuward/snapshot.json")
    gone = labs.wait_until(lambda: not stuck_probers(lab), 5)
    expect(gone, "a prober outlives the hang that was lifted")


# Where a prober lives.

def a_prober_gets_a_scope_of_its_own(lab):
    lab.inject("nvmlDeviceGetCount_v2", "hang=futex")
    lab.run_in_unit("caller.service",
                    "gpuward status --json --patience 1 >/tmp/status.json",
                    wait=False)
    found = labs.wait_until(lambda: [
        pid for pid in stuck_probers(lab) if SCOPE.search(lab.cgroup_of(pid))],
        3)
    expect(found, "the prober is in no scope: " + ", ".join(
        lab.cgroup_of(pid) for pid in stuck_probers(lab)))
    scope = lab.cgroup_of(found[0]).rpartition("/")[2]
    told = lab.run(f"systemctl show {scope} -p SendSIGKILL "
                   "-p TimeoutStopUSec -p CollectMode -p ActiveState")
    for line in ("SendSIGKILL=no", "TimeoutStopUSec=500ms", "ActiveState=active",
                 "CollectMode=inactive-or-failed"):
        expect(line in told.stdout.split("\n"), f"not {line}: {told.stdout}")
    expect(labs.wait_until(lambda: lab.run(
        "systemctl is-active caller").stdout.strip() == "inactive", 4),
        "the caller's unit does not end")
    document = report(lab.run("cat /tmp/status.json"))
    expect(placement(document) == f"scope {scope}", placement(document))


def a_second_prober_gets_a_scope_too(lab):
    lab.inject("nvmlDeviceGetTemperature*", "gpu=3", "hang=futex")
    lab.run_in_unit("caller.service", "gpuward doctor --patience 3",
                    wait=False)
    expect(labs.wait_until(lambda: both_slots(lab), 4),
           "not in two scopes: " + ", ".join(
               lab.cgroup_of(pid) for pid in stuck_probers(lab)))
    in_time(lab.run("systemctl stop caller.service"), 3)


def both_slots(lab):
    found = [SCOPE.search(lab.cgroup_of(pid)) for pid in stuck_probers(lab)]
    return {each[1] for each in found if each} == {"1", "2"}


def the_scope_goes_with_its_prober(lab):
    report(lab.run("gpuward status --json"))
    left = labs.wait_until(
        lambda: not lab.run("systemctl list-units --all --plain --no-legend "
                            f"'{PROBER}*'").stdout, 2)
    expect(left, "a scope is left behind")


# A stuck prober and the service that it belongs to.

def stuck_agent(lab, *hang):
    lab.inject(*hang)
    lab.run("systemctl start gpuward-agent", check=True)
    found = labs.wait_until(lambda: [
        pid for pid in stuck_probers(lab) if SCOPE.search(lab.cgroup_of(pid))],
        5)
    expect(found, "the agent's prober is in no scope: " + ", ".join(
        lab.cgroup_of(pid) for pid in stuck_probers(lab)))
    return found[0]


def stop_is_not_held_up(lab):
    stopped = lab.run("systemctl stop gpuward-agent", check=True)
    in_time(stopped, 3)
    state = lab.run("systemctl show gpuward-agent -p ActiveState -p Result")
    expect("ActiveState=inactive" in state.stdout and
           "Result=success" in state.stdout, state.stdout)


def a_prober_in_state_d_stays_and_is_not_joined(lab):
    if not lab.has_state_d():
        raise Skipped("no loop device or mkfs.ext4: no state D here")
    pid = stuck_agent(lab, "nvmlInit*", "hang=d")
    expect(labs.wait_until(lambda: labs.state_of(pid)[0] == "D", 3),
           "not in state D")
    who = labs.state_of(pid)[2]
    stop_is_not_held_up(lab)
    for _ in range(3):
        lab.run("systemctl restart gpuward-agent", check=True)
        time.sleep(0.3)
    lab.run("gpuward doctor --patience 1")
    same = labs.state_of(pid)
    expect(same and same[0] == "D" and same[2] == who, "the canary is gone")
    expect(stuck_probers(lab) == [pid],
           f"{len(stuck_probers(lab))} probers where one is stuck")
    stop_is_not_held_up(lab)
    lab.inject("--clear", "all")
    expect(labs.wait_until(lambda: not stuck_probers(lab), 3),
           "the canary does not end when it comes free")


def a_sleeping_prober_holds_up_no_stop(lab):
    stuck_agent(lab, "nvmlInit*", "hang=futex")
    stop_is_not_held_up(lab)
    lab.run("systemctl start gpuward-agent", check=True)
    time.sleep(0.5)
    stop_is_not_held_up(lab)
    expect(len(stuck_probers(lab)) <= 1, "more than one stuck prober")


def a_killed_agent_leaves_no_second_prober(lab):
    stuck_agent(lab, "nvmlInit*", "hang=futex")
    lab.run("systemctl kill -s KILL gpuward-agent", check=True)
    time.sleep(0.3)
    lab.run("systemctl reset-failed; systemctl start gpuward-agent",
            check=True)
    time.sleep(0.7)
    expect(len(stuck_probers(lab)) <= 1, "more than one stuck prober")
    stop_is_not_held_up(lab)


def a_stuck_probe_is_not_healthy(lab):
    """Even where /sys shows no GPU (the lab's): there are nodes, a library."""
    lab.inject("nvmlInit*", "hang=futex")
    done = lab.run("gpuward doctor --json --patience 1")
    document = report(done)
    expect(done.returncode != 0 and document["verdict"] != "healthy",
           f"doctor: exit code {done.returncode}, {document['verdict']}, "
           f"while its probe is {document['probes'][0]['state']} in "
           f"{document['probes'][0]['symbol']}")
    done = lab.run("gpuward status --json --patience 1")
    expect(done.returncode == 3 and "verdict" not in report(done),
           f"status: exit code {done.returncode}")


# A bus that is dead, or late.

def without_a_bus(lab):
    lab.run("systemctl stop dbus.socket dbus.service", check=True)
    document = report(lab.run("gpuward status --json"))
    expect(re.match(r"(scope|cgroup) ", placement(document)),
           f"placement {placement(document)!r}")
    done = lab.run("gpuward doctor --json")
    in_time(done, 3)
    expect(report(done)["verdict"] == "healthy", done.stdout[-300:])
    # Outside the agent's unit all the same.
    hang = "hang=d" if lab.has_state_d() else "hang=futex"
    lab.inject("nvmlInit*", hang)
    lab.run("systemctl start gpuward-agent", check=True)
    found = labs.wait_until(lambda: stuck_probers(lab), 3)
    expect(found, "the agent starts no prober")
    time.sleep(0.3)
    expect("gpuward-agent" not in lab.cgroup_of(found[0]),
           lab.cgroup_of(found[0]))
    stop_is_not_held_up(lab)


def an_agent_stops_while_the_bus_is_frozen(lab):
    report(lab.run("gpuward status --json"))
    lab.freeze("dbus-daemon")
    try:
        lab.run("systemctl start gpuward-agent", check=True)
        time.sleep(0.5)
        stop_is_not_held_up(lab)
    finally:
        lab.freeze("dbus-daemon", signal.SIGCONT)


def with_a_frozen_bus(lab):
    report(lab.run("gpuward status --json"))  # activates it
    expect(lab.pids("dbus-daemon"), "there is no bus to freeze")
    frozen(lab, "dbus-daemon")


def with_a_frozen_systemd(lab):
    report(lab.run("gpuward status --json"))
    frozen(lab, "systemd")


def frozen(lab, who):
    """gpuward, while that process does not answer."""
    lab.freeze(who)
    try:
        done = lab.run("gpuward doctor --json --patience 8")
    finally:
        lab.freeze(who, signal.SIGCONT)
    in_time(done, 9)
    document = report(done)
    where = placement(document)
    expect(document["probes"][0]["state"] == "answering" and
           re.match(r"(scope|cgroup|none)\b", where),
           f"the probe is {document['probes'][0]['state']} in "
           f"{document['probes'][0]['symbol']}, its placement {where!r}; "
           f"findings {ids(document)}")
    expect(document["verdict"] == "healthy", ids(document))


# systemd is never asked to reload.

def nothing_of_ours_reloads(lab):
    lab.run("systemctl start gpuward-agent", check=True)
    for line in ("doctor", "status", "release --for 20s", "release --end"):
        done = lab.run(f"gpuward {line}")
        expect(done.returncode == 0, f"{line}: {done.returncode} "
               f"{done.stdout[-300:]}{done.stderr}")
    lab.run("systemctl stop gpuward-agent", check=True)
    lab.run("journalctl --sync")
    told = lab.run("journalctl --no-pager _PID=1").stdout
    expect("Started gpuward-agent" in told, "PID 1 logs nothing: " + told)
    reloads = [line for line in told.splitlines()
               if re.search(r"Reload|Reexec", line)]
    expect(not reloads, "\n".join(reloads))
    # The test would see it.
    lab.run("systemctl daemon-reload; journalctl --sync", check=True)
    expect("Reloading" in lab.run("journalctl --no-pager _PID=1").stdout,
           "a reload leaves no trace in the journal")


# The journal.

def the_kubelet_of_the_journal_is_read(lab):
    lab.run("mkdir -p /var/lib/kubelet; systemctl start kubelet; "
            "sleep 0.1; journalctl --sync", check=True)
    document = report(lab.run("gpuward doctor --json"))
    expect("kubelet-blocked-by-device-plugin" in ids(document),
           ids(document))


def the_kernel_log_of_the_journal_is_read(lab):
    if "journald-kernel" not in lab.notes:
        lab.write_kernel_log(FALLEN_OFF, 3)
        lab.notes.add("journald-kernel")
    lab.run("journalctl --sync")
    kept = lab.run("journalctl --no-pager -o cat _TRANSPORT=kernel").stdout
    expect("Xid" in kept, f"journald did not take it: {kept}")
    document = report(lab.run("gpuward doctor --json"))
    expect("gpu-fallen-off-bus" in ids(document), ids(document))
    files = [each.get("file") for finding in document["findings"]
             for each in finding["evidence"]]
    expect("journal" in files, files)


def a_copied_root_is_read_from_its_journal(lab):
    lab.run("""set -e; rm -rf /tmp/copy; mkdir -p /tmp/copy/var/log/journal \
        /tmp/copy/var/lib/kubelet /tmp/copy/proc/sys/kernel/random
        cp -a /run/log/journal/* /tmp/copy/var/log/journal/
        cp /etc/machine-id /tmp/copy/; mkdir /tmp/copy/etc
        cp /etc/machine-id /tmp/copy/etc/
        cat /proc/sys/kernel/random/boot_id \
            > /tmp/copy/proc/sys/kernel/random/boot_id""", check=True)
    done = lab.run("gpuward doctor --json --root /tmp/copy --patience 2")
    document = report(done)
    for wanted in ("gpu-fallen-off-bus", "kubelet-blocked-by-device-plugin"):
        expect(wanted in ids(document), f"no {wanted}: {ids(document)}")


def without_journald(lab):
    lab.run("systemctl stop systemd-journald.socket "
            "systemd-journald-dev-log.socket systemd-journald", check=True)
    try:
        done = lab.run("gpuward doctor --json")
    finally:
        lab.run("systemctl start systemd-journald.socket "
                "systemd-journald-dev-log.socket systemd-journald")
    in_time(done, 3)
    # What was logged before is still in the files.
    expect("gpu-fallen-off-bus" in ids(report(done)), ids(report(done)))


DAMAGE = {
    "cut": 'truncate -s 5000 "$f"',
    "header overwritten":
        'dd if=/dev/zero of="$f" bs=64 count=4 conv=notrunc status=none',
    "middle overwritten": 'dd if=/dev/urandom of="$f" bs=4096 seek=2 '
                          'count=2000 conv=notrunc status=none',
    "empty": ': >"$f"',
    "text": 'echo hello >"$f"',
    "a folder": 'rm "$f"; mkdir "$f"',
    "a pipe": 'rm "$f"; mkfifo "$f"',
}


def a_damaged_journal_is_said(lab):
    silent = []
    for how, line in DAMAGE.items():
        lab.run("""rm -rf /tmp/bad; cp -a /tmp/copy /tmp/bad
            for f in /tmp/bad/var/log/journal/*/*.journal; do %s; done"""
                % line, check=True)
        done = lab.run("gpuward doctor --json --root /tmp/bad --patience 1",
                       seconds=8)
        expect(0 <= done.returncode <= 3,
               f"{how}: exit code {done.returncode}: {done.stderr[-300:]}")
        in_time(done, 4)
        document = report(done)
        unknown = {each["id"]: each["why"]
                   for each in document["checks"]["unknown"]}
        for fault in ("gpu-fallen-off-bus", "kubelet-blocked-by-device-plugin"):
            if fault not in ids(document) and \
                    "journal" not in unknown.get(fault, ""):
                silent.append(f"{how}: {fault} is "
                              f"{unknown.get(fault, 'not even unknown')}")
    expect(not silent, "nothing is said of a damaged journal\n" +
           "\n".join(silent))


# The end of the machine. Nothing comes after this.

def the_shutdown_is_not_held_up(lab):
    if not lab.has_state_d():
        raise Skipped("no loop device or mkfs.ext4: no state D here")
    pid = stuck_agent(lab, "nvmlInit*", "hang=d")
    expect(labs.wait_until(lambda: labs.state_of(pid)[0] == "D", 3),
           "not in state D")
    began = time.monotonic()
    # systemd-shutdown waits for each process that it has killed (twice
    # DefaultTimeoutStopSec, 90 s), but for those whose argv[0] begins with
    # "@" (systemd: "Storage Daemons for the Root File System").
    lab.run("systemctl --no-block poweroff", check=True)
    units = labs.wait_until(
        lambda: labs.comm_of(lab.init) != "systemd" or not lab.is_up(), 12)
    units_took = time.monotonic() - began
    expect(units, "systemd is still stopping units after 12 s")
    done = labs.wait_until(lambda: not lab.is_up(), 8)
    took = time.monotonic() - began
    print(f"         units stopped in {units_took:.1f} s, "
          f"{'ended' if done else 'not ended'} after {took:.1f} s")
    expect(units_took <= 5, f"stopping the units took {units_took:.1f} s")
    expect(done, "systemd-shutdown waits for the stuck prober "
           f"(still, after {took:.0f} s)")


TESTS = [
    a_prober_gets_a_scope_of_its_own,
    a_second_prober_gets_a_scope_too,
    the_scope_goes_with_its_prober,
    a_prober_in_state_d_stays_and_is_not_joined,
    a_sleeping_prober_holds_up_no_stop,
    a_killed_agent_leaves_no_second_prober,
    a_stuck_probe_is_not_healthy,
    nothing_of_ours_reloads,
    without_a_bus,
    an_agent_stops_while_the_bus_is_frozen,
    with_a_frozen_bus,
    with_a_frozen_systemd,
    the_kubelet_of_the_journal_is_read,
    the_kernel_log_of_the_journal_is_read,
    a_copied_root_is_read_from_its_journal,
    without_journald,
    a_damaged_journal_is_said,
    the_shutdown_is_not_held_up,
]


def lay(lab):
    lab.unit("gpuward-agent.service", AGENT.format(environment="\n".join(
        f"Environment={each}" for each in lab.environment)))
    lab.unit("kubelet.service", KUBELET)
    lab.file("/etc/kubelet-says", KUBELET_SAYS)
    lab.notes = set()


def main():
    told = verdicts.arguments(__doc__.splitlines()[0]).parse_args()
    results = verdicts.Verdicts(told.only)
    why = labs.why_not()
    if why:
        for test in TESTS:
            results.skip(verdicts.name_of(test), why)
        return results.close()
    with labs.Lab(told.bin) as lab:
        lay(lab)
        lab.start()
        for test in TESTS:
            results.run(verdicts.name_of(test),
                        [lambda: fresh(lab), lambda test=test: test(lab)])
    if lab.leak():
        results.fail("nothing is left behind", lab.leak())
    return results.close()


if __name__ == "__main__":
    sys.exit(main())
