#!/usr/bin/python3
"""A client of containerd's CRI socket, for a lab: does there what the kubelet
does.

    cri-client start <WISH            {"pod": MESSAGE, "container": MESSAGE}
    cri-client start POD <WISH        one more container in a pod
    cri-client update CONTAINER CPU-SHARES
    cri-client remove POD...

"start" writes the ids of the pod and of the container. A MESSAGE is a list of
fields, [number, value]: a number, a text, or again a list of fields. They are
numbered in CRI's api.proto (runtime.v1), from which no code is generated here.
"""
import json
import sys

SOCKET = "unix:///run/containerd/containerd.sock"
SERVICE = "/runtime.v1.RuntimeService/"
SECONDS = 10
VARINT, BYTES = 0, 2  # protobuf's wire types


def varint(number):
    out = b""
    while number > 0x7f:
        out += bytes([number & 0x7f | 0x80])
        number >>= 7
    return out + bytes([number])


def encode(message):
    out = b""
    for number, value in message:
        if isinstance(value, int):
            out += varint(number << 3 | VARINT) + varint(value)
        else:
            inner = value.encode() if isinstance(value, str) else encode(value)
            out += varint(number << 3 | BYTES) + varint(len(inner)) + inner
    return out


def id_in(reply):
    """Both answers that are of interest are field 1, a text of 64 bytes."""
    head = varint(1 << 3 | BYTES) + varint(64)
    if not reply.startswith(head):
        raise ValueError(f"no id: {reply}")
    return reply[len(head):len(head) + 64].decode()


class Runtime:
    def __init__(self):
        self.channel = grpc.insecure_channel(SOCKET)

    def call(self, method, message):
        ask = self.channel.unary_unary(SERVICE + method)  # bytes in, bytes out
        return ask(encode(message), timeout=SECONDS)

    def start(self, pod=None):
        wish = json.load(sys.stdin)
        pod = pod or id_in(self.call("RunPodSandbox", [[1, wish["pod"]]]))
        made = id_in(self.call("CreateContainer", [
            [1, pod], [2, wish["container"]], [3, wish["pod"]]]))
        self.call("StartContainer", [[1, made]])
        print(pod, made)

    def update(self, container, shares):
        self.call("UpdateContainerResources",
                  [[1, container], [2, [[3, int(shares)]]]])

    def remove(self, *pods):
        for pod in pods:
            self.call("StopPodSandbox", [[1, pod]])
            self.call("RemovePodSandbox", [[1, pod]])


def main(verb, *words):
    try:
        getattr(Runtime(), verb)(*words)
    except grpc.RpcError as error:
        sys.exit(f"{verb}: {error.code().name}: {error.details()}")


if __name__ == "__main__":
    # Only a lab has it; encode() is of use outside as well.
    import grpc
    main(*sys.argv[1:])
