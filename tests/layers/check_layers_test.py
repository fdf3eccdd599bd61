#!/usr/bin/env python3
"""tools/check_layers.py on a small tree: it accepts the tree as it is, and
refuses each wrong include that is planted in it."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECKER = pathlib.Path(__file__).resolve().parents[2] / "tools/check_layers.py"

TREE = {
    "src/base/CMakeLists.txt": "# Base.\ngpuward_library(base SOURCES a.cpp)\n",
    "src/base/a.h": "",
    "src/base/json.cpp": "#include <nlohmann/json.hpp>\n",
    "src/probe/CMakeLists.txt":
        "# Probe.\ngpuward_library(probe SOURCES a.cpp\n"
        "  LINKS gpuward_base # gpuward_containers\n)\n",
    "src/probe/a.cpp": '#include "probe/a.h"\n#include "base/a.h"\n',
    "src/probe/a.h": "",
    "src/containers/CMakeLists.txt":
        "# Containers.\ngpuward_library(containers SOURCES a.cpp\n"
        "  LINKS gpuward_probe)\n"
        "target_link_libraries(containers_test PRIVATE gpuward_base)\n",
    "src/containers/a.h": '#include "probe/a.h"\n',
    "src/containers/a_test.cpp": '#include "base/a.h"\n',
    "src/kubelet/CMakeLists.txt":
        "# Kubelet.\ntarget_link_libraries(gpuward-kubelet gpuward_kubelet_guard)\n",
    "src/kubelet/main.cpp": '#include "kubelet/guard/a.h"\n',
    "src/kubelet/wire/CMakeLists.txt":
        "# Wire.\ngpuward_library(kubelet_wire LINKS gpuward_base)\n",
    "src/kubelet/wire/a.h": '#include "base/a.h"\n',
    "src/kubelet/guard/CMakeLists.txt":
        "# Guard.\ngpuward_library(kubelet_guard LINKS gpuward_kubelet_wire)\n",
    "src/kubelet/guard/a.h": '#include "kubelet/wire/a.h"\n',
}


class CheckLayers(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        for name, text in TREE.items():
            self.write(name, text)

    def write(self, name, text):
        path = pathlib.Path(self.folder.name) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def plant(self, name, line):
        self.write(name, TREE.get(name, "") + line + "\n")

    def run_checker(self):
        done = subprocess.run([sys.executable, CHECKER, self.folder.name],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def refuses(self, *words):
        code, said = self.run_checker()
        self.assertEqual(code, 1, said)
        for word in words:
            self.assertIn(word, said)

    def test_the_tree_as_it_is_passes(self):
        self.assertEqual(self.run_checker(), (0, ""))

    def test_a_sub_folder_is_held_to_its_own_links(self):
        self.plant("src/kubelet/wire/a.h", '#include "kubelet/guard/a.h"')
        self.refuses("src/kubelet/wire/a.h:2", "gpuward_kubelet_guard")

    def test_a_link_of_a_link_is_not_enough(self):
        self.plant("src/containers/a.h", '#include "base/a.h"')
        self.refuses("src/containers/a.h:2", "gpuward_base")

    def test_an_include_upwards(self):
        self.plant("src/base/a.h", '#include "containers/a.h"')
        self.refuses("src/base/a.h:1", "gpuward_containers")

    def test_a_link_in_a_comment_does_not_count(self):
        self.plant("src/probe/a.cpp", '#include "containers/a.h"')
        self.refuses("src/probe/a.cpp:3", "gpuward_containers")

    def test_what_tests_link_is_theirs_alone(self):
        self.plant("src/containers/b.cpp", '#  include "base/a.h"')
        self.refuses("src/containers/b.cpp:1", "gpuward_base")

    def test_an_include_in_angle_brackets(self):
        self.plant("src/base/a.h", "#include <probe/a.h>")
        self.refuses("src/base/a.h:1", "gpuward_probe")

    def test_a_file_below_a_folder_without_a_library_belongs_to_it(self):
        self.plant("src/base/deep/a.cpp", '#include "probe/a.h"')
        self.refuses("src/base/deep/a.cpp:1", "src/base includes")

    def test_a_link_that_nothing_needs(self):
        self.write("src/probe/a.cpp", '#include "probe/a.h"\n')
        self.refuses("src/probe/CMakeLists.txt", "links gpuward_base")

    def test_a_namespace_of_another_folder(self):
        self.plant("src/kubelet/wire/a.h", "namespace gpuward::kubelet::guard {")
        self.refuses("src/kubelet/wire/a.h:2", "gpuward::kubelet::wire")

    def test_the_namespace_of_all_is_for_base_and_model(self):
        self.plant("src/base/a.h", "namespace gpuward {")
        self.plant("src/probe/a.h", "namespace gpuward::probe::inside {")
        self.assertEqual(self.run_checker(), (0, ""))
        self.plant("src/probe/a.cpp", "namespace gpuward {")
        self.refuses("src/probe/a.cpp:3", "gpuward::probe")

    def test_a_heavy_header_outside_its_file(self):
        self.plant("src/probe/a.h", "#include <nlohmann/json.hpp>")
        self.refuses("src/probe/a.h:1", "src/base/json.cpp")

    def test_a_path_of_the_machine(self):
        self.plant("src/kubelet/main.cpp", 'const char* kPath = "/proc/1/stat";')
        self.refuses("src/kubelet/main.cpp:2", "/proc/1/stat")


if __name__ == "__main__":
    unittest.main()
