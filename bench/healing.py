"""How long a container is without its GPU while gpuward heals: in the lab of
tests/e2e, a real systemd with real runtimes. The container's own process tries
its nodes each millisecond and writes down when the answer changes."""

import collections
import contextlib
import signal
import sys
import time

from measure import Sample

GPU = "/dev/nvidia0"
Healed = collections.namedtuple("Healed", "after_reload reload")
Fresh = collections.namedtuple("Fresh", "lost untouched")


@contextlib.contextmanager
def prepared(source, build):
    """A lab with docker and a running healer."""
    sys.path.insert(0, str(source / "tests/e2e"))
    import containers  # noqa: E402  (of that folder)
    import lab as labs
    if labs.why_not():
        raise RuntimeError(f"no lab here: {labs.why_not()}")
    try:
        tree = containers.fetch(source / "build/lab-runtimes")
    except containers.Unavailable as why:
        raise RuntimeError(str(why)) from None
    with labs.Lab(build / "bin", runtimes=tree) as lab:
        containers.lay(lab, build / "bin", build / "tests/e2e")
        lab.start()
        containers.start(lab)
        lab.run("gpuward containers --heal --apply --json "
                ">/tmp/healer.json 2>&1 & echo $! >/tmp/healer", check=True)
        lab.engines = containers
        yield lab


def allow_list(lab, scope):
    """The scope's entries as systemctl sets them."""
    told = lab.run(f"systemctl show -p DeviceAllow --value {scope}", check=True)
    return [line for line in told.stdout.splitlines() if line.strip()]


def protected(lab, scope):
    return any("195:0" in entry for entry in allow_list(lab, scope))


def wait_until(what, seconds=10):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise RuntimeError("the healer does not heal")
        time.sleep(0.002)


def set_list(lab, scope, entries):
    words = " ".join(f"'DeviceAllow={entry}'" for entry in entries)
    lab.run(f"systemctl set-property --runtime {scope} DeviceAllow= {words}",
            check=True)


def after_reloads(lab, rounds):
    """The healer is stopped while the former list is put back and systemd
    reloads, as if it had not known of the container: then it goes on, with
    systemd's word of the reload before it."""
    box = lab.engines.DOCKER.start(lab, "healed", every_ms=1)
    wait_until(lambda: protected(lab, box.scope))
    former = [entry for entry in allow_list(lab, box.scope)
              if "195:" not in entry]
    waited, reloads = [], []
    for _ in range(rounds):
        wait_until(lambda: protected(lab, box.scope))
        lab.freeze("gpuward", signal.SIGSTOP)
        set_list(lab, box.scope, former)
        began = time.monotonic()
        lab.run("systemctl daemon-reload", check=True)
        reloads.append((time.monotonic() - began) * 1000)
        if not box.wait_for(GPU, lab.engines.DENIED):
            raise RuntimeError("a reload took nothing away")
        begins = time.monotonic()
        lab.freeze("gpuward", signal.SIGCONT)
        if not box.wait_for(GPU, lab.engines.ALLOWED):
            raise RuntimeError("the healer does not heal")
        waited.append(box.seen()[-1].microseconds / 1e3 - begins * 1000)
        forget_heals(lab)
    box.remove()
    return Healed(Sample(waited), Sample(reloads))


def forget_heals(lab):
    """A healer leaves a container alone that is hit again and again: it is
    begun anew, as on a machine where that takes days."""
    lab.run("kill $(cat /tmp/healer); gpuward containers --heal --apply --json "
            ">/tmp/healer.json 2>&1 & echo $! >/tmp/healer", check=True)


def fresh_containers(lab, rounds):
    """A reload comes as soon as the container runs: a race."""
    lost, untouched = [], 0
    for i in range(rounds):
        box = lab.engines.RUNC.start(lab, f"fresh{i}", every_ms=1)
        lab.run("systemctl daemon-reload", check=True)
        wait_until(lambda: protected(lab, box.scope))
        if not box.wait_for(GPU, lab.engines.ALLOWED):
            raise RuntimeError("a fresh container stays without its GPU")
        windows = box.lost_for(GPU)
        untouched += not windows
        lost.append(sum(windows) * 1000)
        box.remove()
    return Fresh(Sample(lost), untouched)
