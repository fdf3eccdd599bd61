"""As much of protobuf as the kubelet's API needs: fields of numbers and texts.

A message is a list of (field number, value); a value is an int, a str or bytes,
or a list, which is a message of its own.
"""


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def encode(fields):
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
            continue
        if isinstance(value, list):
            value = encode(value)
        elif isinstance(value, str):
            value = value.encode()
        out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def decode(data):
    """[(field number, int or bytes)]."""
    out, at = [], 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(data):
        key = number()
        value = number()
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        out.append((key >> 3, value))
    return out


def texts(data, field):
    return [value.decode() for number, value in decode(data)
            if number == field]


def preferred_request(*wishes):
    """Each (available, must include, size) as hex for `call`."""
    return encode([(1, [*((1, d) for d in available),
                        *((2, d) for d in include), (3, size)])
                   for available, include, size in wishes]).hex()


def preferred_answer(hexed):
    """A list of devices for each wish."""
    return [texts(value, 1) for _, value in decode(bytes.fromhex(hexed))]


def allocate_request(*containers):
    return encode([(1, [(1, d) for d in devices])
                   for devices in containers]).hex()


def allocate_answer(hexed):
    """{"envs": {…}, "mounts": [(container, host)…], "nodes": …, …} each."""
    out = []
    for _, value in decode(bytes.fromhex(hexed)):
        one = {"envs": {}, "mounts": [], "nodes": [], "annotations": {},
               "cdi": []}
        for field, inner in decode(value):
            parts = texts(inner, 1) + texts(inner, 2)
            if field in (1, 4):
                one["envs" if field == 1 else "annotations"][parts[0]] = parts[1]
            elif field in (2, 3):
                one["mounts" if field == 2 else "nodes"].append(tuple(parts))
            else:
                one["cdi"].append(parts[0])
        out.append(one)
    return out


def devices(hexed):
    """[(id, health, [NUMA node…])] of a list of devices."""
    out = []
    for _, value in decode(bytes.fromhex(hexed)):
        fields = dict(decode(value))
        nodes = [dict(decode(node)).get(1, 0)
                 for _, node in decode(fields.get(3, b""))]
        out.append((fields[1].decode(), fields[2].decode(), nodes))
    return out
