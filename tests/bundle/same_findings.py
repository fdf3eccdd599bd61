#!/usr/bin/env python3
"""same_findings.py BIN: each scenario of the simulator, diagnosed live and from
the bundle taken on it, has the same findings and verdict.

Also: what the bundle says by itself (doctor.json) is what `doctor --bundle`
says, evidence included; a bundle of a node that hangs is done in its time; and
its index names every piece that is in it.
"""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import time

FACTOR = float(os.environ.get("GPUWARD_TEST_FACTOR", "1"))
PATIENCE = 2
# All that is collected besides takes a few seconds; a hang costs the patience.
LONGEST = 30 * FACTOR
NODE = """
gpuward doctor --json --patience {p} >live.json; echo $? >live.code
began=$(date +%s%N)
gpuward bundle --patience {p} -o taken.tar.gz >taken.txt 2>&1; echo $? >taken.code
echo $((($(date +%s%N) - began) / 1000000)) >taken.ms
""".format(p=PATIENCE * FACTOR)


class Failed(Exception):
    """What was expected and what came instead."""


def check(holds, text):
    if not holds:
        raise Failed(text)


def run(command, folder, bin_dir):
    environment = {**os.environ, "PATH": f"{bin_dir}:{os.environ['PATH']}"}
    return subprocess.run(command, cwd=folder, env=environment, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120 * FACTOR,
                          check=False)


def what_is_found(document):
    findings = [(f["id"], f["severity"], f["confidence"], f["subject"])
                for f in document["findings"]]
    return {"verdict": document["verdict"], "findings": findings}


def check_archive(path):
    """Its index tells of all that is in it; doctor's own report is returned."""
    with tarfile.open(path) as archive:
        members = {m.name.split("/", 1)[1]: m for m in archive.getmembers()}
        read = lambda name: json.load(archive.extractfile(members[name]))
        index, doctor = read("index.json"), read("doctor.json")
    named = {piece["name"] for piece in index["pieces"]}
    there = set(members) - {"index.json", "index.txt"}
    check(named == there, f"index and members differ: {named ^ there}")
    for piece in index["pieces"]:
        size = members[piece["name"]].size
        check(size == piece["bytes"], f"{piece['name']}: {size} bytes")
    return doctor


def try_scenario(scenario, bin_dir):
    with tempfile.TemporaryDirectory(prefix="gpuward-bundle-") as name:
        folder = pathlib.Path(name)
        told = run(["gpuward", "sim", "run", scenario, "--", "sh", "-c", NODE],
                   folder, bin_dir)
        live_text = (folder / "live.json").read_text() \
            if (folder / "live.json").exists() else ""
        check(live_text, f"doctor said nothing: {told.stdout[-500:]}")
        text = (folder / "taken.txt").read_text()
        code = (folder / "taken.code").read_text().strip()
        check(code == "0", f"bundle ended with {code}: {text[-500:]}")
        took = int((folder / "taken.ms").read_text()) / 1000
        check(took <= LONGEST, f"the bundle took {took:.1f} s")
        # Elsewhere: no simulated node, and any catalogue of this machine's.
        again = run(["gpuward", "doctor", "--json", "--bundle",
                     "taken.tar.gz"], folder, bin_dir)
        as_log = run(["gpuward", "doctor", "--json", "--log",
                      "taken.tar.gz"], folder, bin_dir)
        live, read = json.loads(live_text), json.loads(again.stdout)
        check(what_is_found(live) == what_is_found(read),
              f"live {what_is_found(live)}\n  bundle {what_is_found(read)}")
        check(str(again.returncode) ==
              (folder / "live.code").read_text().strip(),
              f"exit code {again.returncode} from the bundle")
        check(json.loads(as_log.stdout)["findings"] == read["findings"],
              "--log on the bundle says something else than --bundle")
        doctor = check_archive(folder / "taken.tar.gz")
        for member in ("verdict", "findings", "checks", "probes", "containers"):
            check(doctor[member] == read[member],
                  f"doctor.json has another {member} than doctor --bundle")
        return took, [f["id"] for f in read["findings"]]


def main():
    bin_dir = pathlib.Path(sys.argv[1]).resolve()
    listed = json.loads(run(["gpuward", "sim", "list", "--json"], ".",
                            bin_dir).stdout)
    names = sys.argv[2:] or [each["name"] for each in listed["scenarios"]]
    failed = 0
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = {name: pool.submit(try_scenario, name, bin_dir)
                for name in names}
        for name, job in jobs.items():
            try:
                took, found = job.result()
                print(f"same    {name} ({took:.1f} s): {', '.join(found)}")
            except (Failed, ValueError, KeyError, OSError,
                    subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"failed  {name}: {type(error).__name__} {error}")
    print(f"{len(names) - failed} of {len(names)} scenarios, "
          f"{time.monotonic() - began:.0f} s")
    return 1 if failed or not names else 0


if __name__ == "__main__":
    sys.exit(main())
