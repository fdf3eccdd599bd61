#include "evidence/driver.h"

#include <fcntl.h>
#include <fmt/core.h>

#include "base/text.h"
#include "evidence/module_file.h"
#include "model/facts.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "driver";
constexpr size_t kMaxModulesDep = 8 << 20;

// Whether nvidia is loaded: /proc/modules is the kernel's own list; a kernel
// built without it, and some trees, still have /sys/module.
Result<bool> is_loaded(const host::Root& root,
                       const Result<std::string>& proc_modules) {
  if (root.exists("/sys/module/nvidia")) return true;
  if (proc_modules) return find_nvidia_module(*proc_modules).has_value();
  if (proc_modules.error().kind == Error::Kind::not_found &&
      root.exists("/sys/module")) {
    return false;
  }
  return std::unexpected(proc_modules.error());
}

void add_loaded(Collected& out, const host::Root& root) {
  const auto modules = root.read("/proc/modules");
  const auto loaded = is_loaded(root, modules);
  if (!loaded) {
    out.gaps.push_back(gap_of(kSource, loaded.error()));
    return;
  }
  out.evidence.push_back(node_fact(
      kSource, fact::kModuleLoaded, *loaded,
      *loaded ? "module nvidia is loaded" : "module nvidia is not loaded"));
  if (!*loaded) return;
  std::string flavour;
  if (const auto found = find_nvidia_module(modules.value_or(""))) {
    flavour = found->flavour;
  }
  const auto version = loaded_driver_version(root);
  if (version) {
    const std::string shown = printable(*version, 100);
    out.evidence.push_back(
        node_fact(kSource, fact::kDriver, shown,
                  fmt::format("driver {}{}", shown,
                              flavour.empty() ? "" : " (" + flavour + ")"),
                  "/sys/module/nvidia/version"));
  } else {
    out.gaps.push_back(gap_of(kSource, version.error()));
  }
  if (!flavour.empty()) {
    out.evidence.push_back(node_fact(kSource, fact::kModule, flavour,
                                     flavour + " kernel module",
                                     "/proc/modules"));
  }
}

std::string version_on_disk(const host::Root& root, const std::string& path) {
  // A compressed module keeps its version to itself.
  if (!path.ends_with(".ko")) return "present";
  const auto file = root.open_file(path, O_RDONLY);
  if (!file) return "present";
  return module_version(file->get()).value_or("present");
}

void add_on_disk(Collected& out, const host::Root& root) {
  const auto kernel = root.read_word("/proc/sys/kernel/osrelease");
  if (!kernel) return;  // the boot source has said so
  const std::string folder = "/lib/modules/" + *kernel;
  const auto list = root.read(folder + "/modules.dep", kMaxModulesDep);
  // In a container the host's modules are not seen: neither there nor absent.
  if (!list) return;
  const std::string path = find_in_modules_dep(*list);
  const std::string state =
      path.empty() ? "absent" : version_on_disk(root, folder + "/" + path);
  out.evidence.push_back(
      node_fact(kSource, fact::kModuleOnDisk, state,
                fmt::format("module for kernel {} on disk: {}", *kernel, state),
                path.empty() ? "" : folder + "/" + path));
}

}  // namespace

std::optional<LoadedModule> find_nvidia_module(std::string_view proc_modules) {
  for (const std::string_view line : split(proc_modules, '\n')) {
    if (!line.starts_with("nvidia ")) continue;
    // "nvidia 62435328 80 nvidia_uvm, Live 0x0000000000000000 (POE)": P is the
    // taint of a licence that is not GPL compatible.
    const size_t flags = line.rfind('(');
    if (flags == std::string_view::npos) return LoadedModule{};
    const bool closed = line.find('P', flags) != std::string_view::npos;
    return LoadedModule{closed ? "proprietary" : "open"};
  }
  return std::nullopt;
}

std::string find_in_modules_dep(std::string_view modules_dep) {
  const size_t name = modules_dep.find("/nvidia.ko");
  if (name == std::string_view::npos) return {};
  const size_t newline = modules_dep.rfind('\n', name);
  const size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
  const std::string_view line =
      modules_dep.substr(begin, modules_dep.find('\n', begin) - begin);
  const size_t colon = line.find(':');
  // Met as a dependency of another module: the same path, later in the line.
  if (name - begin < colon) return std::string(line.substr(0, colon));
  for (const std::string_view word : words(line)) {
    if (word.find("/nvidia.ko") != std::string_view::npos) {
      return std::string(word);
    }
  }
  return {};
}

Collected collect_driver(const host::Host& host) {
  Collected out;
  add_loaded(out, host.evidence);
  add_on_disk(out, host.evidence);
  return out;
}

Result<std::string> loaded_driver_version(const host::Root& root) {
  return root.read_word("/sys/module/nvidia/version");
}

}  // namespace gpuward::evidence
