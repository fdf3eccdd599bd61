#include "evidence/library.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "model/facts.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "library";
constexpr std::string_view kName = "libnvidia-ml.so.1";
constexpr int kMaxLinks = 8;

// Roots of a driver: the machine itself, GPU Operator's driver container, GKE,
// Talos.
constexpr std::string_view kRoots[] = {"", "/run/nvidia/driver",
                                       "/home/kubernetes/bin/nvidia",
                                       "/usr/local/glibc"};
// 64-bit folders before /usr/lib, which holds 32-bit libraries on some.
constexpr std::string_view kFolders[] = {
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/lib64",
    "/usr/lib/x86_64-linux-gnu/nvidia/current",
    "/usr/lib/aarch64-linux-gnu/nvidia/current",
    "/usr/lib/nvidia-current",
    "/usr/local/nvidia/lib64",
    "/usr/local/nvidia/lib",
    "/usr/lib",
    "/lib",
    "/run/opengl-driver/lib"};

// Folders that an installer has added for the dynamic linker.
std::vector<std::string> configured_folders(const host::Root& root,
                                            const std::string& driver_root) {
  std::vector<std::string> folders;
  const std::string where = driver_root + "/etc/ld.so.conf.d";
  const auto names = root.list(where);
  if (!names) return folders;
  for (const std::string& name : *names) {
    const auto text = root.read(where + "/" + name, 64 << 10);
    if (!name.ends_with(".conf") || !text) continue;
    for (const std::string_view line : split(*text, '\n')) {
      if (trim(line).starts_with('/')) folders.emplace_back(trim(line));
    }
  }
  return folders;
}

// "libnvidia-ml.so.570.158.01" → "570.158.01"
std::string version_in(std::string_view file) {
  const size_t at = file.find(".so.");
  if (at == std::string_view::npos) return {};
  const std::string_view version = file.substr(at + 4);
  const bool is_version =
      version.find('.') != std::string_view::npos &&
      version.find_first_not_of("0123456789.") == std::string_view::npos;
  return is_version ? std::string(version) : std::string();
}

// The file behind the links of `path`. An absolute link inside a driver's root
// means that root, which is not ours: so links are followed here.
std::string real_file(const host::Root& root, const std::string& driver_root,
                      std::string path) {
  for (int links = 0; links < kMaxLinks; ++links) {
    const auto target = root.read_link(path);
    if (!target) break;
    path = target->starts_with('/')
               ? driver_root + *target
               : path.substr(0, path.rfind('/') + 1) + *target;
  }
  return path;
}

// The library in one folder; not_found, or why that cannot be told.
Result<Library> look(const host::Root& root, const std::string& driver_root,
                     std::string_view folder) {
  const std::string named =
      driver_root + std::string(folder) + "/" + std::string(kName);
  TRY(root.lstat(named));
  const std::string file = real_file(root, driver_root, named);
  TRY(root.lstat(file));  // a link that leads nowhere is no library
  // Loaded by its usual name where that works, else by its true one.
  const bool by_name = driver_root.empty();
  const std::string& inside = by_name ? named : file;
  return Library{root.outside(inside), inside,
                 version_in(file.substr(file.rfind('/') + 1))};
}

Result<Library> search(const host::Root& root, const std::string& driver_root) {
  std::optional<Error> doubt;
  std::vector<std::string> folders(std::begin(kFolders), std::end(kFolders));
  for (std::string& folder : configured_folders(root, driver_root)) {
    folders.push_back(std::move(folder));
  }
  for (const std::string& folder : folders) {
    auto found = look(root, driver_root, folder);
    if (found) return found;
    if (found.error().kind != Error::Kind::not_found) doubt = found.error();
  }
  if (doubt) return std::unexpected(*doubt);
  return fail(Error::Kind::not_found, std::string(kName) + " is not there");
}

}  // namespace

Result<Library> find_library(const host::Host& host,
                             std::string_view driver_root) {
  while (driver_root.ends_with('/')) driver_root.remove_suffix(1);
  if (!driver_root.empty()) {
    return search(host.evidence, std::string(driver_root));
  }
  std::optional<Error> doubt;
  for (const std::string_view root : kRoots) {
    auto found = search(host.evidence, std::string(root));
    if (found) return found;
    if (found.error().kind != Error::Kind::not_found) doubt = found.error();
  }
  if (doubt) return std::unexpected(*doubt);
  return fail(Error::Kind::not_found,
              std::string(kName) + " is nowhere where drivers put it");
}

Collected collect_library(const host::Host& host) {
  Collected out;
  const auto library = find_library(host, host.driver_root);
  if (library) {
    out.evidence.push_back(node_fact(kSource, fact::kLibraryState, "found",
                                     "found " + library->path, library->path));
    if (!library->version.empty()) {
      out.evidence.push_back(
          node_fact(kSource, fact::kLibrary, library->version,
                    "libnvidia-ml " + library->version, library->path));
    }
  } else if (library.error().kind == Error::Kind::not_found) {
    out.evidence.push_back(node_fact(kSource, fact::kLibraryState, "absent",
                                     library.error().text));
  } else {
    out.gaps.push_back(gap_of(kSource, library.error()));
  }
  return out;
}

}  // namespace gpuward::evidence
