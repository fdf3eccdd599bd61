"""gpuward itself in a lab with containers: what it says, what it leaves behind.

    told = gpuward(lab, "repair box --apply", code=0)
    finding = doctor(lab, code=2).finding(REVOKED, "box")
    with healing(lab) as healer:                 containers --heal --apply
        healer.wait_for("outcome", "box")
"""
import contextlib
import json
import re
import shutil
import sqlite3
import tempfile

from cgroups import wait_until
from containers import ALLOWED
from containers_test import a_moment, kept
from verdicts import FACTOR, Failed, expect

REVOKED = "container-gpu-access-revoked"
AT_RISK = "container-gpu-access-at-risk"
STATE = "/var/lib/gpuward"
# No answer of ours takes longer, whatever happens to containers.
MOST_SECONDS = 10


def gpuward(lab, line, code, before=""):
    """`gpuward LINE` in the lab, which must end with that code, in time."""
    codes = code if isinstance(code, tuple) else (code,)
    done = lab.run(f"{before} gpuward {line}", seconds=MOST_SECONDS * FACTOR)
    said = f"gpuward {line}: {done.returncode}\n{done.stdout}{done.stderr}"
    expect(done.returncode in codes, f"{codes} is due for {said}")
    return done


def as_json(done):
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise Failed(f"no JSON: {done.stdout}{done.stderr}") from None


class Doctor:
    def __init__(self, report):
        self.findings = report["findings"]

    def ids(self):
        return [each["id"] for each in self.findings]

    def about(self, name):
        """The ids of what is found about a container."""
        return [each["id"] for each in self.findings
                if each["subject"].get("name") == name]

    def finding(self, fault, name):
        for each in self.findings:
            if each["id"] == fault and each["subject"].get("name") == name:
                return each
        raise Failed(f"no {fault} of {name} among {self.ids()}")


def doctor(lab, code):
    return Doctor(as_json(gpuward(lab, "doctor --json --patience 3", code)))


def evidence(finding):
    return "\n".join(each["text"] for each in finding["evidence"])


def listed(lab, code=(0, 1, 2, 3)):
    """{label: container}, as `gpuward containers --json` has them."""
    told = as_json(gpuward(lab, "containers --json", code))
    return {each["label"]: each for each in told["containers"]}


def repair(lab, words, code):
    """The whole of `gpuward repair WORDS --json`."""
    return as_json(gpuward(lab, f"repair {words} --json", code))


def states(report):
    return [each["state"] for each in report["outcomes"]]


def device_allow(box):
    """What systemd's list for the container's unit holds, sorted."""
    told = box.lab.run(f"systemctl show {box.scope} -p DeviceAllow", check=True)
    return sorted(line.partition("=")[2] for line in told.stdout.splitlines())


def granted(box):
    """The entries of that list for NVIDIA's nodes."""
    return [each for each in device_allow(box) if "/dev/char/195:" in each]


def set_list(box, entries):
    """The list anew, by the call that gpuward uses too."""
    told = " ".join(f"DeviceAllow='{entry}'" for entry in ["", *entries])
    box.lab.run(f"systemctl set-property --runtime {box.scope} {told}",
                check=True)


def kept_throughout(box):
    """As kept(), but for a moment on cgroup v1."""
    if box.lab.cgroups.version == "v2":
        kept(box)
        return
    moments = [each for node in box.wish.tries for each in box.lost_for(node)]
    expect(all(each < a_moment(box.lab) for each in moments),
           f"{box.name} saw {box.seen()}")
    for node in box.wish.tries:
        expect(box.wait_for(node, ALLOWED, 1), f"{box.name}: {box.answers()}")
    told = box.run("nvidia-smi -L").stdout
    expect(told.startswith("GPU 0: NVIDIA H100"), told)


def ledger(lab):
    """[(operation, kind, what)] of the lab's ledger, oldest first."""
    with tempfile.TemporaryDirectory(prefix="gpuward-ledger-") as folder:
        for place in lab.path(STATE).glob("ledger.db*"):
            shutil.copy(place, folder)
        with contextlib.closing(sqlite3.connect(f"{folder}/ledger.db")) as file:
            rows = file.execute(
                "SELECT operation, kind, what FROM entries ORDER BY id")
            return [(operation, kind, json.loads(what))
                    for operation, kind, what in rows]


def unfinished(lab):
    kinds = {}
    for operation, kind, _ in ledger(lab):
        kinds.setdefault(operation, []).append(kind)
    return [operation for operation, seen in kinds.items()
            if operation and "outcome" not in seen]


def forget(lab):
    """Nothing of an earlier test: no ledger, no links."""
    lab.run(f"rm -rf {STATE} /dev/char; mkdir -p /run/lab", check=True)


class Healer:
    """A `gpuward containers --heal` that stays in the lab."""

    PLACE = "/run/lab/healer"

    def __init__(self, lab, options):
        self.lab = lab
        self.pid = lab.run(
            f"gpuward containers --heal {options} --json >{self.PLACE} 2>&1 "
            "& echo $!", check=True).stdout.strip()

    def events(self):
        text = self.lab.path(self.PLACE).read_text()
        whole = text.rpartition("\n")[0].splitlines()
        try:
            return [json.loads(line) for line in whole]
        except ValueError:
            raise Failed(f"no JSON: {text[-2000:]}") from None

    def told(self, kind, name=None):
        """The texts of events of that kind, about that container."""
        return [each["text"] for each in self.events()
                if each["event"] == kind and
                (name is None or each["text"].startswith(f"{name}: "))]

    def wait_for(self, kind, name=None, seconds=3, count=1):
        found = wait_until(
            lambda: len(self.told(kind, name)) >= count and
            self.told(kind, name), seconds * FACTOR, 0.02)
        said = "\n".join(f"{each['event']} {each['text']}"
                         for each in self.events()[-20:])
        expect(found, f"no {kind} of {name} in {seconds} s:\n{said}")
        return found

    def lives(self):
        # A frozen systemd does not bury it.
        told = self.lab.run(f"cut -d ')' -f 2 /proc/{self.pid}/stat").stdout
        return told.split()[:1] not in ([], ["Z"])

    def end(self):
        self.lab.run(f"kill {self.pid}")
        expect(wait_until(lambda: not self.lives(), 1 * FACTOR),
               "it does not end on SIGTERM within 1 s")


@contextlib.contextmanager
def healing(lab, options="--apply"):
    healer = Healer(lab, options)
    try:
        yield healer
        expect(healer.lives(), "it has ended by itself: " +
               lab.path(Healer.PLACE).read_text()[-2000:])
        healer.end()
    finally:
        lab.run(f"kill -KILL {healer.pid}")


def cause(lab, text):
    """Whether that names who denies, as this version of cgroups has it."""
    known = {"v1": r"devices\.list, as systemd wrote it, lacks "
                   r"195:0, 195:255",
             "v2": r"systemd's program \d+ \(sd_devices\) denies "
                   r"195:0, 195:255; runc's program \d+ allows them"}
    return re.search(known[lab.cgroups.version], text)
