"""A stuck probe is never multiplied, and delays nobody (Shown by 2)."""
import os
import pathlib
import signal
import socket
import subprocess
import time

from node import FACTOR, check, healthy, in_time, may_freeze, wait_until

INIT = ("nvmlInit_v2",)
ONE_GPU = ("nvmlDeviceGetTemperature", "gpu=3")
ALL_GPUS = ("nvmlDeviceGetTemperature",)
HANDLE = ("nvmlDeviceGetHandleByIndex_v2", "gpu=3")
# Of the agent's prober: 0.45 s for init, 0.3 s for a query.
SHORT = {"GPUWARD_DEADLINE_FACTOR": str(0.03 * FACTOR)}


def kind():
    return "d" if may_freeze() else "killable-d"


def stuck(node):
    return [t for t in node.probers() if t.state == "D"]


def at_most(node, most):
    found = stuck(node)
    check(len(found) <= most,
          f"{len(found)} stuck tasks {[t.pid for t in found]}, at most {most}")


def names(outcome, symbol):
    check(outcome.code == 2 and symbol in outcome.evidence(),
          f"a hang in {symbol} expected, got {outcome.brief()}")


def callers(node, where, with_agent):
    """Twenty in a row, ten at once; then the hang is lifted."""
    node.fresh()
    most = 1 if where == INIT else 2
    agent = node.agent(**SHORT) if with_agent else None
    node.inject(*where, f"hang={kind()}")
    for _ in range(20):
        seen = node.doctor(patience=0.4)
        in_time(seen, 0.4)
        at_most(node, most)
    names(seen, where[0])
    if where == ONE_GPU:
        check([3] in [p["left_out"] for p in seen.json["probes"]],
              f"GPU 3 is to be left out by one probe: {seen.brief()}")
    many = [node.spawn([node.program, "doctor", "--json", "--patience",
                        str(FACTOR)]) for _ in range(10)]
    for each in [node.outcome(child, 10) for child in many]:
        in_time(each, 1.0, "one of ten doctors at once")
        names(each, where[0])
    at_most(node, most)
    check(stuck(node), "no canary is left: the hang was not a real state D")
    pids = {t.pid for t in stuck(node)}
    node.clear()
    wait_until(lambda: not pids & {t.pid for t in stuck(node)}, 5,
               "a canary outlives the hang")
    healthy(node.doctor(patience=8), "the first doctor after the hang")
    if agent:
        node.end(agent)
    wait_until(lambda: not node.probers(), 5, "a prober is left at the end")


def substitution(node):
    """x=$(gpuward doctor) returns while the canary stays."""
    node.fresh()
    node.inject(*INIT, f"hang={kind()}")
    shell = f'x=$("{node.program}" doctor --patience {FACTOR}); echo "code $?"'
    seen = node.command(["sh", "-c", shell], limit=2)
    check("code 2" in seen.out, f"code 2 expected, got {seen.text!r}")
    check(len(stuck(node)) == 1, "no canary: nothing was shown")


def nothing_held(node):
    """A canary has nothing of its caller: pipe, socket, terminal, session."""
    node.fresh()
    node.inject(*INIT, f"hang={kind()}")
    mine, theirs = socket.socketpair()
    master, terminal = os.openpty()
    child = subprocess.Popen(
        [node.program, "doctor", "--patience", str(FACTOR)],
        stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        pass_fds=[theirs.fileno(), terminal], env=node.environment)
    held = {os.readlink(f"/proc/self/fd/{fd}") for fd in
            (terminal, theirs.fileno(), child.stdout.fileno(),
             child.stderr.fileno())}
    try:
        child.communicate(timeout=4 * FACTOR)
        canaries = stuck(node)
        check(len(canaries) == 1, f"{len(canaries)} canaries, not one")
        canary = canaries[0]
        links = canary.links()
        check(not held & set(links.values()),
              f"the canary holds what its caller had: {links}")
        check({links.get(n) for n in (0, 1, 2)} == {"/dev/null"},
              f"standard streams are not /dev/null: {links}")
        check(os.readlink(f"/proc/{canary.pid}/cwd") == "/",
              "the canary keeps its caller's working directory")
        check(canary.session == canary.pid and canary.terminal == 0,
              f"session {canary.session}, terminal {canary.terminal}")
        check(canary.session != os.getsid(0), "the canary is in our session")
        theirs.close()
        mine.settimeout(2 * FACTOR)
        check(mine.recv(1) == b"", "the socket is held open")
    finally:
        child.kill()
        for pipe in (child.stdout, child.stderr):
            pipe.close()
        child.wait(timeout=5)
        for fd in (master, terminal):
            os.close(fd)
        mine.close()
        theirs.close()


def killed_doctor(node, how):
    node.fresh()
    node.inject(*INIT, f"hang={how}")
    # What nobody supervises ends itself once its call's deadline has passed.
    child = node.spawn([node.program, "doctor", "--patience", "20"],
                       GPUWARD_DEADLINE_FACTOR=str(0.15 * FACTOR))
    wait_until(lambda: [t for t in node.probers()
                        if t.state == ("D" if how != "futex" else "S")], 5,
               "no prober to be seen")
    record = pathlib.Path(node.run_dir, "prober-1")
    wait_until(lambda: INIT[0].encode() in record.read_bytes(), 5,
               f"the prober is not in {INIT[0]}")
    child.send_signal(signal.SIGKILL)
    node.outcome(child, 3)
    check(len(node.probers()) == 1, f"{len(node.probers())} probers, not one")
    before = node.probers()[0].pid
    seen = node.doctor(patience=1, deadlines=0.03)
    in_time(seen, 1)
    names(seen, INIT[0])
    if how == "futex":
        wait_until(lambda: before not in [t.pid for t in node.probers()], 5,
                   "what a killed doctor left behind is not ended")
    else:
        check([t.pid for t in node.probers()] == [before],
              "the canary is not the only prober")
    node.clear()
    wait_until(lambda: not node.probers(), 5, "a prober outlives the hang")
    healthy(node.doctor(patience=8), "after the hang")


def patience_with_agent(node, where):
    """The caller's patience counts, not the deadline of the agent's call."""
    node.fresh()
    agent = node.agent()
    node.inject(*where, "hang=futex")
    for pid in [t.pid for t in node.probers()]:
        os.kill(pid, signal.SIGKILL)  # the next one starts with nvmlInit
    wait_until(lambda: node.gpuward("status", "--json").json["probes"][0]
               ["symbol"] == where[0], 10, f"the agent is not in {where[0]}")
    for _ in range(2):
        seen = node.doctor(patience=1)
        in_time(seen, 1)
        names(seen, where[0])
    node.end(agent)


def killed_agent(node):
    """SIGKILL and restart during a hang: still one stuck task."""
    node.fresh()
    agent = node.agent(**SHORT)
    node.inject(*INIT, f"hang={kind()}")
    healthy_prober = {t.pid for t in node.probers()}
    # A kept session does not call nvmlInit again: it must begin anew.
    for pid in healthy_prober:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: stuck(node), 10, "the agent's prober did not get stuck")
    canary = stuck(node)[0].pid
    for _ in range(3):
        node.end(agent, signal.SIGKILL)
        agent = node.agent(**SHORT)
        names(node.doctor(patience=0.5), INIT[0])
        check([t.pid for t in node.probers()] == [canary],
              f"probers {[t.pid for t in node.probers()]}, only the canary "
              f"{canary} expected")
    node.clear()
    wait_until(lambda: node.doctor(patience=5).code == 0, 10,
               "the agent does not see that the hang is over")
    node.end(agent)
    wait_until(lambda: not node.probers(), 5, "the agent left a prober")


def killed_prober(node):
    """The agent goes on with a new one."""
    node.fresh()
    agent = node.agent()
    for _ in range(3):
        before = wait_until(node.probers, 5, "the agent has no prober")[0].pid
        os.kill(before, signal.SIGKILL)

        def is_back():
            probe = node.gpuward("status", "--json").json["probes"][0]
            return probe["state"] == "answering" and probe["pid"] != before
        wait_until(is_back, 10, "the agent did not go on with a new prober")
        healthy(node.doctor(patience=5), "after the prober was killed")
        check(len(node.probers()) == 1, f"{len(node.probers())} probers")
    check(agent.poll() is None, "the agent ended")
    node.end(agent)
    wait_until(lambda: not node.probers(), 5, "the agent left a prober")


def killed_healthy_agent(node):
    """Its prober notices, ends by itself, and the next caller has the slot."""
    node.fresh()
    agent = node.agent()
    wait_until(node.probers, 5, "the agent has no prober")
    node.end(agent, signal.SIGKILL)
    wait_until(lambda: not node.probers(), 2, "the prober stays without owner")
    healthy(node.doctor(patience=5), "after the agent was killed")


def ten_on_a_healthy_node(node):
    """They take turns, and each gets its answer."""
    node.fresh()
    many = [node.spawn([node.program, "doctor", "--json", "--patience",
                        str(8 * FACTOR)]) for _ in range(10)]
    for each in [node.outcome(child, 12) for child in many]:
        healthy(each, "one of ten doctors at once")


def mute_agent(node, answer):
    """A socket on which nobody, or nonsense, answers."""
    node.fresh()
    path = f"{node.run_dir}/read.sock"
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(8)
    server.settimeout(5 * FACTOR)
    try:
        child = node.spawn([node.program, "doctor", "--json", "--patience",
                            str(2 * FACTOR)])
        client, _ = server.accept()
        if answer is not None:
            client.sendall(answer)
            client.close()
        seen = node.outcome(child, 10)
        in_time(seen, 2)
        check(seen.code == 0 or (answer is None and seen.code == 3),
              "healthy, or unknown where the time is over: "
              f"expected, got {seen.brief()}")
        if answer is None:
            client.close()
    finally:
        server.close()
    wait_until(lambda: not node.probers(), 3, "a prober is left")


def frozen_agent(node):
    """An agent that is stopped holds the slot with a healthy prober."""
    node.fresh()
    agent = node.agent()
    wait_until(node.probers, 5, "the agent has no prober")
    agent.send_signal(signal.SIGSTOP)
    seen = node.doctor(patience=1)
    in_time(seen, 1)
    check(seen.code in (0, 3) and not seen.json["findings"],
          f"healthy or unknown, and nothing against NVML: {seen.brief()}")
    agent.send_signal(signal.SIGCONT)
    healthy(node.doctor(patience=5), "once the agent goes on")
    node.end(agent)


def stopped_agent(node):
    """SIGTERM during a hang: the agent ends at once, the canary stays."""
    node.fresh()
    node.inject(*INIT, f"hang={kind()}")
    agent = node.spawn([node.program, "agent", "--interval", "1s"], pipes=False)
    wait_until(lambda: stuck(node), 10, "the agent's prober did not get stuck")
    began = time.monotonic()
    node.end(agent)
    took = time.monotonic() - began
    check(took <= 2 * FACTOR, f"the agent took {took:.1f} s to end")
    at_most(node, 1)
    check(not pathlib.Path(node.run_dir, "read.sock").exists(),
          "the agent left its socket")
