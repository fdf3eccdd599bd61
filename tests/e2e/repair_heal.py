"""`gpuward containers --heal`, which stays: tests for repair_test.py."""
import signal
import statistics
import threading
import time

import containers
from cgroups import wait_until
from containers import ALLOWED, DENIED, GPU
from containers_test import REEXEC, RELOAD, started
from repairs import (MOST_SECONDS, device_allow, granted, healing,
                     kept_throughout, set_list)
from verdicts import FACTOR, expect

# A container is protected so soon after its start: it is looked for until its
# runtime has written its records, for 3.6 s.
PROTECTED_WITHIN = 5
MOST_HEALS = 5


def reload_is_seen(lab, healer, line=RELOAD):
    """The line, and until the healer has looked at what it did."""
    before = len(healer.told("systemd"))
    lab.run(line, check=True)
    healer.wait_for("systemd", count=before + 1)


def a_new_container_is_protected_before_it_can_lose(lab):
    with healing(lab) as healer:
        boxes, took = [], []
        for engine, name in ((containers.DOCKER, "tv"),
                             (containers.PODMAN_RUNC, "web"),
                             (containers.RUNC, "plain")):
            boxes.append(started(lab, engine, name))
            began = time.monotonic()
            healer.wait_for("outcome", name, PROTECTED_WITHIN)
            took.append(time.monotonic() - began)
        reload_is_seen(lab, healer)
        lab.run(REEXEC, check=True)
        for box in boxes:
            kept_throughout(box)
            expect("protect: done" in healer.told("outcome", box.name)[0],
                   healer.told("outcome", box.name))
        for box in boxes:
            box.remove()
            healer.wait_for("gone", box.name)
    print(f"         protected {max(took) * 1000:.0f} ms after the start, at "
          "the latest")


def access_that_is_taken_away_comes_back(lab):
    """By a list without the nodes, which is what runtimes send at updates."""
    boxes = [started(lab, name="tv"), started(lab, containers.RUNC, "plain")]
    lost = []
    lists = {box.name: device_allow(box) for box in boxes}
    with healing(lab) as healer:
        for box in boxes:
            healer.wait_for("outcome", box.name)
        for box in boxes:
            set_list(box, lists[box.name])
            expect(wait_until(lambda box=box: box.lost_for(GPU[0]), 3 * FACTOR),
                   f"{box.name} saw {box.seen()}")
            lost += box.lost_for(GPU[0])
        reload_is_seen(lab, healer)
        for box in boxes:
            expect(box.wait_for_all(ALLOWED), box.answers())
    print(f"         lost for {statistics.median(lost) * 1000:.0f} ms, "
          f"{max(lost) * 1000:.0f} ms at most")


def systemd_may_be_absent_for_a_while(lab):
    """Reexecuted, frozen, without a bus: and it goes on afterwards."""
    box = started(lab, name="tv")
    with healing(lab) as healer:
        healer.wait_for("outcome", "tv")
        lab.run(REEXEC, check=True)
        lab.run("systemctl restart dbus.service", check=True)
        lab.run(RELOAD, check=True)
        freeze(lab, 3)
        later = started(lab, containers.RUNC, "later")
        healer.wait_for("outcome", "later", MOST_SECONDS)
        lab.run(RELOAD, check=True)
        kept_throughout(box)
        kept_throughout(later)


def freeze(lab, seconds):
    lab.freeze("systemd")
    try:
        time.sleep(seconds)
    finally:
        lab.freeze("systemd", signal.SIGCONT)


def it_ends_though_systemd_is_frozen(lab):
    started(lab, name="tv")
    with healing(lab) as healer:
        healer.wait_for("outcome", "tv")
        lab.freeze("systemd")
        try:
            healer.end()
        finally:
            lab.freeze("systemd", signal.SIGCONT)
        healer.__init__(lab, "--apply")
        healer.wait_for("seen", "tv")


def without_apply_it_only_says_what_it_would_do(lab):
    box = started(lab, name="tv")
    with healing(lab, options="") as healer:
        expect("would allow" in healer.wait_for("would", "tv")[0],
               healer.told("would"))
        reload_is_seen(lab, healer)
        expect(box.wait_for_all(DENIED), box.answers())
        healer.wait_for("would", "tv", count=2)
        expect(not healer.told("outcome") and not granted(box),
               device_allow(box))


def who_loses_it_again_and_again_is_left_alone(lab):
    box = started(lab, name="tv")
    without = device_allow(box)
    with healing(lab) as healer:
        healer.wait_for("outcome", "tv")
        for count in range(1, MOST_HEALS + 1):
            set_list(box, without)
            healer.wait_for("outcome", "tv", count=count + 1)
        set_list(box, without)
        told = healer.wait_for("left", "tv")[0]
        expect(f"{MOST_HEALS} times" in told and "lacks /dev/nvidia0" in told,
               told)
        expect(box.wait_for_all(DENIED), box.answers())
        lab.run(RELOAD, check=True)
        expect(not granted(box), device_allow(box))
        # A look that comes before systemd applies the list protects again.
        done = [each for each in healer.told("outcome", "tv")
                if ": done" in each]
        expect(len(done) == MOST_HEALS + 1, done)


def a_legacy_container_is_spoken_of_once(lab):
    """No list prevents what an update does to it; that is no news each time."""
    box = started(lab, name="tv", nodes=(), legacy=True)
    with healing(lab) as healer:
        healer.wait_for("outcome", "tv")
        for _ in range(3):
            reload_is_seen(lab, healer)
        containers.RUNC.start(lab, "other", nodes=(), tries=("/dev/null",))
        reload_is_seen(lab, healer)
        expect(len(healer.told("outcome", "tv")) == 1, healer.told("outcome"))
        expect(len(healer.told("seen", "tv")) <= 1, healer.told("seen"))
        kept_throughout(box)


def storm(lab, seconds, per_second):
    """Reloads, from a thread of its own."""
    def work():
        lab.run(f"for each in $(seq {seconds * per_second}); do "
                f"{RELOAD} & sleep {1 / per_second}; done; wait",
                seconds=(seconds + 20) * FACTOR)

    thread = threading.Thread(target=work)
    thread.start()
    return thread
