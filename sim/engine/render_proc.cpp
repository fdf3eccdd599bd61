#include <fmt/core.h>

#include "base/text.h"
#include "sim/engine/kernel_log.h"
#include "sim/engine/models.h"
#include "sim/engine/render.h"

namespace gpuward::simulator {
namespace {

std::string devices_text(const Scenario& scenario) {
  std::string out =
      "Character devices:\n  1 mem\n  4 /dev/vc/0\n  4 tty\n  5 /dev/tty\n"
      "  5 /dev/console\n 10 misc\n 13 input\n";
  if (scenario.loaded) {
    // 550.40 renamed nvidia-frontend.
    const int branch =
        to_number<int>(split(scenario.driver, '.')[0]).value_or(0);
    const std::string_view name = branch >= 550 ? "nvidia" : "nvidia-frontend";
    out += fmt::format("{} {}\n{} nvidia-modeset\n{} {}\n", kMajor, name,
                       kMajor, kMajor, "nvidiactl");
    out += fmt::format("{} nvidia-uvm\n{} nvidia-nvlink\n{} nvidia-caps\n",
                       kUvmMajor, kNvlinkMajor, kCapsMajor);
  }
  return out +
         "\nBlock devices:\n  7 loop\n  8 sd\n253 device-mapper\n259 blkext\n";
}

std::string modules_text(const Scenario& scenario) {
  std::string out;
  if (scenario.loaded) {
    const std::string_view taint = scenario.open_module ? "(OE)" : "(POE)";
    out += fmt::format(
        "nvidia_uvm 2076672 4 - Live 0x0000000000000000 {0}\n"
        "nvidia_drm 131072 0 - Live 0x0000000000000000 {0}\n"
        "nvidia_modeset 1728512 1 nvidia_drm, Live 0x0000000000000000 {0}\n"
        "nvidia 11587584 {1} nvidia_uvm,nvidia_modeset, Live "
        "0x0000000000000000 {0}\n",
        taint, 2 + scenario.gpus.size() * 12);
  }
  return out +
         "xfs 2138112 2 - Live 0x0000000000000000\n"
         "overlay 192512 84 - Live 0x0000000000000000\n"
         "br_netfilter 32768 0 - Live 0x0000000000000000\n";
}

}  // namespace

Result<void> render_uptime(const Tree& root, Millis uptime) {
  const auto hundredths = uptime.count() / 10;
  return root.file("/proc/uptime",
                   fmt::format("{0}.{1:02} {2}.{1:02}\n", hundredths / 100,
                               hundredths % 100, hundredths / 100 * 96));
}

Result<void> render_proc(const Scenario& scenario, const Tree& root) {
  TRY_VOID(render_uptime(root, scenario.uptime));
  const auto booted = std::chrono::floor<std::chrono::seconds>(
      (wall_now() - scenario.uptime).time_since_epoch());
  TRY_VOID(root.file(
      "/proc/stat",
      fmt::format("cpu  1290421 2310 618230 90125541 10210 0 21104 0 0 0\n"
                  "intr 912034411\nctxt 1882330912\nbtime {}\n"
                  "processes 4821931\nprocs_running 2\nprocs_blocked 0\n",
                  booted.count())));
  TRY_VOID(root.file(
      "/proc/version",
      fmt::format("Linux version {} (buildd@lcy02-amd64-069) (gcc (Ubuntu "
                  "11.4.0-1ubuntu1~22.04) 11.4.0, GNU ld (GNU Binutils for "
                  "Ubuntu) 2.38) #79-Ubuntu SMP\n",
                  scenario.kernel)));
  TRY_VOID(root.file("/proc/devices", devices_text(scenario)));
  TRY_VOID(root.file("/proc/modules", modules_text(scenario)));
  const std::string kernel = "/proc/sys/kernel/";
  // A boot is one run of the node: another start is another boot.
  const std::string boot =
      made_up_uuid("", fmt::format("{} {}", scenario.hostname,
                                   wall_now().time_since_epoch().count()));
  TRY_VOID(root.file(kernel + "random/boot_id", boot + "\n"));
  TRY_VOID(root.file(kernel + "hostname", scenario.hostname + "\n"));
  TRY_VOID(root.file(kernel + "osrelease", scenario.kernel + "\n"));
  TRY_VOID(root.file(kernel + "ostype", "Linux\n"));
  TRY_VOID(root.file(kernel + "hung_task_timeout_secs", "120\n"));
  TRY_VOID(render_driver(scenario, root));
  return render_tasks(scenario, root);
}

}  // namespace gpuward::simulator
