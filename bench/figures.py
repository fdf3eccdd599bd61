"""The figures of the table, one function each; README.md says what they mean."""

import contextlib
import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

import healing as lab_of_healing
import kubelet
import logs
import measure
import node
from measure import Sample

HANG_CUT_OFF_S = 4.0
PATIENCE_S = 2.0
HEAVY = re.compile(r"lib(grpc|protobuf|absl|curl|ssl|crypto|microhttpd|"
                   r"prometheus|spdlog)", re.IGNORECASE)


@dataclasses.dataclass
class Row:
    figure: str
    sample: Sample
    unit: str
    goal: str = ""
    beside: str = ""
    other: Sample | None = None
    digits: int = 1
    said: str = ""  # in the place of a number there

    def ratio(self):
        if self.other is None or self.other.median == 0:
            return None
        return self.sample.median / self.other.median

    def cells(self):
        there = self.said
        if self.other is not None:
            there = self.other.text(self.unit, self.digits)
        ratio = "" if self.ratio() is None else f"{self.ratio():.2f}"
        return (self.figure, self.sample.text(self.unit, self.digits),
                self.goal, self.beside, there, ratio)


class Bench:
    def __init__(self, source, build, full, quick):
        self.source, self.full, self.quick = source, full, quick
        self.build = build
        self.gpuward = str(build / "bin" / "gpuward")
        self.client = str(build / "bin" / "nvml-client")
        self.micro = str(build / "bench" / "bench-micro")
        self.rounds = 8 if quick else 40
        self.rows, self.notes = [], []

    def row(self, figure, value, unit, **more):
        sample = value if isinstance(value, Sample) else Sample([value])
        if "other" in more and not isinstance(more["other"], Sample):
            more["other"] = Sample([more["other"]])
        self.rows.append(Row(figure, sample, unit, **more))

    def compare(self, what, command, env, goal):
        """Wall and processor time, system calls and instructions, each beside
        the plain client's; and the bare start of a process."""
        plain = "`nvml-client -L`"
        commands = {what: command, plain: [self.client, "-L"],
                    "start": ["/bin/true"]}
        wall, cpu = measure.alternate(commands, env, self.rounds)
        self.row(f"{what}, wall", wall[what], "ms", goal=goal, beside=plain,
                 other=wall[plain], digits=2)
        self.row(f"{what}, wall", wall[what], "ms", beside="`/bin/true`",
                 other=wall["start"], digits=2)
        self.row(f"{what}, processor", cpu[what], "ms", beside=plain,
                 other=cpu[plain], digits=2)
        for unit, count in (("system calls", measure.system_calls),
                            ("M instr.", measure.instructions)):
            mine, other = count(command, env), count([self.client, "-L"], env)
            if mine is not None and other is not None:
                self.row(what, mine, unit, beside=plain, other=other,
                         digits=0 if unit == "system calls" else 1)


def doctor(bench):
    with node.simulated(bench.gpuward, "healthy-8xh100") as env:
        bench.compare("`doctor`, 8 healthy GPUs", [bench.gpuward, "doctor"],
                      env, "300 ms")


def cut_off(command, env):
    """How long until we had to cut it off, or until it ended by itself."""
    begin = time.monotonic()
    process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        process.wait(timeout=HANG_CUT_OFF_S)
        return time.monotonic() - begin, True
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        # One in state D stays until the node ends: not waited for long.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        return time.monotonic() - begin, False


def hung(bench):
    command = [bench.gpuward, "doctor", "--patience", f"{PATIENCE_S:g}s"]
    over = []
    for _ in range(3 if bench.quick else 7):
        # A node each: on one that hangs already, the record answers at once.
        with node.simulated(bench.gpuward, "h20-mig-init-hang") as env:
            over.append(measure.run_once(command, env, want=(2,))[0]
                        - PATIENCE_S * 1000)
    with node.simulated(bench.gpuward, "h20-mig-init-hang") as env:
        _, ended = cut_off([bench.client, "-L"], env)
    there = "ended by itself" if ended else (
        f"not back after {HANG_CUT_OFF_S:g} s: cut off")
    bench.row(f"`doctor`, nvmlInit hung, over its {PATIENCE_S:g} s of patience",
              Sample(over), "ms", goal="1000 ms", beside="`nvml-client -L`",
              said=there)


def status(bench):
    with node.simulated(bench.gpuward, "healthy-8xh100") as env:
        with node.agent(bench.gpuward, env, "15s"):
            bench.compare("`status`, an agent runs", [bench.gpuward, "status"],
                          env, "10 ms")
    linked = libraries(bench.gpuward)
    heavy = [name for name in linked if HEAVY.match(name)]
    bench.row("shared libraries of `gpuward`", len(linked), "", digits=0,
              beside="of them gRPC and its like",
              said=", ".join(heavy) or "none")


def libraries(program):
    shown = subprocess.run(["ldd", program], check=True, text=True,
                           stdout=subprocess.PIPE).stdout
    return [line.split()[0] for line in shown.splitlines() if "=>" in line]


def window(pids, seconds, snapshot):
    """Processor milliseconds of each in that time, and the rounds in it."""
    before = [measure.on_cpu_ms(pid) for pid in pids]
    rounds = node.count_writes(snapshot, seconds)
    return [measure.on_cpu_ms(pid) - was
            for pid, was in zip(pids, before)], rounds


def agent(bench):
    busy_s, idle_s = (8, 4) if bench.quick else (20, 10)
    names = ("agent", "prober")
    with node.simulated(bench.gpuward, "healthy-8xh100") as env:
        plain = subprocess.Popen(
            [bench.client, "--loop", "1000000", "1000"], env=env,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            with node.agent(bench.gpuward, env, "1s") as (process, prober,
                                                          snapshot):
                pids = (process.pid, prober, plain.pid)
                used, rounds = window(pids, busy_s, snapshot)
                memory = [measure.memory_kib(pid) for pid in pids]
        finally:
            measure.end(plain)
        with node.agent(bench.gpuward, env, "1h") as (process, prober,
                                                      snapshot):
            idle, _ = window((process.pid, prober), idle_s, snapshot)
        at_15 = None
        if bench.full:
            with node.agent(bench.gpuward, env, "15s") as (process, prober,
                                                           snapshot):
                at_15, _ = window((process.pid, prober), 60, snapshot)
    if rounds == 0:
        raise RuntimeError("no round was counted")
    looped = "`nvml-client --loop`, each 1 s"
    for i, name in enumerate(names):
        for key, label in (("VmRSS", "resident"), ("Pss", "its share (Pss)"),
                           ("Private_Dirty", "its own, written")):
            if key in memory[i] and key in memory[2]:
                bench.row(f"{name}, {label}", memory[i][key] / 1024, "MiB",
                          beside=looped, other=memory[2][key] / 1024)
    for i, name in enumerate(names):
        idle_rate = idle[i] / idle_s
        each = (used[i] - idle_rate * busy_s) / rounds
        bench.row(f"{name}, processor a round", each, "ms", beside=looped,
                  other=used[2] / busy_s, digits=3)
        bench.row(f"{name}, processor at 1 s a round", used[i] / busy_s / 10,
                  "%", beside=looped, other=used[2] / busy_s / 10, digits=3)
        computed = (each / 15 + idle_rate) / 10
        if at_15 is None:
            bench.row(f"{name}, processor at 15 s a round, computed", computed,
                      "%", beside="idle", other=idle_rate / 10, digits=4)
        else:
            bench.row(f"{name}, processor at 15 s a round", at_15[i] / 600,
                      "%", beside="computed", other=computed, digits=4)
    bench.notes.append(
        f"Agent and prober: {rounds} rounds in {busy_s} s at 1 s a round; idle "
        f"is {idle_s} s at one round an hour. The figure for 15 s is idle plus "
        "a fifteenth of a round, unless --full measured it for 60 s.")


def log(bench):
    sizes = [20] if bench.quick else [1000]
    patterns, without = logs.catalogue_patterns(bench.source / "catalogue")
    bench.notes.append(
        f"grep has {len(patterns)} patterns; {without} more have no form in "
        "ERE (case, laziness, letters beyond ASCII) and cost it nothing.")
    with tempfile.TemporaryDirectory(prefix="gpuward-bench-") as folder:
        ere = os.path.join(folder, "patterns")
        with open(ere, "w", encoding="ascii") as out:
            out.write("\n".join(patterns) + "\n")
        path = os.path.join(folder, "kernel.log")
        for megabytes in sizes:
            for share, kind, goal in ((0.0, "ordinary", "1000"),
                                      (0.3, "30 % NVRM", "500")):
                logs.write_log(path, megabytes * 1000 * 1000, share)
                read_log(bench, path, ere, f"{megabytes} MB, {kind}", goal)


def pile(bench):
    """An archive of five logs of one machine, 200 MB in all."""
    size = (20 if bench.quick else 200) * 1000 * 1000
    with tempfile.TemporaryDirectory(prefix="gpuward-bench-") as folder:
        names = [f"kern.log.{i}" for i in range(5)]
        for i, name in enumerate(names):
            logs.write_log(os.path.join(folder, name), size // 5,
                           0.3 if i == 0 else 0.0)
        archive = os.path.join(folder, "logs.tar.gz")
        subprocess.run(["tar", "-C", folder, "-czf", archive, *names],
                       check=True)
        doctor_reads = [bench.gpuward, "doctor", "--log", archive]
        unpacks = ["sh", "-c", 'gzip -dc "$1" >/dev/null', "sh", archive]
        seconds, beside, peak = [], [], 0
        for _ in range(3):
            taken, memory = measure.run_watched(doctor_reads, dict(os.environ),
                                                (0, 1, 2, 3))
            seconds.append(taken)
            peak = max(peak, memory)
            beside.append(measure.run_watched(unpacks, dict(os.environ),
                                              (0,))[0])
    title = f"`doctor --log`, tar.gz of five logs, {size // 1000000} MB"
    bench.row(title, Sample(seconds), "s", goal="3 s", digits=2,
              beside="`gzip -dc`", other=Sample(beside))
    bench.row(f"{title}, memory at most", peak, "MiB", goal="200 MiB")


def read_log(bench, path, ere, label, goal):
    env = dict(os.environ, LC_ALL="C")
    commands = {
        "doctor": [bench.gpuward, "doctor", "--log", path],
        "grep": ["grep", "-c", "-E", "-f", ere, path],
        "cat": ["sh", "-c", 'cat "$1" | cat >/dev/null', "sh", path]}
    size = os.path.getsize(path) / 1e6
    speed = {name: [] for name in commands}
    peak = {name: 0 for name in commands}
    for _ in range(1 if bench.quick else 3):
        for name, command in commands.items():
            # Exit codes are answers here: doctor's 0 to 3, grep's 0 and 1.
            seconds, memory = measure.run_watched(command, env, (0, 1, 2, 3))
            speed[name].append(size / seconds)
            peak[name] = max(peak[name], memory)
    title = f"`doctor --log`, {label}"
    bench.row(title, Sample(speed["doctor"]), "MB/s", digits=0, goal=goal,
              beside="`grep -c -E -f`", other=Sample(speed["grep"]))
    bench.row(title, Sample(speed["doctor"]), "MB/s", digits=0,
              beside="`cat | cat`", other=Sample(speed["cat"]))
    bench.row(f"{title}, memory at most", peak["doctor"], "MiB",
              goal="200", beside="`grep`", other=peak["grep"])


def catalogue(bench):
    with node.simulated(bench.gpuward, "healthy-8xh100") as env:
        commands = {
            "with": [bench.gpuward, "explain", "nvml-init-hang-r570"],
            "without": [bench.gpuward, "--version"],
            "doctor": [bench.gpuward, "doctor"]}
        _, cpu = measure.alternate(commands, env, bench.rounds)
    load = cpu["with"].median - cpu["without"].median
    bench.row("catalogue, load in a fresh process, processor", load, "ms",
              beside="all of `doctor`, 8 healthy GPUs", other=cpu["doctor"],
              digits=2)
    bench.row("start to `main`, `gpuward --version`, processor",
              cpu["without"], "ms", beside="all of `doctor`, 8 healthy GPUs",
              other=cpu["doctor"], digits=2)


# figure, benchmark, unit, beside, benchmark there
MICRO = (
    ("catalogue, load again, warm", "catalogue_load", "ms", "", ""),
    ("literal gate, lines that say nothing", "gate", "MB/s",
     "finding the newlines (memchr)", "newlines"),
    ("patterns, an ordinary line", "match_ordinary", "ns", "", ""),
    ("patterns, an NVRM line without Xid", "match_nvrm", "ns",
     "an ordinary line", "match_ordinary"),
    ("patterns, a line with Xid 79", "match_xid", "ns", "an ordinary line",
     "match_ordinary"),
    ("captures of that line, one pattern", "captures_xid", "ns",
     "all patterns on it", "match_xid"),
    ("progress record, one call (begin and end)", "progress", "ns",
     "reading the clock once", "clock"),
    ("snapshot of 8 GPUs, read", "snapshot_read", "µs", "only its JSON",
     "json_parse"),
    ("snapshot of 8 GPUs, write", "snapshot_write", "µs", "reading it",
     "snapshot_read"),
)


def run_micro(bench, env, which, seconds):
    """{benchmark: its entries}, each of five rounds."""
    done = subprocess.run(
        [bench.micro, "--benchmark_format=json", f"--benchmark_filter={which}",
         "--benchmark_repetitions=5",
         f"--benchmark_min_time={0.02 if bench.quick else seconds}"],
        env=env, check=True, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True)
    found = {}
    for entry in json.loads(done.stdout)["benchmarks"]:
        if entry.get("run_type") == "iteration":
            if entry.get("error_occurred"):
                raise RuntimeError(entry["error_message"])
            found.setdefault(entry["run_name"], []).append(entry)
    return found


def signatures(bench):
    """Lines of an ordinary log against fewer and more signatures."""
    with tempfile.TemporaryDirectory(prefix="gpuward-bench-") as folder:
        path = os.path.join(folder, "kernel.log")
        logs.write_log(path, 20 * 1000 * 1000, 0.0)
        env = dict(os.environ, GPUWARD_BENCH_LOG=path)
        found = run_micro(bench, env, "^(signatures|one_by_one)/", 0.3)
    for name, entries in found.items():
        kind, _, share = name.partition("/")
        if kind != "signatures":
            continue
        number = int(entries[0]["signatures"])
        bench.row(f"matching, ordinary lines, {number} signatures",
                  in_unit(entries, "MB/s"), "MB/s", digits=0, goal="flat",
                  beside="RE2, one by one",
                  other=in_unit(found[f"one_by_one/{share}"], "MB/s"))


def micro(bench):
    with tempfile.TemporaryDirectory(prefix="gpuward-bench-") as folder, \
         node.simulated(bench.gpuward, "healthy-8xh100") as env:
        path = os.path.join(folder, "snapshot.json")
        with node.agent(bench.gpuward, env, "1h") as (_, _, snapshot):
            shutil.copy(snapshot, path)
        env["GPUWARD_BENCH_SNAPSHOT"] = path
        found = run_micro(
            bench, env, "-^(signatures|one_by_one|allocation|partitions)/",
            0.1)
    for figure, name, unit, beside, other in MICRO:
        more = {"other": in_unit(found[other], unit)} if other else {}
        bench.row(figure, in_unit(found[name], unit), unit, beside=beside,
                  **more)


def allocation(bench):
    """The size that takes longest, on the topology that takes longest."""
    env = dict(os.environ)
    for devices in (8, 16):
        found = run_micro(bench, env, f"^allocation/{devices}/", 0.1)
        name = max(found, key=lambda each: in_unit(found[each], "µs").median)
        size = name.rpartition("/")[2]
        # That takes the same time whatever the topology.
        every = run_micro(bench, env, f"^partitions/{devices}/{size}$", 0.1)
        (entries,) = every.values()
        count = int(entries[0]["partitions"])
        bench.row(f"best set of {size} of {devices} GPUs, the worst size",
                  in_unit(found[name], "µs"), "µs", digits=0, goal="1000 µs",
                  beside=f"each of {count} partitions",
                  other=in_unit(entries, "µs"))


def in_unit(entries, unit):
    if unit == "MB/s":
        return Sample([entry["bytes_per_second"] / 1e6 for entry in entries])
    to_ns = {"ns": 1, "us": 1e3, "ms": 1e6}
    per = {"ns": 1, "µs": 1e3, "ms": 1e6}[unit]
    return Sample([entry["cpu_time"] * to_ns[entry["time_unit"]] / per
                   for entry in entries])


def healing(bench):
    """Containers that lose their GPU while `containers --heal --apply` runs."""
    rounds = 10 if bench.quick else 50
    with lab_of_healing.prepared(bench.source, bench.build) as lab:
        healed = lab_of_healing.after_reloads(lab, rounds)
        fresh = lab_of_healing.fresh_containers(lab, rounds)
    goal = "median under 100 ms"
    bench.row(f"healed after a reload, {rounds} reloads", healed.after_reload,
              "ms", goal=goal, beside="`systemctl daemon-reload` itself",
              other=healed.reload)
    bench.row("the longest of them", max(healed.after_reload.values), "ms")
    bench.row(f"a reload as soon as a container runs, {rounds} containers",
              fresh.lost, "ms lost", goal="0 where protected in time",
              said=f"{fresh.untouched} of {rounds} lost nothing")
    bench.row("the longest of them", max(fresh.lost.values), "ms lost")


FIGURES = {"doctor": doctor, "hung": hung, "status": status, "agent": agent,
           "log": log, "signatures": signatures, "pile": pile, "catalogue": catalogue, "micro": micro,
           "healing": healing, "device-plugin": kubelet.device_plugin,
           "guard": kubelet.guard, "allocation": allocation}


def write_json(path, machine, bench):
    def numbers(sample):
        return None if sample is None else {
            "median": sample.median, "p10": sample.at(0.1),
            "p90": sample.at(0.9), "n": len(sample.values)}
    figures = [{"figure": row.figure, "unit": row.unit, "goal": row.goal,
                **numbers(row.sample), "compared_to": row.beside,
                "there": numbers(row.other), "there_text": row.said,
                "ratio": row.ratio()} for row in bench.rows]
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"schema": 1, "machine": machine, "figures": figures,
                   "notes": bench.notes}, out, indent=2, ensure_ascii=False)
        out.write("\n")
