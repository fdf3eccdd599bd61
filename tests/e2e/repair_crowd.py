"""Many containers, containers that end in the middle, and repairs that do:
tests for repair_test.py."""
import json
import os
import signal
import threading
import time

import containers
from cgroups import wait_until
from containers import ALLOWED, BUNDLES, DENIED, GPU, LOGS
from containers_test import RELOAD, lost, started
from repair_heal import storm
from repairs import (REVOKED, device_allow, doctor, gpuward, granted,
                     healing, listed, repair, set_list, states, unfinished)
from verdicts import FACTOR, Skipped, expect

CROWD = 50
ENDINGS = 8
KILLS = 8
STRACE = "/run/lab/strace"
KILL_ALL = False  # set by --all


class Crowd(containers.Plain):
    """Many containers of plain runc by a line of shell."""

    def __init__(self):
        super().__init__("runc")

    def start_all(self, lab, names):
        boxes = []
        for name in names:
            wish = containers.Wish(every_ms=50)
            bundle, log = lab.path(f"{BUNDLES}/{name}"), lab.path(LOGS) / name
            bundle.mkdir(parents=True)
            log.mkdir(parents=True)
            (bundle / "runtime").write_text(self.runtime + "\n")
            config = json.loads(self.config(lab))
            self._shape(config, lab, name, wish)
            (bundle / "config.json").write_text(json.dumps(config))
            boxes.append(containers.Container(lab, self, name, wish))
        lab.run(f"printf '%s\\n' {' '.join(names)} | xargs -P 4 -I % sh -c '"
                f"{self.runtime} run -d --bundle {BUNDLES}/% "
                f"--pid-file {BUNDLES}/%/pid % >{BUNDLES}/%/output 2>&1'",
                check=True, seconds=60 * FACTOR)
        expect(wait_until(lambda: all_answer(boxes, ALLOWED), 10 * FACTOR),
               "they have no access to begin with")
        return boxes

    def config(self, lab):
        return lab.run("d=$(mktemp -d) && cd $d && runc spec && "
                       "cat config.json && rm -r $d", check=True).stdout


def all_answer(boxes, answer):
    return all(set(box.answers().values()) == {answer} for box in boxes)


def scopes(boxes):
    return " ".join(f"lab-{box.name}.scope" for box in boxes)


def a_crowd_is_healed_at_once_and_through_a_storm_of_reloads(lab):
    names = [f"box{number:02}" for number in range(CROWD)]
    boxes = Crowd().start_all(lab, names)
    expect({each["tomorrow"] for each in listed(lab, code=1).values()} ==
           {"lost at reload"}, "not all are at risk")
    without = list_of(lab, boxes[0])
    lab.run(RELOAD, check=True)
    expect(wait_until(lambda: all_answer(boxes, DENIED), 10 * FACTOR),
           "not all lost it")
    found = doctor(lab, code=2)
    expect(found.ids().count(REVOKED) == CROWD, found.ids())
    began = time.monotonic()
    report = repair(lab, f"{REVOKED} --apply", code=0)
    took = time.monotonic() - began
    expect(states(report) == ["done"] * CROWD, states(report))
    expect(wait_until(lambda: all_answer(boxes, ALLOWED), 10 * FACTOR),
           "not all have it back")
    print(f"         {CROWD} containers healed in {took:.2f} s")
    lab.run(f"for each in {scopes(boxes)}; do systemctl set-property --runtime "
            f"$each {without}; done", check=True, seconds=60 * FACTOR)
    expect(wait_until(lambda: all_answer(boxes, DENIED), 10 * FACTOR),
           "not all lost it again")
    reloads = storm(lab, seconds=5, per_second=10)
    with healing(lab) as healer:
        reloads.join()
        expect(wait_until(lambda: all_answer(boxes, ALLOWED), 30 * FACTOR),
               "not all have it in the end: " + "\n".join(
                   each["text"] for each in healer.events()[-CROWD:]))
    lab.run(RELOAD, check=True)
    expect(all_answer(boxes, ALLOWED), "some lost it again")


def list_of(lab, box):
    """Its systemd list as arguments of set-property, which make it anew."""
    told = lab.run(f"systemctl show lab-{box.name}.scope -p DeviceAllow",
                   check=True).stdout.splitlines()
    return "DeviceAllow= " + " ".join(f"'{line}'" for line in told)


def a_container_that_ends_in_the_middle_holds_nothing_up(lab):
    names = [f"box{number}" for number in range(ENDINGS)]
    boxes = [started(lab, containers.RUNC, name) for name in names]
    lab.run(RELOAD, check=True)
    began = time.monotonic()
    gpuward(lab, "repair box0 --apply", code=0)
    usual = time.monotonic() - began
    for number, box in enumerate(boxes):
        when = usual * 1.1 * number / ENDINGS
        ending = threading.Timer(when, os.kill, (box.pid, signal.SIGKILL))
        ending.start()
        # 64: it was gone before anybody looked; 3: it went just then.
        done = gpuward(lab, f"repair {box.name} --apply",
                       code=(0, 1, 2, 3, 64))
        ending.join()
        said = done.stdout + done.stderr
        expect(said.strip() and "terminate called" not in said, said)
        if done.returncode in (3, 64):
            expect("there is no finding and no container" in said or
                   "is not known: no record" in said, said)
    expect(not unfinished(lab), "something is unfinished")
    expect(listed(lab) == {}, listed(lab))


def a_repair_that_is_killed_is_finished_or_undone_by_the_next(lab):
    """SIGKILL at its system calls, from the moment that it begins to act."""
    if lab.run("command -v strace").returncode != 0:
        raise Skipped("needs strace (Debian package strace)")
    if "libasan" in lab.run("ldd /usr/bin/gpuward").stdout:
        raise Skipped("LeakSanitizer does not work under strace")
    box = started(lab, containers.RUNC, "tv")
    without = device_allow(box)
    points = points_of_acting(lab, box, without)
    chosen = points if KILL_ALL else points[::max(1, len(points) // KILLS)]
    kills = 0
    for call, number, child in chosen:
        lose(box, without)
        follow = "-f" if child else ""
        lab.run(f"strace {follow} -qq -o {STRACE} -e trace={call} "
                f"-e inject={call}:signal=KILL:when={number} "
                "gpuward repair tv --apply", seconds=20 * FACTOR)
        where = f"killed at {call} number {number}"
        # Not every run makes as many of each.
        kills += "killed by SIGKILL" in \
            lab.path(STRACE).read_text(errors="replace")
        done = gpuward(lab, "repair tv --apply", code=(0, 2))
        if done.returncode == 2:  # it was undone, and says so
            expect("undone" in done.stdout, f"{where}: {done.stdout}")
            gpuward(lab, "repair tv --apply", code=0)
        expect(box.wait_for_all(ALLOWED), f"{where}: {box.answers()}")
        expect(not unfinished(lab), f"{where}: something is unfinished")
        expect(device_allow(box) == sorted([*without, *granted(box)]) and
               len(granted(box)) == len(GPU), f"{where}: {device_allow(box)}")
    expect(kills > len(chosen) / 2, f"only {kills} kills")
    print(f"         killed at {kills} of {len(points)} system calls")


def lose(box, without):
    set_list(box, without)
    box.lab.run(RELOAD, check=True)  # on v2: has systemd's program attached
    expect(box.wait_for_all(DENIED), box.answers())


def points_of_acting(lab, box, without):
    """[(call, its number, of a child)] of one repair, from the start of the
    process that keeps the ledger on."""
    lose(box, without)
    lab.run(f"strace -qq -o {STRACE} gpuward repair tv --apply", check=True)
    calls = [line.partition("(")[0] for line in
             lab.path(STRACE).read_text(errors="replace").splitlines()
             if "(" in line]
    start = len(calls) - 1 - calls[::-1].index("socketpair")
    counts, points = {}, []
    for at, call in enumerate(calls):
        counts[call] = counts.get(call, 0) + 1
        if at >= start and call.replace("_", "").isalnum() and \
                call not in ("exit_group", "restart_syscall"):
            points.append((call, counts[call], False))
    lose(box, without)
    lab.run(f"strace -f -qq -o {STRACE} -e trace=pwrite64,fdatasync "
            "gpuward repair tv --apply", check=True)
    keepers = [line.split()[1].partition("(")[0] for line in
               lab.path(STRACE).read_text(errors="replace").splitlines()
               if "(" in line and "+++" not in line]
    points += [(call, number, True) for call in ("pwrite64", "fdatasync")
               for number in range(1, keepers.count(call) + 1)]
    return points
