#include "evidence/unit_files.h"

#include <gtest/gtest.h>

namespace gpuward::evidence {
namespace {

TEST(UnitFiles, ExecStarts) {
  using Commands = std::vector<std::string>;
  EXPECT_EQ(exec_starts({"[Unit]\nExecStart=/no\n[Service]\n#ExecStart=/c\n"
                         "ExecStart = /a \\\n  --b\n"}),
            Commands{"/a  --b"});
  EXPECT_EQ(
      exec_starts({"[Service]\nExecStart=/a\n", "[Service]\nExecStart=\n"}),
      Commands{});
  EXPECT_EQ(exec_starts({}), Commands{});
}

TEST(UnitFiles, Environments) {
  EXPECT_EQ(environments({"[Service]\nEnvironment=\"A=--x --y\" B=1\n"}),
            std::vector<std::string>{"\"A=--x --y\" B=1"});
}

}  // namespace
}  // namespace gpuward::evidence
