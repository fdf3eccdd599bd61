#!/usr/bin/env python3
"""The rules of docs/style.md that a compiler does not see.

  layers  a folder of src/ includes only folders that its own CMakeLists.txt
          links by name, and links none that it does not include
  names   each folder has a namespace of its own, gpuward::kubelet::wire for
          src/kubelet/wire; base and model share gpuward itself
  heavy   a header that takes seconds to compile is included in one file
  paths   absolute paths of the machine stand in the folders of MAY_NAME_PATHS
  sizes   a file over 400 lines draws a warning, a file over 800 is refused

usage: check_layers.py [ROOT]
"""
import pathlib
import re
import sys

from layers import folder_of, library_of, read_folders

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
INCLUDE = re.compile(r'\s*#\s*include\s+["<]([^">]+)[">]')
FOR_TESTS = re.compile(r"(_test|_for_tests)\.(cpp|h)$")
# What everybody speaks of: their names need no qualification.
VOCABULARY = {"base", "model"}
NAMESPACE = re.compile(r"namespace (gpuward[\w:]*) \{")
WARN, REFUSE = 400, 800


def code_files(root):
    for top in ("src", "sim", "tests", "bench"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in (".cpp", ".h", ".c"):
                yield path


def includes_in(lines):
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1)


def check_heavy(name, lines):
    for number, target in includes_in(lines):
        for prefix, places in HEAVY.items():
            if target.startswith(prefix) and not any(
                    name.startswith(place) for place in places):
                yield (f"{name}:{number}: only {', '.join(sorted(places))} may "
                       f"include <{target}>")


def check_layers(name, lines, folders, used):
    """Fills `used`: folder -> the folders that its files include."""
    if not name.startswith("src/"):
        return
    own = folder_of(name.removeprefix("src/"), folders)
    if own is None:
        return
    allowed = folders[own].links | {own}
    if FOR_TESTS.search(name):
        allowed = allowed | folders[own].test_links
    for number, target in includes_in(lines):
        other = folder_of(target, folders)
        if other is None:
            continue
        used.setdefault(own, set()).add(other)
        if other not in allowed:
            yield (f"{name}:{number}: src/{own} includes {target}, but its "
                   f"CMakeLists.txt does not link {library_of(other)}")


def namespace_of(folder):
    if folder in VOCABULARY:
        return "gpuward"
    return "gpuward::" + folder.replace("/", "::")


def check_names(name, lines, folders):
    own = folder_of(name.removeprefix("src/"), folders)
    if not name.startswith("src/") or own is None:
        return
    wanted = namespace_of(own)
    for number, line in enumerate(lines, 1):
        match = NAMESPACE.match(line)
        if match and not f"{match.group(1)}::".startswith(f"{wanted}::"):
            yield (f"{name}:{number}: namespace {match.group(1)}: src/{own} "
                   f"lives in {wanted}")


def check_unused(folders, used):
    for folder in folders.values():
        for other in sorted(folder.links - used.get(folder.name, set())):
            yield (f"src/{folder.name}/CMakeLists.txt: links "
                   f"{library_of(other)}, but includes nothing of src/{other}")


def check_paths(name, lines):
    parts = name.split("/")
    if (parts[0] != "src" or parts[1] in MAY_NAME_PATHS
            or name.endswith("_test.cpp")):
        return
    for number, line in enumerate(lines, 1):
        code = line.split("//")[0] if '"' not in line.split("//")[0] else line
        match = MACHINE_PATH.search(code)
        if match and "// path:" not in line:
            yield (f"{name}:{number}: {match.group(0)}: only "
                   f"{', '.join(sorted(MAY_NAME_PATHS))} name paths of the "
                   "machine")


def check_size(name, lines):
    if len(lines) > REFUSE:
        yield f"{name}: {len(lines)} lines, {REFUSE} at most"
    elif len(lines) > WARN:
        print(f"{name}: {len(lines)} lines; is it still one thing?")


def main(root):
    folders = read_folders(root / "src")
    used, problems = {}, []
    for path in code_files(root):
        name = path.relative_to(root).as_posix()
        lines = path.read_text(errors="replace").splitlines()
        problems += check_heavy(name, lines)
        problems += check_layers(name, lines, folders, used)
        problems += check_names(name, lines, folders)
        problems += check_paths(name, lines)
        problems += check_size(name, lines)
    problems += check_unused(folders, used)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parent.parent
    sys.exit(main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here))
