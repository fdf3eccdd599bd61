// /etc, /usr/lib/systemd and the files that a scenario brings.
#include <fmt/core.h>

#include "base/text.h"
#include "sim/engine/render.h"

namespace gpuward::simulator {
namespace {

// "Ubuntu 22.04.5 LTS" → name, version.
std::string os_release(const std::string& os) {
  const size_t space = os.find_first_of("0123456789");
  const std::string name(trim(std::string_view(os).substr(0, space)));
  const std::string version(
      space == std::string::npos ? "" : std::string_view(os).substr(space));
  const std::string number(version.substr(0, version.find(' ')));
  return fmt::format(
      "PRETTY_NAME=\"{}\"\nNAME=\"{}\"\nVERSION_ID=\"{}\"\nVERSION=\"{}\"\nID={"
      "}\n",
      os, name, number, version, to_lower(name));
}

std::string unit_text(const Persistenced& persistenced) {
  std::string command = "/usr/bin/nvidia-persistenced";
  for (const std::string& flag : persistenced.flags) command += " " + flag;
  return "[Unit]\nDescription=NVIDIA Persistence Daemon\n"
         "Wants=syslog.target\nStopWhenUnneeded=true\n"
         "Before=systemd-backlight@backlight:nvidia_0.service\n\n"
         "[Service]\nType=forking\nExecStart=" +
         command + "\nExecStopPost=/bin/rm -rf /var/run/nvidia-persistenced\n";
}

Result<void> render_persistenced(const Persistenced& persistenced,
                                 const Tree& root) {
  if (!persistenced.installed) return {};
  const std::string unit = "nvidia-persistenced.service";
  TRY_VOID(root.file("/usr/bin/nvidia-persistenced",
                     "\x7f"
                     "ELF"));
  TRY_VOID(
      root.file("/usr/lib/systemd/system/" + unit, unit_text(persistenced)));
  for (const auto& [name, text] : persistenced.drop_ins) {
    TRY_VOID(root.file("/etc/systemd/system/" + unit + ".d/" + name, text));
  }
  if (!persistenced.running) return {};
  const std::string run = "/run/nvidia-persistenced/";
  TRY_VOID(root.file(run + "nvidia-persistenced.pid",
                     fmt::format("{}\n", persistenced.pid)));
  return root.file(run + "socket", "");
}

}  // namespace

Result<void> render_etc(const Scenario& scenario, const Tree& root) {
  TRY_VOID(root.file("/etc/os-release", os_release(scenario.os)));
  TRY_VOID(root.file("/etc/hostname", scenario.hostname + "\n"));
  TRY_VOID(root.file("/etc/machine-id", "6e1f0c2b9d4a4f7e8b3a5c1d2e3f4a5b\n"));
  TRY_VOID(root.directory("/var/log"));
  TRY_VOID(root.directory("/run"));
  TRY_VOID(root.directory("/tmp"));
  TRY_VOID(render_module_on_disk(scenario, root));
  TRY_VOID(render_persistenced(scenario.persistenced, root));
  for (const auto& [path, text] : scenario.files) {
    TRY_VOID(root.file(path, text));
  }
  return {};
}

}  // namespace gpuward::simulator
