#include "sim/engine/kernel_log.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>

#include "base/fd.h"
#include "base/text.h"
#include "sim/engine/tree.h"

namespace gpuward::simulator {
namespace {

constexpr std::string_view kPath = "/dev/kmsg";

std::string loading_line(const Scenario& scenario) {
  return fmt::format(
      "NVRM: loading NVIDIA UNIX {}x86_64 {} {}{}",
      scenario.open_module ? "Open Kernel Module for " : "",
      scenario.open_module ? "" : "Kernel Module ", scenario.driver,
      scenario.open_module ? "  Release Build  (dvs-builder@U22-I3-AM24-14-4)"
                           : "  Sun May 12 19:39:15 UTC 2024");
}

void add(std::vector<LogLine>& out, Millis at, int priority, std::string text) {
  LogLine line;
  line.at = at;
  line.priority = priority;
  line.text = std::move(text);
  out.push_back(std::move(line));
}

void add_driver_lines(const Scenario& scenario, std::vector<LogLine>& out) {
  if (!scenario.loaded) return;
  Millis at = 8120ms;
  add(out, at, 4, "nvidia: loading out-of-tree module taints kernel.");
  if (!scenario.open_module) {
    add(out, at, 4, "nvidia: module license 'NVIDIA' taints kernel.");
    add(out, at, 4, "Disabling lock debugging due to kernel taint");
  }
  add(out, at += 44ms, 6,
      "nvidia-nvlink: Nvlink Core is being initialized, major device number "
      "235");
  for (const sim_gpu& gpu : scenario.gpus) {
    add(out, at += 11ms, 6,
        fmt::format("nvidia {}: enabling device (0140 -> 0142)",
                    sysfs_address(gpu)));
  }
  add(out, at += 90ms, 4, loading_line(scenario));
  add(out, at += 230ms, 6,
      fmt::format(
          "nvidia-modeset: Loading NVIDIA Kernel Mode Setting Driver for "
          "UNIX platforms  {}",
          scenario.driver));
  for (const sim_gpu& gpu : scenario.gpus) {
    add(out, at += 3ms, 6,
        fmt::format("[drm] [nvidia-drm] [GPU ID 0x{:08x}] Loading driver",
                    static_cast<unsigned>(gpu.board_id)));
  }
  add(out, at += 1200ms, 6,
      "nvidia-uvm: Loaded the UVM driver, major device number 234.");
  if (!scenario.gpus.empty() && scenario.gpus[0].persistence_mode == 1) {
    add(out, at += 900ms, 4,
        "NVRM: Persistence mode is deprecated and will be removed in a future "
        "release. Please use nvidia-persistenced instead.");
  }
}

// One more than the last record's.
Result<uint64_t> next_sequence(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid() && errno == ENOENT) return 0;
  if (!file.valid()) return fail_errno(errno, "opening " + path);
  constexpr off_t kTail = 8192;  // longer than any record
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  std::string tail(static_cast<size_t>(std::min(size, kTail)), 0);
  const ssize_t count = ::pread(file.get(), tail.data(), tail.size(),
                                std::max<off_t>(0, size - kTail));
  if (count < 0) return fail_errno(errno, "reading " + path);
  const std::string_view text =
      trim(std::string_view(tail).substr(0, static_cast<size_t>(count)));
  if (text.empty()) return 0;
  const auto parts = split(text.substr(text.rfind('\n') + 1), ',');
  const auto last =
      parts.size() > 1 ? to_number<uint64_t>(parts[1]) : std::nullopt;
  if (!last) return fail(Error::Kind::malformed, path + " has no records");
  return *last + 1;
}

struct XidText {
  int xid;
  std::string_view text;
};

constexpr XidText kXids[] = {
    {31,
     "pid=4242, name=python3, Ch 00000010, intr 00000000. MMU Fault: ENGINE "
     "GRAPHICS GPC0 GPCCLIENT_T1_0 faulted @ 0x7f10_a4000000. Fault is of type "
     "FAULT_PDE ACCESS_TYPE_VIRT_READ"},
    {43, "pid=4242, name=python3, Ch 00000010"},
    {45, "pid=4242, name=python3, Ch 00000008"},
    {48,
     "pid='<unknown>', name=<unknown>, An uncorrectable double bit error (DBE) "
     "has been detected on GPU in the framebuffer at partition 3, subpartition "
     "0."},
    {63,
     "pid='<unknown>', name=<unknown>, Row Remapper: New row marked for "
     "remapping, reset gpu to activate."},
    {79, "pid='<unknown>', name=<unknown>, GPU has fallen off the bus."},
    {119,
     "pid=4242, name=nvidia-smi, Timeout after 45s of waiting for RPC response "
     "from GPU{} GSP! Expected function 76 (GSP_RM_CONTROL) (0x20802a02 0x4)."},
    {154,
     "pid='<unknown>', name=<unknown>, GPU recovery action changed from 0x0 "
     "(None) to 0x1 (GPU Reset Required)"},
};

std::string usual_text(int xid, const sim_gpu& gpu) {
  for (const XidText& row : kXids) {
    if (row.xid == xid) return fmt::format(fmt::runtime(row.text), gpu.minor);
  }
  return "pid='<unknown>', name=<unknown>, simulated";
}

}  // namespace

std::string sysfs_address(const sim_gpu& gpu) {
  // NVML's domain has eight digits, sysfs's four.
  return to_lower(std::string_view(gpu.pci).substr(4));
}

std::string xid_address(const sim_gpu& gpu) {
  const std::string address = sysfs_address(gpu);
  return address.substr(0, address.find('.'));
}

std::string kernel_record(int priority, uint64_t sequence, Millis at,
                          std::string_view text) {
  return fmt::format("{},{},{},-;{}\n", priority, sequence, at.count() * 1000,
                     text);
}

std::vector<LogLine> boot_lines(const Scenario& scenario) {
  std::vector<LogLine> out;
  add(out, 0ms, 5,
      fmt::format("Linux version {} (buildd@lcy02-amd64-069) (gcc (Ubuntu "
                  "11.4.0-1ubuntu1~22.04) 11.4.0, GNU ld 2.38) #79-Ubuntu SMP",
                  scenario.kernel));
  add(out, 0ms, 6,
      fmt::format("Command line: BOOT_IMAGE=/boot/vmlinuz-{} "
                  "root=/dev/mapper/vg-root ro iommu=pt",
                  scenario.kernel));
  add(out, 2210ms, 6, "PCI: Using configuration type 1 for base access");
  add(out, 5140ms, 6, "XFS (dm-3): Mounting V5 Filesystem");
  add(out, 5171ms, 6, "XFS (dm-3): Ending clean mount");
  add(out, 6020ms, 6, "systemd[1]: Detected architecture x86-64.");
  add(out, 6021ms, 6,
      fmt::format("systemd[1]: Hostname set to <{}>.", scenario.hostname));
  add_driver_lines(scenario, out);
  add(out, 14040ms, 5,
      "audit: type=1400 audit: apparmor=\"STATUS\" "
      "operation=\"profile_load\" profile=\"unconfined\"");
  return out;
}

std::vector<LogLine> lines_between(const std::vector<LogLine>& lines,
                                   Millis from, Millis end) {
  std::vector<LogLine> out;
  for (const LogLine& line : lines) {
    const Millis last = std::min(end, line.until.value_or(end));
    Millis at = line.at;
    if (at <= from) {
      if (line.every == 0ms) continue;
      at += line.every * ((from - at) / line.every + 1);
    }
    for (; at <= last; at += line.every) {
      out.push_back(line);
      out.back().at = at;
      if (line.every == 0ms) break;
    }
  }
  std::ranges::stable_sort(out, {}, &LogLine::at);
  return out;
}

std::optional<Millis> next_line(const std::vector<LogLine>& lines,
                                Millis from) {
  std::optional<Millis> next;
  for (const LogLine& line : lines) {
    Millis at = line.at;
    if (at <= from && line.every > 0ms) {
      at += line.every * ((from - at) / line.every + 1);
    }
    if (at <= from || (line.until && at > *line.until)) continue;
    if (!next || at < *next) next = at;
  }
  return next;
}

std::vector<LogLine> xid_lines(int xid, const sim_gpu& gpu,
                               const std::string& text) {
  const std::string message = text.empty() ? usual_text(xid, gpu) : text;
  std::vector<LogLine> out;
  add(out, 0ms, 3,
      fmt::format("NVRM: Xid (PCI:{}): {}, {}", xid_address(gpu), xid,
                  message));
  if (xid == 79) {
    add(out, 0ms, 3,
        fmt::format("NVRM: GPU {}: GPU has fallen off the bus.",
                    sysfs_address(gpu)));
  }
  return out;
}

Result<void> append_kernel_lines(const std::string& node,
                                 const std::vector<LogLine>& lines) {
  const Tree root(node + "/root");
  uint64_t sequence = TRY(next_sequence(root.outside(kPath)));
  std::string text;
  for (const LogLine& line : lines) {
    text += kernel_record(line.priority, sequence++, line.at, line.text);
  }
  return root.append(kPath, text);
}

}  // namespace gpuward::simulator
