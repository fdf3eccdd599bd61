// The evidence tree of a node: what /proc, /sys, /dev, /etc and /run of that
// machine would show, in the formats of the real ones.
#pragma once

#include "sim/engine/scenario.h"
#include "sim/engine/tree.h"

namespace gpuward::simulator {

// Majors as a machine of today has them; the first is the driver's own.
inline constexpr unsigned kMajor = 195;
inline constexpr unsigned kControlMinor = 255;
inline constexpr unsigned kModesetMinor = 254;
inline constexpr unsigned kUvmMajor = 234;
inline constexpr unsigned kCapsMajor = 237;
inline constexpr unsigned kNvlinkMajor = 235;

Result<void> render_proc(const Scenario& scenario, const Tree& root);
Result<void> render_driver(const Scenario& scenario, const Tree& root);
Result<void> render_tasks(const Scenario& scenario, const Tree& root);
Result<void> render_sys(const Scenario& scenario, const Tree& root);
Result<void> render_dev(const Scenario& scenario, const Tree& root);
Result<void> render_etc(const Scenario& scenario, const Tree& root);
Result<void> render_module_on_disk(const Scenario& scenario, const Tree& root);
Result<void> render_kernel_log(const Scenario& scenario,
                               const std::string& node);

// Everything above.
Result<void> render(const Scenario& scenario, const std::string& node);

// /proc/uptime alone: the keeper writes it anew as time goes by.
Result<void> render_uptime(const Tree& root, Millis uptime);

// The tasks of the scenario and those that it implies (persistenced).
std::vector<Task> all_tasks(const Scenario& scenario);

// A capability of MIG: its file under /proc/driver/nvidia/capabilities and the
// minor of its node in /dev/nvidia-caps.
struct Capability {
  std::string path;
  unsigned minor;
};
std::vector<Capability> capabilities(const Scenario& scenario);

}  // namespace gpuward::simulator
