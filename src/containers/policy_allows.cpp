#include <fnmatch.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/text.h"
#include "containers/policy.h"

namespace gpuward::containers {
namespace {

// What systemd adds by itself to `closed`, and to `auto` with a list
// (bpf_devices_allow_list_static): null, zero, full, random, urandom, tty,
// ptmx, and all of pts.
constexpr std::array<std::pair<unsigned, unsigned>, 7> kStaticNodes = {
    {{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 2}}};
constexpr unsigned kPtsMajorFirst = 136;
constexpr unsigned kPtsMajorLast = 143;
// From here on systemd takes the numbers out of "/dev/char/195:0" itself.
constexpr int kSystemdReadsNumbers = 240;
constexpr int kMaxLinks = 8;

struct Entry {
  std::string_view what;
  std::string_view access;
};

Entry entry_of(std::string_view text) {
  const size_t space = text.rfind(' ');
  if (space == std::string_view::npos) return {text, "rwm"};
  return {text.substr(0, space), text.substr(space + 1)};
}

// What an entry stands for.
struct Target {
  bool any_major = false;
  std::vector<unsigned> majors;
  std::optional<std::pair<unsigned, unsigned>> node;

  bool has(unsigned major_number, unsigned minor_number) const {
    return any_major ||
           std::ranges::find(majors, major_number) != majors.end() ||
           node == std::pair(major_number, minor_number);
  }
  bool nothing() const { return !any_major && majors.empty() && !node; }
};

// "195:0"
std::optional<std::pair<unsigned, unsigned>> numbers_of(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto first = to_number<unsigned>(text.substr(0, colon));
  const auto second = to_number<unsigned>(text.substr(colon + 1));
  if (!first || !second) return std::nullopt;
  return std::pair(*first, *second);
}

// "/dev/char/195:0" and its link "../nvidia0" → "/dev/char/../nvidia0"
std::string beside(const std::string& path, const std::string& target) {
  if (target.starts_with('/')) return target;
  return path.substr(0, path.rfind('/') + 1) + target;
}

// Where the node is a link, the node behind it, without opening any.
std::optional<std::pair<unsigned, unsigned>> node_at(const host::Root& root,
                                                     std::string path) {
  for (int links = 0; links < kMaxLinks; ++links) {
    const auto status = root.lstat(path);
    if (!status) return std::nullopt;
    if (S_ISCHR(status->st_mode)) {
      return std::pair(major(status->st_rdev), minor(status->st_rdev));
    }
    if (!S_ISLNK(status->st_mode)) return std::nullopt;
    const auto target = root.read_link(path);
    if (!target) return std::nullopt;
    path = beside(path, *target);
  }
  return std::nullopt;
}

std::vector<unsigned> majors_named(const std::string& pattern,
                                   std::string_view proc_devices) {
  std::vector<unsigned> majors;
  bool characters = false;
  for (const std::string_view line : split(proc_devices, '\n')) {
    if (line.ends_with(':')) characters = line.starts_with("Character");
    const auto parts = words(line);
    if (!characters || parts.size() != 2) continue;
    const auto number = to_number<unsigned>(parts[0]);
    const std::string name(parts[1]);
    if (number && ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0) {
      majors.push_back(*number);
    }
  }
  return majors;
}

Target majors_of(std::string_view what, std::string_view proc_devices) {
  Target target;
  if (what == "*") {
    target.any_major = true;
  } else if (const auto number = to_number<unsigned>(what)) {
    target.majors = {*number};
  } else {
    target.majors = majors_named(std::string(what), proc_devices);
  }
  return target;
}

Target target_of(std::string_view what, const host::Root& root,
                 std::string_view proc_devices, int systemd) {
  constexpr std::string_view kMajor = "char-";
  constexpr std::string_view kByNumber = "/dev/char/";
  if (what.starts_with(kMajor)) {
    return majors_of(what.substr(kMajor.size()), proc_devices);
  }
  Target target;
  const bool reads_numbers = systemd == 0 || systemd >= kSystemdReadsNumbers;
  if (what.starts_with(kByNumber) && reads_numbers) {
    target.node = numbers_of(what.substr(kByNumber.size()));
  }
  if (!target.node && what.starts_with("/dev/")) {
    target.node = node_at(root, std::string(what));
  }
  return target;
}

// "rw" of "rwm": making nodes is not what a container needs.
bool gives(std::string_view access, std::string_view granted) {
  return std::ranges::all_of(granted, [&](char c) {
    return (c != 'r' && c != 'w') || access.find(c) != std::string_view::npos;
  });
}

bool is_static(const Grant& grant) {
  const std::pair node(grant.major_number, grant.minor_number);
  return std::ranges::find(kStaticNodes, node) != kStaticNodes.end() ||
         (grant.major_number >= kPtsMajorFirst &&
          grant.major_number <= kPtsMajorLast);
}

}  // namespace

bool allows(const ScopePolicy& policy, const Grant& grant,
            const host::Root& root, std::string_view proc_devices,
            int systemd) {
  if (policy.policy == "auto" && policy.allow.empty()) return true;
  if (policy.policy != "strict" && is_static(grant)) return true;
  return std::ranges::any_of(policy.allow, [&](const std::string& text) {
    const Entry entry = entry_of(text);
    return gives(entry.access, grant.access) &&
           target_of(entry.what, root, proc_devices, systemd)
               .has(grant.major_number, grant.minor_number);
  });
}

std::vector<std::string> entries_of_no_effect(const ScopePolicy& policy,
                                              const host::Root& root,
                                              std::string_view proc_devices,
                                              int systemd) {
  std::vector<std::string> entries;
  for (const std::string& text : policy.allow) {
    const std::string_view what = entry_of(text).what;
    if (what.starts_with("block-") || what.starts_with("/dev/block/") ||
        what.starts_with("/run/systemd/inaccessible/")) {
      continue;  // no node of a GPU is one
    }
    if (target_of(what, root, proc_devices, systemd).nothing()) {
      entries.push_back(text);
    }
  }
  return entries;
}

}  // namespace gpuward::containers
