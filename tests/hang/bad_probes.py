"""Libraries that are none, probers that die, callers without rights."""
import fcntl
import os
import pathlib
import shutil
import subprocess

from node import FACTOR, Failed, check, healthy, in_time, wait_until

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
OTHER = ("setpriv", "--reuid=65533", "--regid=65533", "--clear-groups")
# nvmlReturn_t → what the doctor must call it. 2: a fault, 3: could not tell.
RETURNS = {"4": ("NO_PERMISSION", (2, 3)), "9": ("DRIVER_NOT_LOADED", (2,)),
           "12": ("LIBRARY_NOT_FOUND", (2,)),
           "18": ("LIB_RM_VERSION_MISMATCH", (2,)),
           "999": ("UNKNOWN", (2, 3))}
REPEAT = 5  # a race shows now and then


def said(outcome, words, codes):
    check(outcome.code in codes,
          f"exit {codes} expected, got {outcome.brief()}")
    check(any(word.lower() in outcome.text.lower() for word in words),
          f"none of {words} is said: {outcome.text[-600:]!r}")


def init_return(node, code):
    name, codes = RETURNS[code]
    node.fresh()
    node.inject("nvmlInit_v2", f"return={code}")
    for _ in range(REPEAT):
        seen = node.doctor()
        in_time(seen, 1)
        said(seen, [name], codes)
        status = node.gpuward("status")
        said(status, [name], (3,))
        check(not node.probers(), "a prober is left")


def in_words(node, words, *arguments):
    """What a person reads says it too."""
    seen = node.gpuward("doctor", "--patience", str(FACTOR), *arguments)
    flat = " ".join(seen.text.split())
    check(any(word in flat for word in words),
          f"none of {words} is said to a person: {flat[-500:]!r}")


def call_return(node, symbol, *where):
    """The answer of a call that all depends on is no mere detail."""
    node.fresh()
    node.inject(symbol, *where, "return=UNKNOWN")
    seen = node.doctor()
    in_time(seen, 1)
    check(seen.code in (1, 2, 3),
          f"{symbol} {where} returns UNKNOWN, called healthy: {seen.brief()}")
    in_words(node, ["UNKNOWN"])


def library(node, text):
    """The doctor's word on a driver root whose library is `text`."""
    node.fresh()
    inside = f"/bad-{node.runs}"
    folder = pathlib.Path(f"{node.root}{inside}/usr/lib/x86_64-linux-gnu")
    folder.mkdir(parents=True)
    (folder / "libnvidia-ml.so.1").write_bytes(text)
    for _ in range(REPEAT):
        seen = node.doctor("--driver-root", inside)
        in_time(seen, 1)
        check(seen.code in (2, 3), f"not healthy, got {seen.brief()}")
        status = node.gpuward("status", "--driver-root", inside)
        said(status, ["cannot be loaded", "has no nvml", "Bus error", "in dlopen"], (3,))
    in_words(node, ["cannot be loaded", "has no nvml", "Bus error", "in dlopen"],
             "--driver-root", inside)
    in_words(node, ["libnvidia-ml", "dlopen"], "--driver-root", inside)


def garbage(node):
    library(node, os.urandom(100_000))


def empty(node):
    library(node, b"")


def no_library(node):
    node.fresh()
    os.makedirs(f"{node.root}/nothing-{node.runs}")
    seen = node.doctor("--driver-root", f"/nothing-{node.runs}")
    in_time(seen, 1)
    said(seen, ["nvml-library-missing", "is nowhere", "is not there"], (2, 3))


def truncated(node):
    whole = pathlib.Path(node.environment["LD_LIBRARY_PATH"].split(":")[0],
                         "libnvidia-ml.so.1").read_bytes()
    for size in (64, 9000, len(whole) // 2):
        library(node, whole[:size])


def built(node, source):
    compiler = shutil.which("cc") or shutil.which("gcc")
    path = f"{node.folder}/library-{node.runs}.so"
    done = subprocess.run(
        [compiler, "-shared", "-fPIC", "-xc", "-", "-o", path], timeout=60,
        input=source.encode(), capture_output=True, check=False)
    check(done.returncode == 0, done.stderr.decode())
    return pathlib.Path(path).read_bytes()


def without_functions(node):
    """A library of the right kind with nothing of NVML in it."""
    library(node, built(node, "int nothing;"))


def with_three_functions(node):
    """Only what nothing works without: all else is 'not supported'."""
    node.fresh()
    bytes_of_it = built(node, """
        int nvmlInit_v2(void) { return 0; }
        int nvmlDeviceGetCount_v2(unsigned *n) { *n = 2; return 0; }
        int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **d) {
          *d = (void *)(unsigned long)(i + 1); return 0; }""")
    folder = pathlib.Path(f"{node.root}/three/usr/lib/x86_64-linux-gnu")
    folder.mkdir(parents=True)
    (folder / "libnvidia-ml.so.1").write_bytes(bytes_of_it)
    seen = node.gpuward("status", "--json", "--driver-root", "/three")
    snapshot = seen.json
    check(len(snapshot["gpus"]) == 2, f"2 GPUs expected: {seen.brief()}")
    for gpu in snapshot["gpus"]:
        given = [k for k, r in gpu["readings"].items()
                 if "value" in r and k != "handle"]
        check(not given, f"values from nowhere: {given}")
    check(snapshot["probes"][0]["state"] == "answering", seen.brief())
    in_time(node.doctor("--driver-root", "/three"), 1)
    wait_until(lambda: not node.probers(), 3, "a prober is left")


def hidden(node, symbol):
    """FUNCTION_NOT_FOUND at init is a fault; of one reading a gap."""
    node.fresh()
    node.inject(symbol, "hide=true")
    for _ in range(REPEAT):
        seen = node.doctor()
        in_time(seen, 1)
        if symbol == "nvmlInit_v2":
            said(seen, ["FUNCTION_NOT_FOUND"], (2, 3))
        else:
            healthy(seen, f"without {symbol}")


def dies(node, symbol, *where):
    node.fresh()
    node.inject(symbol, *where, "die=true")
    for _ in range(REPEAT):
        seen = node.doctor()
        in_time(seen, 1)
        said(seen, ["Segmentation fault"], (2, 3))
        probe = seen.json["probes"][0]
        check(probe["state"] == "failed" and probe["symbol"] == symbol,
              f"the probe does not say where it died: {seen.brief()}")
    in_words(node, [symbol])
    wait_until(lambda: not node.probers(), 2, "a dead prober is left")
    node.clear()
    healthy(node.doctor(patience=8), "afterwards")


def late(node):
    """An answer after the patience: still waiting now, healthy with time."""
    node.fresh()
    node.inject("nvmlInit_v2", "delay=3s")
    seen = node.doctor(patience=0.5)
    in_time(seen, 0.5)
    check("nvmlInit_v2" in seen.text and seen.code in (2, 3),
          f"still waiting in nvmlInit_v2 expected, got {seen.brief()}")
    states = [p["state"] for p in seen.json["probes"]]
    check("stuck" not in states, f"its deadline has not passed: {states}")
    if seen.code == 2:
        check(seen.json["findings"][0]["confidence"] != "certain",
              "certain before the call's deadline has passed")
    later = node.doctor(patience=8)
    check(later.code in (0, 1) and
          later.json["probes"][0]["state"] == "answering",
          f"an answer with enough patience expected, got {later.brief()}")


def pipe(node):
    """dlopen waits for a writer: a hang like any other."""
    node.fresh()
    folder = pathlib.Path(f"{node.root}/pipe-{node.runs}"
                          "/usr/lib/x86_64-linux-gnu")
    folder.mkdir(parents=True)
    os.mkfifo(folder / "libnvidia-ml.so.1")
    seen = node.doctor("--driver-root", f"/pipe-{node.runs}", deadlines=0.03)
    in_time(seen, 1)
    check(seen.code == 2 and "dlopen" in seen.evidence(),
          f"a hang in dlopen expected, got {seen.brief()}")
    wait_until(lambda: not node.probers(), 2, "a prober is left")


def stranger_in_the_slot(node, record):
    """Somebody else holds the lock, and what the file says is nonsense."""
    node.fresh()
    path = f"{node.run_dir}/prober-1"
    with open(path, "wb") as slot:
        slot.write(record)
        slot.flush()
        fcntl.flock(slot, fcntl.LOCK_EX)
        seen = node.doctor(patience=0.5)
        in_time(seen, 0.5)
        check(seen.code == 3 and not seen.json["findings"],
              f"unknown (exit 3) expected, got {seen.brief()}")
        check(seen.json["probes"][0].get("why"),
              f"not told why nobody was asked: {seen.brief()}")
    healthy(node.doctor(patience=5), "once the slot is free")


def beside_an_agent(node):
    """Who may not ask root's agent is told what the snapshot says, or why not."""
    node.fresh()
    agent = node.agent()
    wait_until(node.probers, 5, "the agent has no prober")
    seen = node.doctor(prefix=NOBODY)
    in_time(seen, 1)
    check(seen.code in (0, 3) and not seen.json["findings"],
          f"healthy or unknown on a healthy node, got {seen.brief()}")
    status = node.gpuward("status", prefix=NOBODY)
    check(status.code == 0, f"status: {status.brief()}")
    node.end(agent)


def empty_and_closed(node):
    """A run directory that a caller without root may not write.

    On a real machine a private folder takes its place; a simulated node, which
    never meets the real node's, says what to do.
    """
    node.fresh()
    seen = node.doctor(prefix=NOBODY)
    in_time(seen, 1)
    said(seen, ["run as root"], (3,))


def shared_by_users(node):
    """Root has made the slot; others respect it and find out what is wrong."""
    node.fresh()
    healthy(node.doctor(patience=5), "root")
    healthy(node.doctor(prefix=NOBODY, patience=5), "nobody")
    node.inject("nvmlInit_v2", "hang=killable-d")
    first = node.doctor(patience=0.5)
    check(first.code == 2, f"root: {first.brief()}")
    for who in (NOBODY, OTHER):
        seen = node.doctor(prefix=who, patience=0.5)
        in_time(seen, 0.5)
        check(seen.code == 2 and "nvmlInit_v2" in seen.evidence(),
              f"another user is to see root's canary: {seen.brief()}")
        check(len(node.probers()) == 1, f"{len(node.probers())} probers")
    node.clear()
    wait_until(lambda: not node.probers(), 5, "a prober outlives the hang")
    healthy(node.doctor(prefix=OTHER, patience=5), "another user afterwards")


def two_users_at_once(node):
    """A stuck probe of one user without root is not multiplied by another."""
    node.fresh()
    healthy(node.doctor(patience=5), "root, so that the slots are there")
    node.inject("nvmlInit_v2", "hang=killable-d")
    many = [node.spawn([node.program, "doctor", "--json", "--patience",
                        str(FACTOR)], prefix=who)
            for who in (NOBODY, OTHER, NOBODY, OTHER)]
    for each in [node.outcome(child, 8) for child in many]:
        in_time(each, 1, "one of two users")
        check(each.code in (2, 3), f"a hang or unknown, got {each.brief()}")
    check(len(node.probers()) == 1, f"{len(node.probers())} probers, not one")
    seen = node.doctor(patience=1)
    in_time(seen, 1, "root")
    check(seen.code in (2, 3) and len(node.probers()) == 1,
          f"root after them: {len(node.probers())} probers, {seen.brief()}")
    node.clear()
    wait_until(lambda: not node.probers(), 5, "a prober outlives the hang")
    healthy(node.doctor(patience=5), "afterwards")


def read_only(node):
    """Root too can find /run full or read-only: here it is a file."""
    node.fresh()
    path = f"{node.folder}/not-a-folder-{node.runs}"
    pathlib.Path(path).write_text("")
    for words in (("doctor", "--json", "--patience", str(FACTOR)),
                  ("status",), ("release",), ("agent",)):
        seen = node.gpuward(*words, "--run-dir", path, limit=5)
        said(seen, [path, "not-a-folder"], (0, 2, 3))
        if words[0] == "doctor":
            check(seen.code == 3, f"unknown expected, got {seen.brief()}")
