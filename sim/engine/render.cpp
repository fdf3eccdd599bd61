#include "sim/engine/render.h"

#include "sim/engine/kernel_log.h"

namespace gpuward::simulator {

Result<void> render_kernel_log(const Scenario& scenario,
                               const std::string& node) {
  std::vector<LogLine> lines = scenario.log;
  if (scenario.boot_log) {
    const auto boot = boot_lines(scenario);
    lines.insert(lines.begin(), boot.begin(), boot.end());
  }
  return append_kernel_lines(node, lines_between(lines, -1ms, scenario.uptime));
}

Result<void> render(const Scenario& scenario, const std::string& node) {
  const Tree root(node + "/root");
  TRY_VOID(render_proc(scenario, root));
  TRY_VOID(render_sys(scenario, root));
  TRY_VOID(render_dev(scenario, root));
  TRY_VOID(render_etc(scenario, root));
  return render_kernel_log(scenario, node);
}

}  // namespace gpuward::simulator
