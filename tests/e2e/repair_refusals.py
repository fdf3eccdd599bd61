"""What gpuward says where it can do nothing: tests for repair_test.py."""
import containers
import lab as labs
from containers import DENIED
from containers_test import RELOAD, lost, started
from repairs import (REVOKED, cause, device_allow, doctor, evidence, gpuward,
                     repair, states)
from verdicts import expect, in_time

NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups"


def sentence(done, *words):
    """One clear sentence, on either of its outputs."""
    said = done.stdout + done.stderr
    expect(any(word in said for word in words), said)
    in_time(done, 5)


def without_root_it_says_so_and_does_nothing(lab):
    box = started(lab, name="tv")
    lab.run(RELOAD, check=True)
    lost(box)
    before = device_allow(box)
    for line, code, words in (
            ("containers", 3, "run as root"),
            ("repair", 0, "run as root"),
            (f"repair {REVOKED} --apply", 3, "run as root"),
            ("repair tv --apply", 3, "run as root"),
            ("links create", 1, "run as root"),
            ("containers --heal --apply", 3, "repairs need root")):
        sentence(gpuward(lab, line, code, before=NOBODY), words)
    expect(device_allow(box) == before and
           set(box.answers().values()) == {DENIED}, box.answers())
    unknown = gpuward(lab, "doctor --patience 3", (0, 1, 3), before=NOBODY)
    expect("run as root" in unknown.stdout, unknown.stdout)


def without_systemd_it_says_so(lab):
    box = started(lab, name="tv")
    lab.run(RELOAD, check=True)
    lost(box)
    hidden = "unshare -m sh -c 'mount -t tmpfs t /run/systemd; exec \"$@\"' sh"
    sentence(gpuward(lab, "containers", 2, before=hidden), "denies", "lacks")
    sentence(gpuward(lab, "repair tv --apply", 1, before=hidden),
             "systemd does not run here")
    expect(set(box.answers().values()) == {DENIED}, box.answers())


def without_containers_there_is_nothing_to_say(lab):
    sentence(gpuward(lab, "containers", 0), "no running container was given")
    sentence(gpuward(lab, f"repair {REVOKED} --apply", 0), "is not found")
    sentence(gpuward(lab, "repair nosuch --apply", 64),
             "no finding and no container 'nosuch'")


# In a lab of its own, with one old GPU and no docker that runs.

def persistence_mode_is_not_blamed(lab):
    sentence(gpuward(lab, "containers", 0), "no running container was given")
    box = started(lab, containers.RUNC, "tv")
    for place in ("sys/bus/pci", "sys/devices", "sys/module"):
        # The GPU on the bus, as the scenario has it.
        lab.run(f"mount --bind {lab.node}/root/{place} /{place}", check=True)
    lab.run(RELOAD, check=True)
    expect(box.wait_for_all(DENIED), box.answers())
    found = doctor(lab, code=2)
    expect(found.ids()[0] == REVOKED, found.ids())
    loss = found.finding(REVOKED, "tv")
    expect(cause(lab, evidence(loss)), evidence(loss))
    mode = next((each for each in found.findings
                 if each["id"] == "persistence-mode-off"), None)
    expect(mode, found.ids())
    expect("this does not explain" in evidence(mode), evidence(mode))
    report = repair(lab, f"{REVOKED} --apply", code=0)
    expect(states(report) == ["done"], report)
    expect(REVOKED not in doctor(lab, code=(0, 1)).ids(), "it is still found")


def boot_old_gpu(told, tree):
    lab = labs.Lab(told.bin, scenario="gtx1080ti-persistence", runtimes=tree)
    try:
        containers.lay(lab, told.bin, told.tools)
        lab.start()
        lab.run(containers.MAKE_IMAGE, check=True)
        lab.run("systemctl mask --runtime --now docker.socket docker", check=True)
    except BaseException:
        lab.close()
        raise
    return lab
