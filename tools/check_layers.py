#!/usr/bin/env python3
"""The rules of docs/style.md that a compiler does not see.

  layers  a folder of src/ includes only folders that its CMakeLists.txt links
  heavy   a header that takes seconds to compile is included in one file
  paths   absolute paths of the machine stand in host/, evidence/, probe/ and
          bundle/
  sizes   a file over 400 lines is warned of, over 800 refused
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"

HEAVY = {
    "nlohmann/": {"src/base/json.cpp"},
    "yaml-cpp/": {"src/base/yaml.cpp"},
    "toml++/": {"src/base/toml.cpp"},
    "CLI/": {"src/cli/parse.cpp", "src/kubelet/parse.cpp"},
    "spdlog/": {"src/base/log.cpp"},
    "openssl/": {"src/ask/fetch.cpp"},
    "sqlite3": {"src/ledger/store.cpp"},
    "systemd/sd-bus.h": {"src/host/systemd.cpp", "tests/support/"},
    "bpf/": {"src/containers/programs.cpp", "tests/support/"},
    "grpc": {"src/kubelet/rpc/", "tests/kubelet/", "bench/kubelet_load.cpp"},
    "device_plugin.": {"src/kubelet/wire/messages.cpp", "tests/kubelet/"},
}
# Folders of src/ that may name files of the machine.
MAY_NAME_PATHS = {"host", "evidence", "containers", "probe", "bundle"}
MACHINE_PATH = re.compile(r'"/(proc|sys|dev)(/[^"]*)?"')
WARN, REFUSE = 400, 800


def links():
    """folder -> the folders that its library links, directly or not.

    A folder within a folder (evidence/text) has a library of its own.
    """
    direct = {}
    for lists in SOURCE.rglob("CMakeLists.txt"):
        text = re.sub(r"#.*", "", lists.read_text())
        folder = lists.parent.relative_to(SOURCE).as_posix()
        direct[folder] = set(re.findall(r"\bgpuward_(\w+)", text)) & {
            each.name for each in SOURCE.iterdir()}
    closed = {}
    for folder in direct:
        seen, todo = set(), [folder]
        while todo:
            at = todo.pop()
            if at not in seen:
                seen.add(at.split("/")[0])
                seen.add(at)
                todo += direct.get(at, ())
        closed[folder] = seen
    return closed


def code_files():
    for top in ("src", "sim", "tests", "bench"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in (".cpp", ".h", ".c"):
                yield path


def check_includes(path, lines, allowed):
    name = path.relative_to(ROOT).as_posix()
    parts = name.split("/")
    folder = "/".join(parts[1:-1])
    for number, line in enumerate(lines, 1):
        match = re.match(r'\s*#\s*include\s+["<]([^">]+)[">]', line)
        if not match:
            continue
        target = match.group(1)
        for prefix, places in HEAVY.items():
            if target.startswith(prefix) and not any(
                    name.startswith(place) for place in places):
                yield (f"{name}:{number}: <{target}> belongs into "
                       f"{', '.join(sorted(places))} alone")
        other = target.split("/")[0]
        if (parts[0] == "src" and (SOURCE / other).is_dir()
                and "/" in target and other not in allowed.get(folder, ())):
            yield (f"{name}:{number}: {folder} includes {target} and does "
                   f"not link gpuward_{other}")


def check_paths(path, lines):
    parts = path.relative_to(ROOT).as_posix().split("/")
    if (parts[0] != "src" or parts[1] in MAY_NAME_PATHS
            or path.name.endswith("_test.cpp")):
        return
    for number, line in enumerate(lines, 1):
        code = line.split("//")[0] if '"' not in line.split("//")[0] else line
        match = MACHINE_PATH.search(code)
        if match and "// path:" not in line:
            yield (f"{'/'.join(parts)}:{number}: {match.group(0)}: paths of "
                   f"the machine stand in src/host, src/evidence or src/probe")


def main():
    allowed = links()
    problems = []
    for path in code_files():
        lines = path.read_text(errors="replace").splitlines()
        problems += check_includes(path, lines, allowed)
        problems += check_paths(path, lines)
        name = path.relative_to(ROOT).as_posix()
        if len(lines) > REFUSE:
            problems.append(f"{name}: {len(lines)} lines, {REFUSE} at most")
        elif len(lines) > WARN:
            print(f"{name}: {len(lines)} lines; is it still one thing?")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
