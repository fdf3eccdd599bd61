// /dev: the nodes of the driver and their links in /dev/char.
#include <fmt/core.h>

#include "sim/engine/render.h"

namespace gpuward::simulator {
namespace {

Result<void> node(const Tree& root, const std::string& name, unsigned major,
                  unsigned minor, mode_t mode = 0666) {
  TRY_VOID(root.device("/dev/" + name, major, minor, mode));
  return root.link(fmt::format("/dev/char/{}:{}", major, minor), "../" + name);
}

Result<void> render_capabilities(const Scenario& scenario, const Tree& root) {
  bool mig = false;
  for (const sim_gpu& gpu : scenario.gpus) mig = mig || gpu.mig_mode == 1;
  if (!mig) return {};
  for (const Capability& capability : capabilities(scenario)) {
    // Only root may configure; the rest may be opened by whoever has the node.
    const mode_t mode = capability.minor == 1 ? 0400 : 0444;
    TRY_VOID(node(root,
                  fmt::format("nvidia-caps/nvidia-cap{}", capability.minor),
                  kCapsMajor, capability.minor, mode));
  }
  return {};
}

}  // namespace

Result<void> render_dev(const Scenario& scenario, const Tree& root) {
  TRY_VOID(root.directory("/dev/char"));
  TRY_VOID(root.device("/dev/null", 1, 3));
  if (!scenario.loaded) return {};
  TRY_VOID(node(root, "nvidiactl", kMajor, kControlMinor));
  TRY_VOID(node(root, "nvidia-modeset", kMajor, kModesetMinor));
  TRY_VOID(node(root, "nvidia-uvm", kUvmMajor, 0));
  TRY_VOID(node(root, "nvidia-uvm-tools", kUvmMajor, 1));
  for (const sim_gpu& gpu : scenario.gpus) {
    TRY_VOID(node(root, fmt::format("nvidia{}", gpu.minor), kMajor,
                  static_cast<unsigned>(gpu.minor)));
  }
  return render_capabilities(scenario, root);
}

}  // namespace gpuward::simulator
