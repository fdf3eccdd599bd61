"""Kernel logs to read, and the catalogue's patterns as grep knows them."""

import random
import re

ORDINARY = (
    "audit: type=1400 audit(1753907943.123:{n}): apparmor=\"STATUS\" "
    "operation=\"profile_replace\" profile=\"unconfined\" name=\"snap.x\"",
    "eth0: renamed from veth{n:x}",
    "cni0: port {m}(veth{n:x}) entered forwarding state",
    "IPv6: ADDRCONF(NETDEV_CHANGE): veth{n:x}: link becomes ready",
    "XFS (dm-{m}): Ending clean mount",
    "nfs: server 10.0.{m}.17 OK",
    "EXT4-fs (nvme{m}n1p2): mounted filesystem with ordered data mode.",
    "mlx5_core 0000:{m:02x}:00.0: Port module event: module 0, Cable plugged",
    "python3[{n}]: segfault at 0 ip 00007f3a5c0b8de8 sp 00007ffd0f2a61b0 "
    "error 4 in libc.so.6[7f3a5ba00000+1d2000]",
    "systemd[1]: run-containerd-runc-k8s.io-{n:x}.mount: Succeeded.",
)
NVRM = (
    "NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  570.172.08",
    "NVRM: nvAssertFailedNoLog: Assertion failed: 0 == (status) @ "
    "kernel_graphics.c:{n}",
    "NVRM: knvlinkCoreGetRemoteDeviceInfo_IMPL: some text {n}",
    "NVRM: Xid (PCI:0000:5a:00): 31, pid={n}, name=python3, Ch 00000008, "
    "intr 00000000. MMU Fault: ENGINE GRAPHICS",
    "NVRM: Xid (PCI:0000:5a:00): 45, pid={n}, name=python3, Ch 00000009",
    "nvidia-uvm: Loaded the UVM driver, major device number 510.",
)


def write_log(path, size, nvrm_share):
    """Writes `size` bytes of a kernel log as journalctl -k prints it. The same
    lines each time; the time goes on from line to line."""
    dice = random.Random(7)
    written, n = 0, 0
    with open(path, "w", encoding="ascii", buffering=1 << 20) as out:
        while written < size:
            lines = []
            for _ in range(10000):
                n += 1
                forms = NVRM if dice.random() < nvrm_share else ORDINARY
                text = forms[n % len(forms)].format(n=n, m=n % 9 + 1)
                second = 60000 + n // 1000
                lines.append(f"Jul {1 + second // 86400:2d} "
                             f"{second // 3600 % 24:02d}:{second // 60 % 60:02d}"
                             f":{second % 60:02d} node kernel: "
                             f"[{second}.{n % 1000:03d}000] {text}\n")
            block = "".join(lines)
            out.write(block)
            written += len(block)


def as_ere(pattern):
    """The same pattern for grep -E, or nothing where it has no such form."""
    ere = re.sub(r"\(\?P<\w+>", "(", pattern).replace("(?:", "(")
    ere = ere.replace(r"\d", "[0-9]")
    if "(?" in ere or re.search(r"[+*}?]\?|\[[^]]*\\[wsS]|[^\x20-\x7e]", ere):
        return None
    return ere


def catalogue_patterns(folder):
    """(patterns as ERE, how many have no such form)."""
    found, left_out = [], 0
    for file in sorted(folder.glob("*.yaml")):
        for line in file.read_text(encoding="utf-8").splitlines():
            written = re.match(r"\s*(?:- )?pattern: (.*)$", line)
            if written is None:
                continue
            text = written.group(1).strip()
            if text.startswith("'"):
                text = text[1:-1].replace("''", "'")
            elif text.startswith('"'):
                text = text[1:-1].replace("\\\\", "\\").replace('\\"', '"')
            ere = as_ere(text)
            if ere is None:
                left_out += 1
            else:
                found.append(ere)
    return found, left_out
