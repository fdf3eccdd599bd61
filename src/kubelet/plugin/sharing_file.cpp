#include "kubelet/plugin/sharing_file.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"

namespace gpuward::kubelet::plugin {
namespace {

constexpr std::string_view kPrefix = "nvidia.com/";
constexpr size_t kLongestName = 63;
constexpr int kMostMpsClients = 48;

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_dns_label(std::string_view label) {
  return !label.empty() && is_alphanumeric(label.front()) &&
         is_alphanumeric(label.back()) &&
         std::ranges::all_of(
             label, [](char c) { return is_alphanumeric(c) || c == '-'; });
}

bool is_digits(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// "4cf8db2d-06c0-7d70-1a51-e59b25b2c16c"
bool is_uuid(std::string_view text) {
  constexpr size_t kDashes[] = {8, 13, 18, 23};
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = std::ranges::find(kDashes, i) != std::end(kDashes);
    const char c = text[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
                     (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

bool is_gpu_uuid(std::string_view text) {
  return text.starts_with("GPU-") && is_uuid(text.substr(4));
}

// An index, "index:index", a UUID of a GPU or of a MIG device in either form.
bool is_device_reference(std::string_view text) {
  const auto indices = split(text, ':');
  if (indices.size() <= 2 && std::ranges::all_of(indices, is_digits)) {
    return true;
  }
  if (is_gpu_uuid(text)) return true;
  if (!text.starts_with("MIG-")) return false;
  const std::string_view rest = text.substr(4);
  const auto parts = split(rest, '/');
  return is_uuid(rest) || (parts.size() == 3 && is_gpu_uuid(parts[0]) &&
                           is_digits(parts[1]) && is_digits(parts[2]));
}

class Reader {
 public:
  Reader(std::string where, Complaints& mistakes, Complaints& warnings)
      : where_(std::move(where)), mistakes_(mistakes), warnings_(warnings) {}

  // The block "timeSlicing" or "mps".
  void read(const Yaml& node, bool otherwise, Sharing& out);

 private:
  std::optional<bool> flag(const Yaml& node, std::string_view key);
  void add(const Yaml& node, bool rename_by_default, Sharing& out);
  std::string name(const Yaml& node, std::string_view key);
  int replicas(const Yaml& node);
  void look_at_devices(const Yaml* devices);
  void complain(int line, std::string_view text) {
    mistakes_.add(line, fmt::format("{}: {}", where_, text));
  }
  void warn(int line, std::string_view text) {
    warnings_.add(line, fmt::format("{}: {}", where_, text));
  }

  std::string where_;
  Complaints& mistakes_;
  Complaints& warnings_;
};

std::optional<bool> Reader::flag(const Yaml& node, std::string_view key) {
  const Yaml* found = node.find(key);
  if (found == nullptr || found->kind == Yaml::Kind::null) return std::nullopt;
  if (found->kind == Yaml::Kind::scalar && !found->quoted) {
    if (found->scalar == "true") return true;
    if (found->scalar == "false") return false;
  }
  complain(found->line, fmt::format("'{}' must be true or false", key));
  return std::nullopt;
}

std::string Reader::name(const Yaml& node, std::string_view key) {
  const Yaml* found = node.find(key);
  if (found == nullptr) return {};
  std::string out = found->kind == Yaml::Kind::scalar
                        ? resource_name(found->scalar)
                        : std::string();
  if (out.empty()) {
    complain(found->line,
             fmt::format("'{}' is no name of a resource: write nvidia.com/gpu, "
                         "in 63 characters at most",
                         key));
  }
  return out;
}

int Reader::replicas(const Yaml& node) {
  const Yaml* found = node.find("replicas");
  if (found == nullptr) {
    complain(node.line, "no replicas specified");
    return 0;
  }
  const auto number = found->kind == Yaml::Kind::scalar && !found->quoted
                          ? to_number<int>(found->scalar)
                          : std::nullopt;
  // Each is a device of the kubelet's, with an id of 63 characters at most.
  constexpr int kMost = 10'000;
  if (!number || *number < 2 || *number > kMost) {
    complain(found->line, "number of replicas must be >= 2");
    return 0;
  }
  return *number;
}

void Reader::look_at_devices(const Yaml* devices) {
  if (devices == nullptr) return;
  const auto scalar_is_right = [](const Yaml& node) {
    if (node.scalar == "all") return true;
    const auto count = to_number<int>(node.scalar);
    return count && *count > 0 && !node.quoted;
  };
  const auto item_is_right = [](const Yaml& item) {
    return item.kind == Yaml::Kind::scalar && is_device_reference(item.scalar);
  };
  const bool right =
      (devices->kind == Yaml::Kind::scalar && scalar_is_right(*devices)) ||
      (devices->kind == Yaml::Kind::list &&
       std::ranges::all_of(devices->items, item_is_right));
  if (!right) {
    complain(devices->line,
             "'devices' must be all, a number of devices, or a list of their "
             "indices and UUIDs");
  } else if (devices->scalar != "all") {
    warn(devices->line,
         "'devices' other than all is not supported by NVIDIA's device plugin "
         "either: all devices are shared");
  }
}

void Reader::add(const Yaml& node, bool rename_by_default, Sharing& out) {
  if (node.kind != Yaml::Kind::map) {
    return complain(node.line, "a resource must be a map of keys and values");
  }
  warn_of_unknown(node, where_ + ".resources",
                  {"name", "rename", "devices", "replicas"}, warnings_);
  SharedResource resource;
  if (node.find("name") == nullptr) {
    complain(node.line, "no resource name specified");
  }
  resource.name = name(node, "name");
  resource.replicas = replicas(node);
  look_at_devices(node.find("devices"));
  const std::string wanted = name(node, "rename");
  resource.rename = resource.name + (rename_by_default ? ".shared" : "");
  if (node.find("rename") != nullptr && wanted != resource.rename) {
    warn(node.find("rename")->line,
         "'rename' is not supported by NVIDIA's device plugin either: the name "
         "is " +
             resource.rename);
  }
  if (resource.rename.size() > kLongestName) {
    complain(node.line, resource.rename + " is longer than 63 characters");
  }
  const auto known =
      std::ranges::find(out.resources, resource.name, &SharedResource::name);
  if (known == out.resources.end()) {
    out.resources.push_back(std::move(resource));
    return;
  }
  warn(node.line, resource.name + " stands twice: the larger number counts");
  known->replicas = std::max(known->replicas, resource.replicas);
}

void Reader::read(const Yaml& node, bool otherwise, Sharing& out) {
  if (node.kind != Yaml::Kind::map) {
    return complain(node.line, "must be a map of keys and values");
  }
  warn_of_unknown(
      node, where_,
      {"renameByDefault", "failRequestsGreaterThanOne", "resources"},
      warnings_);
  const bool rename = flag(node, "renameByDefault").value_or(false);
  out.one_at_a_time =
      flag(node, "failRequestsGreaterThanOne").value_or(otherwise);
  const Yaml* resources = node.find("resources");
  if (resources == nullptr || resources->kind != Yaml::Kind::list ||
      resources->items.empty()) {
    return complain(resources == nullptr ? node.line : resources->line,
                    "no resources specified");
  }
  for (const Yaml& item : resources->items) add(item, rename, out);
}

void warn_of_many_clients(const Yaml& node, const Sharing& sharing,
                          Complaints& warnings) {
  for (const SharedResource& resource : sharing.resources) {
    if (resource.replicas <= kMostMpsClients) continue;
    warnings.add(node.line,
                 fmt::format("sharing.mps: NVIDIA's MPS daemon takes {} "
                             "replicas at most, not {}",
                             kMostMpsClients, resource.replicas));
  }
}

}  // namespace

std::string resource_name(std::string_view text) {
  std::string out(text);
  if (!out.starts_with(kPrefix)) out = std::string(kPrefix) + out;
  if (out.size() > kLongestName) return {};
  const auto labels = split(std::string_view(out).substr(kPrefix.size()), '.');
  return std::ranges::all_of(labels, is_dns_label) ? out : std::string();
}

void warn_of_unknown(const Yaml& map, std::string_view where,
                     const std::vector<std::string>& known,
                     Complaints& warnings) {
  for (const auto& [key, value] : map.members) {
    const auto is_key = [&key](const std::string& one) {
      return equal_ignoring_case(one, key);
    };
    if (std::ranges::any_of(known, is_key)) continue;
    std::string text =
        fmt::format("{} has no key '{}': passed over", where, key);
    if (const auto guess = nearest(key, known)) {
      text += fmt::format("; did you mean '{}'?", *guess);
    }
    warnings.add(value.line, text);
  }
}

Sharing read_sharing(const Yaml* node, Complaints& mistakes,
                     Complaints& warnings) {
  Sharing out;
  if (node == nullptr || node->kind == Yaml::Kind::null) return out;
  if (node->kind != Yaml::Kind::map) {
    mistakes.add(node->line, "sharing must be a map of keys and values");
    return out;
  }
  warn_of_unknown(*node, "sharing", {"timeSlicing", "mps"}, warnings);
  const auto block = [node](std::string_view key) -> const Yaml* {
    const Yaml* found = node->find(key);
    const bool none = found == nullptr || found->kind == Yaml::Kind::null;
    return none ? nullptr : found;
  };
  const Yaml* slicing = block("timeSlicing");
  const Yaml* mps = block("mps");
  if (slicing != nullptr) {
    out.kind = Sharing::Kind::time_slicing;
    Reader("sharing.timeSlicing", mistakes, warnings)
        .read(*slicing, false, out);
  }
  if (mps == nullptr) return out;
  if (slicing != nullptr) {
    warnings.add(slicing->line,
                 "sharing.timeSlicing is passed over: sharing.mps outranks it");
  }
  out = {};
  out.kind = Sharing::Kind::mps;
  // As in NVIDIA's: what MPS always did, unless it is told otherwise.
  Reader("sharing.mps", mistakes, warnings).read(*mps, true, out);
  warn_of_many_clients(*mps, out, warnings);
  return out;
}

}  // namespace gpuward::kubelet::plugin
