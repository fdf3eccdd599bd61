#include "evidence/dev_char_links.h"

#include <fmt/core.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <set>

#include "host/walk.h"
#include "model/facts.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "dev-char-links";
constexpr size_t kMostLinks = 65536;  // looked through for stale ones
constexpr size_t kMostNamed = 8;

// Where a link at `path` leads, one step; not made normal, since ".." behind a
// linked folder is another one.
std::string step(const std::string& path, const std::string& target) {
  if (target.starts_with('/')) return target;
  return path.substr(0, path.rfind('/') + 1) + target;
}

struct End {
  std::string path;
  std::optional<struct stat> status;  // nothing: it leads nowhere
};

// Root::lstat resolves folders; the last part is followed here, since a device
// node cannot be asked for with its links followed.
End follow(const host::Root& root, std::string path) {
  constexpr int kMostSteps = 8;
  for (int count = 0; count < kMostSteps; ++count) {
    const auto status = root.lstat(path);
    if (!status) return {std::move(path), std::nullopt};
    if (!S_ISLNK(status->st_mode)) return {std::move(path), *status};
    const auto target = root.read_link(path);
    if (!target) break;
    path = step(path, *target);
  }
  return {std::move(path), std::nullopt};
}

bool is_device(const struct stat& status, const DeviceNumbers& numbers) {
  return S_ISCHR(status.st_mode) &&
         major(status.st_rdev) == numbers.major_number &&
         minor(status.st_rdev) == numbers.minor_number;
}

// "nvidia-caps/nvidia-cap1" of "/run/nvidia/driver/dev/nvidia-caps/…"; empty
// where no NVIDIA node has such a name.
std::string_view below_dev(std::string_view path) {
  constexpr std::string_view kDev = "/dev/";
  const size_t at = path.rfind(kDev);
  if (at == std::string_view::npos) return {};
  const std::string_view name = path.substr(at + kDev.size());
  return is_nvidia_name(name) ? name : std::string_view{};
}

// Why the link is stale; empty where it is not, or where nobody can tell.
std::string why_stale(const host::Root& root, const std::string& path,
                      const DeviceNumbers& numbers, const Majors& majors) {
  const End end = follow(root, path);
  const std::string target = host::normal_path(end.path);
  const std::string_view name = below_dev(target);
  if (name.empty()) return {};
  if (end.status) {
    if (!S_ISCHR(end.status->st_mode) || is_device(*end.status, numbers)) {
      return {};
    }
    return fmt::format("{} has {}:{} now", target, major(end.status->st_rdev),
                       minor(end.status->st_rdev));
  }
  const auto right = numbers_by_name(name, majors);
  if (!right || *right == numbers) return {};
  return fmt::format("{} is to have {}", target, in_words(*right));
}

void add_stale(DevCharLinks& out, const host::Root& root,
               const std::string& folder) {
  const auto names = root.list(folder);
  if (!names) {
    if (names.error().kind != Error::Kind::not_found) {
      out.gaps.push_back(gap_of(kSource, names.error()));
    }
    return;
  }
  std::set<std::string> known;
  for (const DeviceLink& link : out.links) known.insert(link.path);
  Majors majors;
  if (const auto text = root.read("/proc/devices")) {
    majors = character_majors(*text);
  }
  for (size_t i = 0; i < std::min(names->size(), kMostLinks); ++i) {
    const std::string path = folder + "/" + (*names)[i];
    const auto numbers = device_numbers((*names)[i]);
    if (!numbers || known.contains(path)) continue;
    const auto target = root.read_link(path);
    // Cheap first: nearly all of them are other drivers'.
    if (!target || target->find("nvidia") == std::string::npos) continue;
    std::string why = why_stale(root, path, *numbers, majors);
    if (!why.empty()) out.stale.push_back({path, *target, std::move(why)});
  }
}

// "/dev/nvidia0, /dev/nvidiactl and 3 more"
std::string names_of(const std::vector<std::string>& nodes) {
  std::string text;
  for (size_t i = 0; i < std::min(nodes.size(), kMostNamed); ++i) {
    text += (i == 0 ? "" : ", ") + nodes[i];
  }
  if (nodes.size() > kMostNamed) {
    text += fmt::format(" and {} more", nodes.size() - kMostNamed);
  }
  return text;
}

void say(std::string& text, std::string_view what,
         const std::vector<std::string>& nodes) {
  if (nodes.empty()) return;
  if (!text.empty()) text += "; ";
  text += fmt::format("{} {}", what, names_of(nodes));
}

Evidence fact_of(const DevCharLinks& found) {
  std::vector<std::string> missing;
  std::vector<std::string> wrong;
  std::vector<std::string> stale;
  for (const DeviceLink& link : found.links) {
    if (link.state == DeviceLink::State::missing) {
      missing.push_back(link.node.path);
    } else if (link.state != DeviceLink::State::present) {
      wrong.push_back(link.node.path);
    }
  }
  for (const StaleLink& link : found.stale) {
    stale.push_back(link.path + " (" + link.why + ")");
  }
  const bool any_wrong = !wrong.empty() || !stale.empty();
  std::string text;
  say(text, "no link in /dev/char for", missing);
  say(text, "a wrong link in /dev/char for", wrong);
  say(text, "an old link:", stale);
  if (text.empty()) {
    text = fmt::format("/dev/char has links for all {} NVIDIA nodes",
                       found.links.size());
  }
  return node_fact(kSource, fact::kDevCharLinks,
                   any_wrong         ? "wrong"
                   : missing.empty() ? "present"
                                     : "missing",
                   std::move(text), std::string(kDevChar));
}

}  // namespace

DeviceLink::State state_of_link(const host::Root& root, const std::string& path,
                                const NvidiaNode& node) {
  using State = DeviceLink::State;
  const auto status = root.lstat(path);
  if (!status) {
    return status.error().kind == Error::Kind::not_found ? State::missing
                                                         : State::blocked;
  }
  if (is_device(*status, node.numbers)) return State::present;
  if (!S_ISLNK(status->st_mode)) return State::blocked;
  const End end = follow(root, path);
  if (end.status && is_device(*end.status, node.numbers)) return State::present;
  const bool by_name = !node.exists || node.stand_in;
  const bool is_right = by_name && host::normal_path(end.path) == node.path;
  return is_right ? State::present : State::wrong;
}

DevCharLinks find_dev_char_links(const host::Root& root,
                                 const LinkPlaces& places) {
  auto found = find_nvidia_nodes(root, places.driver_root, places.which);
  DevCharLinks out;
  out.problems = std::move(found.problems);
  out.gaps = std::move(found.gaps);
  for (NvidiaNode& node : found.nodes) {
    DeviceLink link{.path = places.folder + "/" + in_words(node.numbers),
                    .node = std::move(node)};
    link.state = state_of_link(root, link.path, link.node);
    if (const auto target = root.read_link(link.path)) {
      link.points_at = *target;
    }
    out.links.push_back(std::move(link));
  }
  add_stale(out, root, places.folder);
  return out;
}

Collected collect_dev_char_links(const host::Host& host) {
  Collected out;
  const DevCharLinks found =
      find_dev_char_links(host.evidence, {.driver_root = host.driver_root});
  out.gaps = found.gaps;
  if (!found.links.empty() || !found.stale.empty()) {
    out.evidence.push_back(fact_of(found));
  }
  return out;
}

}  // namespace gpuward::evidence
