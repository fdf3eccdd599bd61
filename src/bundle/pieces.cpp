#include "bundle/pieces.h"

#include <algorithm>

#include "base/text.h"
#include "evidence/log_file.h"

namespace gpuward::bundle {
namespace {

constexpr Collector kCollectors[] = {
    {"tasks", "tasks that wait in the kernel, with their stacks; all tasks", 5s,
     false, collect_tasks_of},
    {"kernel", "what the kernel says of itself, its modules and their settings",
     5s, false, collect_kernel_files},
    {"pci", "devices on the PCI bus, as the kernel knows them", 5s, false,
     collect_pci_devices},
    {"device-nodes", "the driver's device nodes and their links", 5s, false,
     collect_device_nodes},
    {"device-cgroups",
     "what each container's cgroup lets it open, and who says "
     "so",
     5s, false, collect_device_cgroups},
    {"logs", "the kernel's log and the kubelet's, NVRM lines by themselves", 5s,
     false, collect_logs},
    {"driver-files", "the driver's own files below /proc", 10s, false,
     collect_driver_files},
    {"firmware", "VBIOS and firmware, of each GPU and on disk", 5s, true,
     collect_firmware},
    {"configuration",
     "settings of the driver, the container runtimes and the "
     "kubelet",
     5s, true, collect_configuration},
    {"units", "units of the services concerned, with their drop-ins", 5s, true,
     collect_units},
    {"boots",
     "when the machine was booted, and what the kernel said before the "
     "last time",
     6s, true, collect_boots},
    {"service-logs", "the runtimes' and NVIDIA's services in the journal", 8s,
     true, collect_service_logs},
    {"packages", "installed packages of the driver and the runtimes", 5s, true,
     collect_packages},
    {"ledger", "what gpuward itself did to this machine", 5s, false,
     collect_ledger},
    {"tools", "what the container runtimes and the system say when asked", 20s,
     false, collect_tools},
    {"vendor-report", "NVIDIA's own nvidia-bug-report.sh", 180s, false,
     collect_vendor_report, true},
};

}  // namespace

std::span<const Collector> collectors() { return kCollectors; }

std::string in_words(const Error& error) {
  if (error.kind == Error::Kind::denied) return "not readable: run as root";
  return error.text;
}

std::vector<std::string> expand(const host::Root& root,
                                std::string_view pattern) {
  constexpr size_t kMost = 2000;
  std::vector<std::string> found = {""};
  for (const std::string_view part : split(pattern.substr(1), '/')) {
    std::vector<std::string> next;
    for (const std::string& folder : found) {
      if (part.find('*') == std::string_view::npos) {
        next.push_back(folder + "/" + std::string(part));
        continue;
      }
      const auto names = root.list(folder.empty() ? "/" : folder);
      if (!names) continue;
      for (const std::string& name : *names) {
        if (matches_glob(part, name)) next.push_back(folder + "/" + name);
      }
    }
    if (next.size() > kMost) next.resize(kMost);
    found = std::move(next);
  }
  return found;
}

namespace {

// The end of a log, or the beginning of any other file; one byte more than is
// wanted tells that there is more.
Result<std::string> read_part(const host::Root& root, const std::string& path,
                              const FileSet& set) {
  if (!set.tail) return root.read(path, set.most + 1);
  std::string text;
  for (const evidence::FileLine& line :
       TRY(evidence::read_tail(root, path, set.most))) {
    text += line.text + "\n";
  }
  return text;
}

void collect_file(const host::Root& root, const std::string& path,
                  const FileSet& set, Pieces& out) {
  const std::string name = "files" + path;
  auto text = read_part(root, path, set);
  if (!text) {
    const auto kind = text.error().kind;
    // A folder, or what is not there, is not missed.
    const bool is_missed =
        kind != Error::Kind::not_found && kind != Error::Kind::unsupported;
    if (is_missed) out.missing.push_back({name, in_words(text.error())});
    return;
  }
  bool cut = text->size() > set.most;
  if (cut) text->resize(set.most);
  const auto entry = root.lstat(path);
  const bool is_longer = entry && S_ISREG(entry->st_mode) &&
                         entry->st_size > static_cast<int64_t>(set.most);
  cut = cut || (set.tail && is_longer);
  if (!text->empty()) out.pieces.push_back({name, std::move(*text), cut});
}

// On most machines /lib is a link: its files are those of /usr/lib.
bool is_the_same_again(const host::Root& root, std::string_view pattern) {
  if (!pattern.starts_with("/lib/")) return false;
  const auto entry = root.lstat("/lib");
  return entry && S_ISLNK(entry->st_mode);
}

}  // namespace

void collect_files(const host::Root& root, std::span<const FileSet> sets,
                   Pieces& out) {
  constexpr size_t kMostFiles = 1000;
  for (const FileSet& set : sets) {
    if (is_the_same_again(root, set.pattern)) continue;
    for (const std::string& path : expand(root, set.pattern)) {
      if (out.pieces.size() >= kMostFiles) return;
      const bool known = std::ranges::any_of(
          out.pieces,
          [&](const Piece& piece) { return piece.name == "files" + path; });
      if (!known) collect_file(root, path, set, out);
    }
  }
}

}  // namespace gpuward::bundle
