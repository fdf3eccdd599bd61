#include "action/links_at_boot.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>

#include "base/text.h"
#include "host/edit.h"

namespace gpuward::action {
namespace {

// NVIDIA's notice has 71-nvidia-dev-char.rules; this one can stand beside it.
constexpr std::string_view kRule =
    "/etc/udev/rules.d/71-gpuward-dev-char.rules";
constexpr std::string_view kUnits = "/etc/systemd/system";
constexpr std::string_view kUnit = "gpuward-dev-char-links.service";

// The kernel announces a module once its init is over (5.9), the PCI driver
// already while it runs: where the former is not told, the latter must do.
constexpr std::string_view kRuleText =
    R"(# Links in /dev/char for the device nodes of the NVIDIA driver.
# Written by `gpuward links create --install-udev-rule`; to undo, remove it.
ACTION=="add", SUBSYSTEM=="module", KERNEL=="nvidia|nvidia_uvm", RUN+="{0}"
ACTION=="add", DEVPATH=="/bus/pci/drivers/nvidia", RUN+="{0}"
ACTION=="add", DEVPATH=="/bus/pci/drivers/nvidia-nvswitch", RUN+="{0}"
)";

// udev loads the module while the boot goes on: settle waits for that, ten
// seconds at most. Exit code 1: a module (nvidia-uvm comes with its first
// user) is not loaded yet.
constexpr std::string_view kUnitText =
    R"(# Written by `gpuward links create --install-boot-unit`; to undo, remove it and
# its link in multi-user.target.wants.
[Unit]
Description=Links in /dev/char for NVIDIA device nodes
After=systemd-modules-load.service systemd-udev-trigger.service
Before=docker.service containerd.service crio.service kubelet.service podman.service

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=30
ExecStartPre=-/usr/bin/env udevadm settle --timeout=10
ExecStart={0}
SuccessExitStatus=1

[Install]
WantedBy=multi-user.target
)";

std::string with_command(std::string_view text, std::string_view command) {
  return fmt::format(fmt::runtime(text), command);
}

bool is_in_memory(const host::Root& root, std::string_view folder) {
  const auto fd = root.open_file(folder, O_PATH | O_DIRECTORY);
  struct statfs status {};
  return fd && ::fstatfs(fd->get(), &status) == 0 &&
         (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC);
}

std::unexpected<Error> not_lasting(std::string_view program,
                                   std::string_view why) {
  return fail(Error::Kind::unsupported,
              fmt::format("a rule cannot name {}: {}; put gpuward into "
                          "/usr/local/bin and run it from there",
                          printable(program, 200), why));
}

// Who can write the program or a folder of it becomes root by the rule.
Result<void> check_owners(const host::Root& root, const std::string& program) {
  for (size_t end = 0; end != std::string::npos;) {
    end = program.find('/', end + 1);
    const std::string part = program.substr(0, end);
    const struct stat status = TRY(root.lstat(part));
    if (status.st_uid != 0 || (status.st_mode & S_IWOTH) != 0) {
      return not_lasting(program, part + " can be written by others than root");
    }
  }
  return {};
}

Result<void> check_program(const host::Host& host, const std::string& program) {
  const auto ours = host.self.lstat(program);
  const auto theirs = host.evidence.lstat(program);
  if (!ours || !theirs || ours->st_ino != theirs->st_ino ||
      ours->st_dev != theirs->st_dev) {
    return not_lasting(program, "on that machine it is not this file");
  }
  const std::string folder = program.substr(0, program.rfind('/') + 1);
  if (is_in_memory(host.evidence, folder) &&
      !is_in_memory(host.evidence, "/etc")) {
    return not_lasting(program, "it is gone after the next boot");
  }
  return check_owners(host.evidence, program);
}

Result<void> allow(const host::Host& host, Do how) {
  if (how == Do::nothing) return {};
  if (const auto why = host.why_not_to_probe()) {
    return fail(Error::Kind::unsupported,
                host.evidence.directory() +
                    " is a copy of a machine: nothing is installed in it");
  }
  return {};
}

Result<void> write(const host::Host& host, const std::string& file,
                   const std::string& text) {
  TRY_VOID(host::make_folder(host.evidence, file.substr(0, file.rfind('/'))));
  return host::write_file(host.evidence, file, text);
}

}  // namespace

bool is_plain_path(std::string_view path) {
  return path.starts_with('/') && std::ranges::all_of(path, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  (c >= '0' && c <= '9') ||
                  std::string_view("/._+-").find(c) != std::string_view::npos;
         });
}

Result<std::string> lasting_program(const host::Host& host) {
  auto program = host.self.read_link("/proc/self/exe");  // path: our own
  if (!program) return program;
  if (!is_plain_path(*program)) {
    return not_lasting(*program,
                       "it was replaced meanwhile, or its path has signs that "
                       "udev would not take as they are");
  }
  if (!host.simulated) TRY_VOID(check_program(host, *program));
  return program;
}

Result<Installed> install_udev_rule(const host::Host& host,
                                    const std::string& command, Do how) {
  TRY_VOID(allow(host, how));
  const std::string file(kRule);
  Installed out{.what = "udev rule",
                .files = {file},
                .text = with_command(kRuleText, command)};
  const auto old = host.evidence.read(file);
  out.already = old && *old == out.text;
  if (how == Do::it && !out.already) {
    TRY_VOID(write(host, file, out.text));
  }
  return out;
}

Result<Installed> install_boot_unit(const host::Host& host,
                                    const std::string& command, Do how) {
  TRY_VOID(allow(host, how));
  const std::string file = fmt::format("{}/{}", kUnits, kUnit);
  const std::string wants =
      fmt::format("{}/multi-user.target.wants/{}", kUnits, kUnit);
  Installed out{.what = "boot unit",
                .files = {file, wants},
                .text = with_command(kUnitText, command)};
  const auto old = host.evidence.read(file);
  const auto link = host.evidence.read_link(wants);
  out.already = old && *old == out.text && link && *link == file;
  if (how == Do::it && !out.already) {
    TRY_VOID(write(host, file, out.text));
    TRY_VOID(
        host::make_folder(host.evidence, wants.substr(0, wants.rfind('/'))));
    TRY_VOID(host::make_link(host.evidence, wants, file));
  }
  return out;
}

}  // namespace gpuward::action
