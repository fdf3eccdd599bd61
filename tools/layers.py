"""What CMake says of the folders of src/: what each holds, and which others it
may include. For check_layers.py and folder_table.py.

A folder is what has a CMakeLists.txt with a library or program of its own; its
library is named after it, `gpuward_kubelet_wire` for src/kubelet/wire.
"""
import dataclasses
import pathlib
import re


@dataclasses.dataclass
class Folder:
    name: str          # below src/: "kubelet/wire"
    about: str         # the comment at the head of its CMakeLists.txt
    links: set[str]    # folders that its own code may include
    test_links: set[str]  # and those that only its tests may


def library_of(folder):
    return "gpuward_" + folder.replace("/", "_")


def head_comment(text):
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("#").strip())
    return " ".join(lines)


def linked(text, folders, pattern):
    """The folders whose libraries stand in the commands that match."""
    found = set()
    for command in re.findall(pattern, text, re.S):
        names = set(re.findall(r"\bgpuward_\w+", command))
        found |= {folder for folder in folders if library_of(folder) in names}
    return found


def read_folders(source):
    """name -> Folder, from the CMakeLists.txt files below `source`."""
    lists = {path.parent.relative_to(source).as_posix(): path.read_text()
             for path in source.rglob("CMakeLists.txt")}
    folders = {}
    for name, text in sorted(lists.items()):
        about = head_comment(text)
        text = re.sub(r"#.*", "", text)
        own = linked(text, lists, r"gpuward_library\(.*?\)")
        own |= linked(text, lists, r"target_link_libraries\((?!\w+_test\b).*?\)")
        tests = linked(text, lists, r"target_link_libraries\(\w+_test\b.*?\)")
        folders[name] = Folder(name, about, own - {name}, tests - {name})
    return folders


def folder_of(include, folders):
    """The folder that an include names, None where it is none of src/."""
    parent = include.rpartition("/")[0]
    while parent and parent not in folders:
        parent = parent.rpartition("/")[0]
    return parent or None
