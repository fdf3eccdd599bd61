#include "cli/kubelet_role.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cli/options.h"
#include "cli/screen.h"

namespace gpuward::cli {
namespace {

constexpr const char* kProgram = "gpuward-kubelet";

}  // namespace

bool is_kubelet_role(std::string_view verb) {
  return verb == "guard" || verb == "device-plugin";
}

int become_kubelet_role(const std::vector<std::string>& arguments) {
  std::error_code error;
  const std::filesystem::path self =
      std::filesystem::read_symlink("/proc/self/exe", error);  // path: our own
  std::vector<char*> argv;
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));  // NOLINT: execv's
  }
  argv.push_back(nullptr);
  const std::filesystem::path folder = self.parent_path();
  for (const auto& place :
       {folder / kProgram, folder / "../libexec/gpuward" / kProgram}) {
    ::execv(place.c_str(), argv.data());
    if (errno != ENOENT) {
      complain(fmt::format("cannot start {}: {}", place.string(),
                           std::strerror(errno)));  // NOLINT: one thread
      return kUnknown;
    }
  }
  complain(
      fmt::format("{} is not installed beside {}, nor in "
                  "../libexec/gpuward: `./dev install` puts it there",
                  kProgram, self.string()));
  return kUnknown;
}

}  // namespace gpuward::cli
