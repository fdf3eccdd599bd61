#!/usr/bin/env python3
"""Pods are admitted while everything is killed at random:
chaos.py --bin GPUWARD [--admissions N] [--seed N]

A vendor's plugin behind `gpuward guard` and `gpuward device-plugin` on a
simulated node with an agent. Plugin, guard, device plugin, agent and prober are
killed, the vendor's also stopped and told of bad devices. Meanwhile

  no device is handed out twice, and no answer is another pod's;
  no pod is refused that could have its devices from those who have been running
  for 2 s;
  the kubelet never disagrees with what there is for more than 2 s in which
  those who must tell it are running;
  in the last third, in which guard and device plugin are left alone, their
  memory and descriptors do not grow.
"""
import argparse
import os
import pathlib
import random
import signal
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "hang"))
import node as hang_node  # noqa: E402
from stand import (FACTOR, Failed, Stand, check, sanitized,  # noqa: E402
                   time_of)

VENDOR, OURS = "example.com/gpu", "nvidia.com/gpu"
TELLERS = {VENDOR: ("guard", "vendor"), OURS: ("device-plugin", "agent")}
SCENARIO, OUR_DEVICES = "healthy-8xh100", 8
DISAGREES_S = 2
# Between two troubles: some follow each other closely, others find all at rest.
PAUSES_S = (0.1, 0.3, 0.5, 1, 3.5)
GUARD = ["--preferred-deadline", time_of(0.3), "--allocate-deadline",
         time_of(0.3), "--liveness-interval", time_of(0.3)]


class Crowd:
    """Those who are killed. `since[NAME]`: since when it has been running and
    left alone; nothing while it is not."""

    def __init__(self, stand, dice):
        self.stand, self.dice = stand, dice
        self.vendor_health = {f"dev-{n}": "Healthy" for n in range(8)}
        self.makers = {
            "guard": lambda: stand.guard(*GUARD),
            "vendor": lambda: stand.plugin(
                VENDOR, "--devices", ",".join(
                    f"{one}={health}" for one, health
                    in self.vendor_health.items())),
            "agent": stand.agent,
            "device-plugin": stand.device_plugin,
        }
        self.running, self.since, self.kills = {}, {}, {}
        self.spared = set()
        self.lock = threading.Lock()
        for name in self.makers:
            self.start(name)

    def start(self, name):
        self.running[name] = self.makers[name]()
        with self.lock:
            self.since[name] = time.monotonic()

    def disturbed(self, name):
        with self.lock:
            self.since.pop(name, None)
            self.kills[name] = self.kills.get(name, 0) + 1

    def calm_since(self, *names):
        """Since when all of them have been left alone, or nothing."""
        with self.lock:
            if not all(name in self.since for name in names):
                return None
            return max(self.since[name] for name in names)

    def kill(self, name):
        self.disturbed(name)
        process = self.running[name]
        process.kill()
        self.stand.started.remove(process)
        time.sleep(self.dice.choice((0, 0, 0.1, 0.5)))
        self.start(name)

    def stop_vendor(self):
        self.disturbed("vendor")
        self.running["vendor"].send_signal(signal.SIGSTOP)
        time.sleep(self.dice.uniform(0.1, 1))
        self.running["vendor"].send_signal(signal.SIGCONT)
        with self.lock:
            self.since["vendor"] = time.monotonic()

    def kill_prober(self):
        for task in hang_node.probers(str(self.stand.run_dir)):
            self.disturbed("prober")
            try:
                os.kill(task.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        with self.lock:
            self.since["agent"] = time.monotonic()

    def change_health(self):
        one = self.dice.choice(sorted(self.vendor_health))
        health = self.dice.choice(("Healthy", "Healthy", "Unhealthy"))
        self.vendor_health[one] = health
        with self.lock:
            self.since["vendor"] = time.monotonic()
        self.running["vendor"].ask(f"health {one} {health}")

    def disturb(self):
        what = self.dice.choice(("guard", "vendor", "agent", "device-plugin",
                                 "prober", "stop", "health", "health"))
        if what in self.spared:
            return
        if what == "prober":
            self.kill_prober()
        elif what == "stop":
            self.stop_vendor()
        elif what == "health":
            self.change_health()
        else:
            self.kill(what)


class Chaos:
    def __init__(self, stand, seed):
        self.stand, self.dice = stand, random.Random(seed)
        stand.node(SCENARIO)
        self.kubelet = stand.kubelet("--seed", str(seed))
        self.crowd = Crowd(stand, random.Random(seed + 1))
        self.held = {}  # pod → {(resource, device)}
        self.odd_since = {}
        self.longest = {VENDOR: 0.0, OURS: 0.0}
        self.counts = {"admitted": 0, "refused": 0, "rightly": 0}
        self.slowest = 0.0
        self.over = threading.Event()
        self.trouble = []

    def ready(self):
        for resource in (VENDOR, OURS):
            self.kubelet.wait(resource, "healthy=8 unhealthy=0", 15)

    def kill_on(self):
        try:
            while not self.over.wait(self.crowd.dice.choice(PAUSES_S)):
                self.crowd.disturb()
        except Exception as error:  # told by the thread that counts
            self.trouble.append(error)

    def admit(self, number):
        pod = f"pod-{number}"
        resource = self.dice.choice((VENDOR, OURS))
        count = self.dice.choice((1, 1, 1, 2, 3))
        began, calm = time.monotonic(), self.crowd.calm_since(*TELLERS[resource])
        seen = self.kubelet.admit(pod, resource, str(count), within=20)
        check("admitted" in seen, f"{pod} waits for 20 s: {seen}")
        self.slowest = max(self.slowest, seen["seconds"])
        if not seen["admitted"]:
            self.counts["refused"] += 1
            if calm is not None and began - calm > DISAGREES_S * FACTOR and \
                    calm == self.crowd.calm_since(*TELLERS[resource]):
                self.counts["rightly"] += 1
                check(self.free(resource) < count,
                      f"{pod} is refused {count} of {self.free(resource)} "
                      f"{resource}: {seen}")
            return
        self.counts["admitted"] += 1
        [grant] = seen["allocations"]
        mine = {(resource, one) for one in grant["ids"]}
        check(len(mine) == count, f"{pod} has {mine} instead of {count}")
        for other, theirs in self.held.items():
            check(not mine & theirs, f"{pod} and {other} have {mine & theirs}")
        told = grant["envs"].get("TEST_DEVICES" if resource == VENDOR
                                 else "NVIDIA_VISIBLE_DEVICES", "")
        check(sorted(told.split(",")) == grant["ids"],
              f"{pod} has {grant['ids']}, and is told of {told}")
        self.held[pod] = mine

    def free(self, resource):
        """How many devices a pod could have."""
        held = {one for mine in self.held.values() for of, one in mine
                if of == resource}
        if resource == OURS:
            return OUR_DEVICES - len(held)
        return sum(health == "Healthy" and one not in held
                   for one, health in self.crowd.vendor_health.items())

    def let_go(self):
        while sum(map(len, self.held.values())) > 9 or (
                self.held and self.dice.random() < 0.3):
            pod = self.dice.choice(sorted(self.held))
            del self.held[pod]
            self.kubelet.ask(f"remove {pod}")

    def compare(self):
        now = time.monotonic()
        resources = self.kubelet.ask("state")["resources"]
        seen = {name: set(one for one, health in
                          resources.get(name, {}).get("devices", {}).items()
                          if health == "Healthy") for name in self.longest}
        right = {
            VENDOR: seen[VENDOR] == {one for one, health in
                                     self.crowd.vendor_health.items()
                                     if health == "Healthy"},
            OURS: len(seen[OURS]) == OUR_DEVICES,
        }
        for name, is_right in right.items():
            calm = self.crowd.calm_since(*TELLERS[name])
            if is_right or calm is None:
                self.odd_since.pop(name, None)
                continue
            odd = max(calm, self.odd_since.setdefault(name, now))
            self.longest[name] = max(self.longest[name], now - odd)
            check(now - odd <= DISAGREES_S * FACTOR,
                  f"{name}: the kubelet has {sorted(seen[name])} for "
                  f"{now - odd:.1f} s; kills so far: {self.crowd.kills}")

    def run(self, admissions, pace_s):
        killer = threading.Thread(target=self.kill_on, daemon=True)
        killer.start()
        before = None
        try:
            for number in range(admissions):
                if self.trouble:
                    raise self.trouble[0]
                if number == admissions * 2 // 3:
                    self.crowd.spared = {"guard", "device-plugin"}
                if number == admissions * 2 // 3 + admissions // 20:
                    before = self.sizes()
                self.admit(number)
                self.let_go()
                self.compare()
                time.sleep(pace_s)
        finally:
            self.over.set()
            killer.join(30 * FACTOR)
        self.compare_sizes(before, self.sizes())
        for resource in (VENDOR, OURS):
            wanted = sum(h == "Healthy" for h in
                         self.crowd.vendor_health.values())
            self.kubelet.wait(
                resource, f"healthy={wanted if resource == VENDOR else 8}",
                5)
        self.kubelet.sound()

    def sizes(self):
        """Name → (pid, KiB, descriptors)."""
        return {name: (process.pid, process.status("VmRSS"),
                       process.descriptors())
                for name, process in self.crowd.running.items()
                if name in ("guard", "device-plugin")}

    def compare_sizes(self, before, after):
        print(f"sizes: {before} -> {after}", flush=True)
        for name, (pid, memory, descriptors) in before.items():
            if after[name][0] != pid:
                continue  # killed when the last third had just begun
            check(after[name][2] <= descriptors + 4,
                  f"{name}: {descriptors} -> {after[name][2]} descriptors")
            check(sanitized() or after[name][1] <= memory + 2048,
                  f"{name}: {memory} -> {after[name][1]} KiB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--tools", type=pathlib.Path)
    parser.add_argument("--admissions", type=int, default=300)
    parser.add_argument("--pace", type=float, default=0.05,
                        help="seconds between admissions")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    told = parser.parse_args()
    program = told.bin.resolve()
    tools = (told.tools or program.parent.parent / "tests").resolve()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    print(f"seed {told.seed}", flush=True)
    stand = Stand(program, tools)
    chaos, failure = None, None
    try:
        chaos = Chaos(stand, told.seed)
        chaos.ready()
        chaos.run(told.admissions, told.pace)
    except Failed as error:
        failure = error
        for name, process in chaos.crowd.running.items() if chaos else ():
            print(f"the last words of {name}:\n{process.errors()[-3000:]}")
    finally:
        stand.close()
    if chaos:
        longest = {name: round(seconds, 2)
                   for name, seconds in chaos.longest.items()}
        print(f"{chaos.counts}, slowest admission {chaos.slowest:.2f} s, kills "
              f"{chaos.crowd.kills}, longest disagreement {longest} s")
    print(f"{'failed   ' + str(failure) if failure else 'passed'}")
    print(f"{int(not failure)} passed, {int(bool(failure))} failed, 0 skipped")
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())
