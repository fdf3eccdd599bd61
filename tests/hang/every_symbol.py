"""Every NVML function that the prober calls, hung in every way.

The list is the X-list of src/probe/nvml.h; which of them a healthy round calls
is recorded: a delay put on the first call shows as the probe's slowest call.
"""
import pathlib
import re

from node import FACTOR, check, healthy, in_time, may_freeze, wait_until

KINDS = ("futex", "busy", "killable-d", "d")
PATIENCE = 1.0
# Queries count as stuck after 0.3 s, first handles after 1.8 s, which is more
# than the patience: both ways to a verdict are walked.
DEADLINES = 0.03
# Called only where another function does not answer: symbol → that fault.
FALLBACKS = {
    "nvmlDeviceGetCurrentClocksThrottleReasons":
        ("nvmlDeviceGetCurrentClocksEventReasons", "hide=true"),
    "nvmlDeviceGetAttributes_v2":
        ("nvmlDeviceGetName", "return=NOT_SUPPORTED"),
}


def symbols():
    header = pathlib.Path(__file__).parents[2] / "src/probe/nvml.h"
    return re.findall(r"X\((nvml\w+)\)", header.read_text())


def is_called(node, symbol):
    node.fresh()
    if symbol in FALLBACKS:
        node.inject(*FALLBACKS[symbol])
    node.inject(symbol, f"delay={int(250 * FACTOR)}ms", "to_call=1")
    seen = node.doctor(patience=8)
    check(seen.code == 0, f"with a delay in {symbol}: {seen.brief()}")
    return seen.json["probes"][0]["slowest_symbol"] == symbol


def is_canaries(tasks):
    return 1 <= len(tasks) <= 2 and all(t.state == "D" for t in tasks)


def is_named(node, symbol, kind):
    """Hung everywhere: named in time; nothing endable stays; D goes by itself."""
    node.fresh()
    if symbol in FALLBACKS:
        node.inject(*FALLBACKS[symbol])
    node.inject(symbol, f"hang={kind}")
    seen = node.doctor(patience=PATIENCE, deadlines=DEADLINES)
    in_time(seen, PATIENCE)
    check(seen.code == 2, f"exit 2 expected, got {seen.brief()}")
    check(symbol in seen.evidence(),
          f"the first finding does not name {symbol}: {seen.evidence()!r}")
    if kind in ("futex", "busy"):
        wait_until(lambda: not node.probers(), 6, "a prober that may be ended "
                   f"is left: {[(t.pid, t.state) for t in node.probers()]}")
    else:
        # A task that is woken and sleeps again is in state R for a moment.
        wait_until(lambda: is_canaries(node.probers()), 2,
                   "one or two canaries in state D expected, got "
                   f"{[(t.pid, t.state) for t in node.probers()]}")
    node.clear()
    wait_until(lambda: not node.probers(), 5,
               "a prober outlives the hang by which it was held")
    again = node.doctor(patience=8)
    check(again.code == 0 and again.json["verdict"] == "healthy",
          f"healthy expected after the hang, got {again.brief()}")


def shutdown(node, kind):
    """A hang in nvmlShutdown takes nothing from the answer."""
    node.fresh()
    node.inject("nvmlShutdown", f"hang={kind}")
    seen = node.doctor(patience=PATIENCE, deadlines=DEADLINES)
    in_time(seen, PATIENCE)
    healthy(seen)
    again = node.doctor(patience=PATIENCE, deadlines=DEADLINES)
    in_time(again, PATIENCE, "the second doctor")
    check(len(node.probers()) <= 1,
          f"one prober at most expected, got {len(node.probers())}")
    if kind in ("futex", "busy"):
        wait_until(lambda: not node.probers(), 6, "a prober that may be ended "
                   f"is left: {[(t.pid, t.state) for t in node.probers()]}")
    node.clear()
    wait_until(lambda: not node.probers(), 5,
               "a prober outlives the hang in nvmlShutdown")
    healthy(node.doctor(patience=8), "after the hang")


def one_gpu(node):
    """One GPU that hangs costs its own readings, and no other's."""
    node.fresh()
    node.inject("nvmlDeviceGetTemperature", "gpu=3", "hang=futex")
    seen = node.gpuward("status", "--json", "--patience", str(2 * FACTOR),
                        GPUWARD_DEADLINE_FACTOR=str(0.05 * FACTOR))
    in_time(seen, 2, "status")
    snapshot = seen.json
    check([3] in [p["left_out"] for p in snapshot["probes"]],
          f"no probe that leaves out GPU 3: {seen.brief()}")
    for gpu in snapshot["gpus"]:
        read = "value" in gpu["readings"].get("temperature_celsius", {})
        check(read == (gpu["index"] != 3),
              f"GPU {gpu['index']}: temperature {'' if read else 'not '}read")
    check(len(snapshot["gpus"]) == 8, f"{len(snapshot['gpus'])} GPUs, not 8")
    doctor = node.doctor(patience=2, deadlines=0.05)
    check(doctor.code == 2 and "GPU 3" in doctor.evidence(),
          f"the doctor names GPU 3: expected, got {doctor.evidence()!r}")


def lost_gpu(node):
    node.fresh()
    node.inject("*", "gpu=3", "return=GPU_IS_LOST")
    snapshot = node.gpuward("status", "--json").json
    for gpu in snapshot["gpus"]:
        read = "value" in gpu["readings"].get("temperature_celsius", {})
        check(read == (gpu["index"] != 3),
              f"GPU {gpu['index']}: temperature {'' if read else 'not '}read")
    check(len(snapshot["gpus"]) == 8, f"{len(snapshot['gpus'])} GPUs, not 8")


def kinds_here():
    """(kind, why it cannot be shown here or None)."""
    for kind in KINDS:
        yield kind, (None if kind != "d" or may_freeze() else
                     "needs root that may mount and freeze a file system")
