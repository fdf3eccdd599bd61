#include "sim/engine/node.h"

#include <errno.h>
#include <fmt/core.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "sim/engine/fields.h"
#include "sim/engine/frozen_disk.h"
#include "sim/engine/render.h"
#include "sim/engine/tree.h"

namespace gpuward::simulator {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLibraryName = "libnvidia-ml.so.1";
constexpr std::string_view kLibraryFolder = "/usr/lib/x86_64-linux-gnu/";

Result<std::string> make_directory(const std::string& wanted) {
  if (!wanted.empty()) {
    std::error_code error;
    const std::string full = fs::absolute(wanted, error).lexically_normal();
    if (::mkdir(full.c_str(), 0755) == 0) return full;
    if (errno == EEXIST && fs::is_empty(full, error) && !error) return full;
    if (errno == EEXIST) {
      return fail(Error::Kind::busy, full + " exists and is not empty");
    }
    return fail_errno(errno, "making " + full);
  }
  const char* base = ::getenv("TMPDIR");
  std::string path = fmt::format("{}/gpuward-sim-XXXXXX",
                                 base != nullptr && *base != 0 ? base : "/tmp");
  if (::mkdtemp(path.data()) == nullptr)
    return fail_errno(errno, "making " + path);
  // Clients need not be who we are.
  ::chmod(path.c_str(), 0755);
  return path;
}

Result<void> place_library(const Scenario& scenario, const std::string& library,
                           const std::string& node) {
  const Tree folder(node);
  TRY_VOID(folder.link(fmt::format("/lib/{}", kLibraryName), library));
  if (scenario.library.empty()) return {};
  const Tree root(node + "/root");
  TRY_VOID(root.directory(kLibraryFolder));
  const std::string real = fmt::format("libnvidia-ml.so.{}", scenario.library);
  const std::string base(kLibraryFolder);
  std::error_code error;
  // A copy: a link out of the tree would not resolve inside it.
  fs::copy_file(library, root.outside(base + real), error);
  if (error) return fail_errno(error.value(), "copying " + library);
  TRY_VOID(root.link(base + std::string(kLibraryName), real));
  TRY_VOID(root.link(base + "libnvidia-ml.so", kLibraryName));
  return root.link(base + "gpuward-sim.state", node + "/state");
}

bool wants_disk(const Scenario& scenario) {
  for (const sim_fault& fault : scenario.faults) {
    if (fault.action == SIM_HANG_D_HARD) return true;
  }
  return false;
}

void soften(Scenario& scenario, const std::string& why, Node& node) {
  for (sim_fault& fault : scenario.faults) {
    if (fault.action == SIM_HANG_D_HARD) fault.action = SIM_HANG_D;
  }
  node.notes.push_back(why +
                       "; hanging calls are in a state D that SIGKILL ends");
}

Result<void> fill_state(const Scenario& scenario, const std::string& node,
                        const std::string& gate, StateFile& file) {
  return file.change([&](sim_state& state) -> Result<void> {
    const std::string driver = scenario.loaded ? scenario.driver : "";
    TRY_VOID(copy_text(state.driver_version, sizeof state.driver_version,
                       driver, "driver"));
    TRY_VOID(copy_text(state.library_version, sizeof state.library_version,
                       scenario.library, "library"));
    TRY_VOID(copy_text(state.dev_dir, sizeof state.dev_dir, node + "/root/dev",
                       "the node's path"));
    TRY_VOID(copy_text(state.frozen_file, sizeof state.frozen_file, gate,
                       "the node's path"));
    state.cuda_version = scenario.cuda_version;
    state.gpu_count = static_cast<uint32_t>(scenario.gpus.size());
    for (size_t i = 0; i < scenario.gpus.size(); ++i) {
      state.gpus[i] = scenario.gpus[i];
    }
    for (const sim_fault& fault : scenario.faults) {
      TRY(add_fault(state, fault));
    }
    return {};
  });
}

Result<void> fill_node(Scenario& scenario, const NodeOptions& options,
                       Node& node) {
  const Tree folder(node.directory);
  TRY_VOID(folder.directory("/run"));
  TRY_VOID(
      folder.file("/uptime", fmt::format("{}\n", scenario.uptime.count())));
  TRY_VOID(render(scenario, node.directory));
  TRY_VOID(place_library(scenario, options.library, node.directory));
  std::string gate;
  if (wants_disk(scenario)) {
    auto mounted = mount_disk(node.directory);
    if (!mounted && !options.soften) return std::unexpected(mounted.error());
    if (mounted) {
      gate = *mounted;
    } else {
      soften(scenario, mounted.error().text, node);
    }
  }
  StateFile state = TRY(StateFile::create(node.directory));
  TRY_VOID(fill_state(scenario, node.directory, gate, state));
  return reconcile_disk(node.directory, state, false);
}

}  // namespace

Result<std::string> find_library() {
  if (const char* given = ::getenv("GPUWARD_SIM_LIBRARY")) {
    if (::access(given, R_OK) == 0) return std::string(fs::absolute(given));
    return fail_errno(errno, fmt::format("$GPUWARD_SIM_LIBRARY ({})", given));
  }
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path top = program.parent_path().parent_path();
  for (const std::string_view folder : {"lib/sim", "lib/gpuward/sim"}) {
    const fs::path library = top / folder / kLibraryName;
    if (::access(library.c_str(), R_OK) == 0) return library.string();
  }
  return fail(
      Error::Kind::not_found,
      fmt::format("the simulator's library is not at {}: build it, or set "
                  "GPUWARD_SIM_LIBRARY",
                  (top / "lib/sim" / kLibraryName).string()));
}

Result<Node> create_node(Scenario scenario, const NodeOptions& options) {
  Node node;
  node.directory = TRY(make_directory(options.directory));
  auto filled = fill_node(scenario, options, node);
  if (filled) return node;
  (void)unmount_disk(node.directory);
  remove_tree(node.directory);
  return wrap(filled.error(), "making a simulated node");
}

}  // namespace gpuward::simulator
