#!/usr/bin/env python3
"""ask_kubelet.py BIN: gpuward-ask-kubelet, and doctor with it, before a real
TLS server that plays the kubelet: well, with a loop that stands, without an
answer, refusing the token, talking nonsense.

The certificate is made by openssl here and now. What needs root (that rights
are dropped, and doctor at port 10250) is skipped without it.
"""
import contextlib
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

FACTOR = float(os.environ.get("GPUWARD_TEST_FACTOR", "1"))
NOBODY = 65534
TOKEN = "a-token.of-a.kubelet"
POD = {"metadata": {"namespace": "ml", "name": "train-0", "uid": "u1",
                    "annotations": {"kubernetes.io/config.seen":
                                    "2025-07-30T20:39:03.752764123Z"}},
       "spec": {"containers": [{"resources": {"limits":
                                              {"nvidia.com/gpu": "1"}}}]},
       "status": {"phase": "Pending"}}
PODS = json.dumps({"kind": "PodList", "apiVersion": "v1", "items": [POD]})
STANDS = "internal server error: sync Loop took longer than expected"


class Failed(Exception):
    """What was expected and what came instead."""


def expect(holds, what):
    if not holds:
        raise Failed(str(what))


def http(status, body, chunked=False):
    head = f"HTTP/1.1 {status} X\r\nConnection: close\r\n"
    if not chunked:
        return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()
    parts = [body[i:i + 100] for i in range(0, len(body), 100)]
    lines = "".join(f"{len(p):x}\r\n{p}\r\n" for p in parts)
    return f"{head}Transfer-Encoding: chunked\r\n\r\n{lines}0\r\n\r\n".encode()


def well(path):
    return http(200, "ok") if "syncloop" in path else http(200, PODS, True)


def stands(path):
    return http(500, STANDS) if "syncloop" in path else well(path)


def garbage(_):
    return os.urandom(5000)


def never_ends(_):
    return b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (40 << 20)


class Kubelet:
    """One listener on loopback; a thread for each connection."""

    def __init__(self, certificate, answer, port=0, tls=True):
        self.answer = answer  # of a path; None: it says nothing
        self.asked = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
        if tls:
            self.context.load_cert_chain(certificate)
        self.socket = socket.create_server(("127.0.0.1", port))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,),
                             daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError), contextlib.ExitStack() as ends:
            if self.answer == "no handshake":
                self._wait(client)
                return
            if self.context:
                client = self.context.wrap_socket(client, server_side=True)
            ends.enter_context(client)
            request = client.recv(65536).decode(errors="replace")
            self.asked.append(request)
            if self.answer is None:
                self._wait(client)
                return
            given = f"Authorization: Bearer {TOKEN}\r\n" in request
            reply = (self.answer(request.split()[1])
                     if given or not self.context else http(401, "Unauthorized"))
            client.sendall(reply)

    @staticmethod
    def _wait(client):
        client.recv(1 << 20)
        while client.recv(1 << 20):
            pass

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)  # accept() ends as well
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def make_certificate(folder):
    path = pathlib.Path(folder, "kubelet.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj",
         "/CN=node-1", "-keyout", path, "-out", str(path) + ".crt"],
        check=True, capture_output=True, timeout=30)
    path.write_text(path.read_text() + pathlib.Path(
        str(path) + ".crt").read_text())
    return path


def ask(bin_dir, port, token=TOKEN, kind="tls", millis=2000):
    """What it printed, and how long it took."""
    rights = {"user": NOBODY, "group": NOBODY, "extra_groups": []} \
        if os.geteuid() == 0 else {}
    # Nobody may not be let into the folder of the build.
    program = os.open(bin_dir / "gpuward-ask-kubelet", os.O_PATH)
    began = time.monotonic()
    done = subprocess.run(
        [f"/proc/self/fd/{program}", str(port), kind, str(millis)],
        input=token, capture_output=True, text=True, pass_fds=[program],
        timeout=20, check=False, **rights)
    os.close(program)
    expect(done.returncode == 0, done)
    return json.loads(done.stdout), time.monotonic() - began


# Cases: (name, function of bin_dir and certificate).

def healthy(bin_dir, certificate):
    with Kubelet(certificate, well) as kubelet:
        said, _ = ask(bin_dir, kubelet.port)
    expect(said["syncloop"] == {"status": 200, "text": "ok"}, said)
    expect(said["pods"] == {"all": 1, "rejected": 0,
                            "unstarted": ["ml_train-0_u1"]}, said)
    expect([each.split()[1] for each in kubelet.asked] ==
           ["/healthz/syncloop", "/pods"], kubelet.asked)


def the_loop_stands(bin_dir, certificate):
    with Kubelet(certificate, stands) as kubelet:
        said, _ = ask(bin_dir, kubelet.port)
    expect(said["syncloop"] == {"status": 500, "text": STANDS}, said)


def late(bin_dir, certificate):
    for answer in (None, "no handshake"):
        with Kubelet(certificate, answer) as kubelet:
            said, took = ask(bin_dir, kubelet.port, millis=1000)
        for each in ("syncloop", "pods"):
            expect(said[each]["kind"] == "timed out", said)
        expect(0.9 < took < 1.5 * FACTOR, took)


def a_wrong_token(bin_dir, certificate):
    with Kubelet(certificate, well) as kubelet:
        said, _ = ask(bin_dir, kubelet.port, token="another")
        evil, _ = ask(bin_dir, kubelet.port, token="a\r\nX-Evil: 1")
    expect(said["syncloop"]["status"] == 401, said)
    expect(said["pods"]["kind"] == "denied", said)
    expect(evil["syncloop"]["kind"] == "malformed", evil)
    expect(not any("Evil" in each for each in kubelet.asked), kubelet.asked)


def nonsense(bin_dir, certificate):
    for answer in (garbage, never_ends, lambda path: b"",
                   lambda path: http(200, '{"kind":"PodList","items":7}')):
        with Kubelet(certificate, answer) as kubelet:
            said, took = ask(bin_dir, kubelet.port)
        expect("error" in said["syncloop"] or said["syncloop"]["status"] == 200,
               said)
        expect("error" in said["pods"] or said["pods"]["all"] == 0, said)
        expect(took < 3 * FACTOR, took)


def no_tls(bin_dir, certificate):
    with Kubelet(certificate, well, tls=False) as kubelet:
        said, _ = ask(bin_dir, kubelet.port)
        plain, _ = ask(bin_dir, kubelet.port, token="", kind="plain")
    expect(said["syncloop"]["kind"] == "malformed", said)
    expect(plain["syncloop"]["status"] == 200, plain)
    expect(plain["pods"]["all"] == 1, plain)


def nobody_listens(bin_dir, certificate):
    with Kubelet(certificate, well) as kubelet:
        port = kubelet.port
    said, took = ask(bin_dir, port)
    expect(said["syncloop"]["kind"] == "gone" and took < 1 * FACTOR, said)


def root_is_refused(bin_dir, certificate):
    if os.geteuid() != 0:
        return "needs root"
    with Kubelet(certificate, well) as kubelet:
        done = subprocess.run(
            [bin_dir / "gpuward-ask-kubelet", str(kubelet.port), "tls", "2000"],
            input=TOKEN, capture_output=True, text=True, timeout=20,
            check=False)
    expect(done.returncode == 64 and "as root" in done.stderr, done)
    expect(not kubelet.asked, kubelet.asked)
    return None


# doctor, at the port of the kubelet.

def doctor(bin_dir, token_file):
    environment = {**os.environ, "GPUWARD_KUBELET_TOKEN_FILE": str(token_file)}
    began = time.monotonic()
    done = subprocess.run(
        [bin_dir / "gpuward", "doctor", "--patience", "1", "--why",
         "kubelet-blocked-by-device-plugin"],
        env=environment, capture_output=True, text=True, timeout=60,
        check=False)
    return done.stdout + done.stderr, time.monotonic() - began


def by_doctor(bin_dir, certificate):
    if os.geteuid() != 0:
        return "needs root: who listens must be root"
    token = pathlib.Path(certificate.parent, "token")
    token.write_text(TOKEN + "\n")
    token.chmod(0o600)
    try:
        kubelet = Kubelet(certificate, stands, port=10250)
    except OSError as why:
        return f"port 10250 is not free: {why}"
    with kubelet:
        told, _ = doctor(bin_dir, token)
        expect(len(kubelet.asked) == 2, kubelet.asked)
        # Lines are folded where the screen ends.
        expect("took longer than expected" in " ".join(told.split()), told)
        kubelet.asked.clear()
        told, _ = doctor(bin_dir, "/nowhere/token")
        expect(not kubelet.asked, kubelet.asked)
        expect("took longer" not in told, told)
        kubelet.answer = None
        _, before = doctor(bin_dir, "/nowhere/token")
        _, took = doctor(bin_dir, token)
        expect(took - before < 2.5 * FACTOR, (before, took))
    return None


CASES = [healthy, the_loop_stands, late, a_wrong_token, nonsense, no_tls,
         nobody_listens, root_is_refused, by_doctor]


def main():
    bin_dir = pathlib.Path(sys.argv[1]).resolve()
    passed, failed, skipped = 0, 0, 0
    with tempfile.TemporaryDirectory(prefix="gpuward-ask-") as folder:
        certificate = make_certificate(folder)
        for case in CASES:
            name = case.__name__.replace("_", " ")
            try:
                why_not = case(bin_dir, certificate)
            except (Failed, KeyError, OSError, ValueError,
                    subprocess.SubprocessError) as why:
                failed += 1
                print(f"failed   {name}: {why!r}")
                continue
            skipped += bool(why_not)
            passed += not why_not
            print(f"skipped  {name}: {why_not}" if why_not
                  else f"passed   {name}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
