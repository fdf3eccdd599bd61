"""Letting go of the driver; slow, but moving."""
import pathlib
import time

from node import check, healthy, in_time, wait_until


def release(node):
    node.fresh()
    agent = node.agent()
    wait_until(node.probers, 5, "the agent has no prober")
    began = time.monotonic()
    done = node.gpuward("release")
    check(done.code == 0, f"release: {done.brief()}")
    wait_until(lambda: not node.probers(), 2 - (time.monotonic() - began),
               "the prober is still there")
    seen = node.doctor()
    in_time(seen, 1)
    check(seen.code == 3 and "released" in seen.text,
          f"'released' and exit 3 expected, got {seen.brief()}")
    check(not node.probers(), "the doctor probed all the same")
    ended = node.gpuward("release", "--end")
    check(ended.code == 0, f"release --end: {ended.brief()}")
    wait_until(node.probers, 5, "the agent does not probe again")
    wait_until(lambda: node.doctor(patience=5).code == 0, 5,
               "not healthy after the release")
    node.end(agent)
    wait_until(lambda: not node.probers(), 5, "the agent left a prober")


def release_without_agent(node):
    """It lasts its time, and ends by itself."""
    node.fresh()
    healthy(node.doctor(patience=5))
    check(node.gpuward("release", "--for", "1s").code == 0, "release failed")
    check("released" in node.doctor().text, "the doctor does not say it")
    check(not node.probers(), "the doctor probed all the same")
    wait_until(lambda: node.doctor(patience=5).code == 0, 5,
               "the release did not end by itself")


def release_a_sleeper(node):
    """A prober that hangs in user space is let go of too."""
    node.fresh()
    node.inject("nvmlInit_v2", "hang=futex")
    agent = node.spawn([node.program, "agent", "--interval", "1s"], pipes=False)
    wait_until(node.probers, 5, "the agent has no prober")
    done = node.gpuward("release", limit=10)
    check(done.code == 0 and not node.probers(),
          f"let go: expected, got {done.brief()}, "
          f"probers {[t.pid for t in node.probers()]}")
    node.clear()
    check(node.gpuward("release", "--end").code == 0, "release --end failed")
    wait_until(lambda: node.doctor(patience=5).code == 0, 8,
               "not healthy after the release")
    node.end(agent)


def release_while_stuck(node):
    """It does not claim what is not so."""
    node.fresh()
    node.inject("nvmlInit_v2", "hang=killable-d")
    node.doctor(patience=0.3)
    canaries = [t.pid for t in node.probers()]
    done = node.gpuward("release", limit=10)
    check(done.code != 0 and str(canaries[0]) in done.text,
          f"to be told of probe {canaries}: expected, got {done.brief()}")
    pathlib.Path(node.run_dir, "released").unlink()


def slow(node):
    """At work is not a hang: unknown with little patience, an answer with more."""
    node.fresh()
    node.inject("nvmlSystemGet*", "delay=300ms")
    node.inject("nvmlDeviceGetHandleByIndex_v2", "delay=300ms")
    seen = node.doctor(patience=1)
    in_time(seen, 1)
    check([p["state"] for p in seen.json["probes"]] == ["slow"],
          f"a probe that is slow expected, got {seen.brief()}")
    check(seen.code == 3 and not seen.json["findings"],
          f"unknown (exit 3) and no finding expected, got {seen.brief()}")
    wait_until(lambda: not node.probers(), 5, "a prober is left")
    later = node.doctor(patience=15)
    check(later.code == 0 or later.json["findings"][0]["id"] ==
          "nvml-slow-contention",
          f"healthy or slow expected, got {later.brief()}")
    check(later.json["probes"][0]["state"] == "answering", later.brief())


def no_time(node):
    """A healthy node and no patience at all: nothing wrong is claimed."""
    node.fresh()
    for patience in (0, 0.005, 0.01):
        seen = node.doctor(patience=patience)
        in_time(seen, patience)
        check(seen.code in (0, 3),
              f"patience {patience}: healthy or unknown, got {seen.brief()}")
    wait_until(lambda: not node.probers(), 5, "a prober is left")
