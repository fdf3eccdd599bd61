#include "containers/cdi.h"

#include <fmt/core.h>

#include "base/json.h"
#include "base/yaml.h"
#include "containers/device_rules.h"

namespace gpuward::containers {
namespace {

constexpr std::string_view kSource = "containers";
constexpr size_t kMaxFile = 4 << 20;
constexpr size_t kMostDevices = 4096;

// One tree for both ways of writing it. YAML's scalars are all texts here.
Json from_yaml(const Yaml& yaml) {
  Json out;
  if (yaml.kind == Yaml::Kind::scalar) return yaml.scalar;
  if (yaml.kind == Yaml::Kind::list) {
    out = Json::array();
    for (const Yaml& item : yaml.items) out.push(from_yaml(item));
  }
  if (yaml.kind == Yaml::Kind::map) {
    out = Json::object();
    for (const YamlMember& member : yaml.members) {
      out.set(member.key, from_yaml(member.value));
    }
  }
  return out;
}

std::vector<CdiNode> nodes_of(const Json& edits) {
  std::vector<CdiNode> out;
  for (const Json& entry : edits["deviceNodes"].as_array()) {
    CdiNode node;
    node.path = entry["path"].as_string();
    node.host_path = entry["hostPath"].as_string(node.path);
    node.access = tidy_access(entry["permissions"].as_string("rw"));
    if (!node.path.empty() && out.size() < kMostDevices) {
      out.push_back(std::move(node));
    }
  }
  return out;
}

Result<Json> parse(const std::string& text, const std::string& path) {
  if (path.ends_with(".json")) {
    auto json = Json::parse(text);
    if (!json) return fail(Error::Kind::malformed, path + ": no JSON");
    return json;
  }
  return from_yaml(TRY(parse_yaml(text, path)));
}

}  // namespace

Cdi Cdi::read(const host::Root& root, std::vector<Gap>& gaps) {
  Cdi out;
  for (const std::string_view folder : {"/etc/cdi", "/run/cdi"}) {
    const auto names = root.list(folder);
    if (!names) continue;
    for (const std::string& name : *names) {
      const bool is_cdi = name.ends_with(".json") || name.ends_with(".yaml");
      if (!is_cdi) continue;
      const std::string path = fmt::format("{}/{}", folder, name);
      const auto text = root.read(path, kMaxFile);
      const auto json = text ? parse(*text, path)
                             : Result<Json>(std::unexpected(text.error()));
      if (!json) {
        gaps.push_back({std::string(kSource), json.error().text});
        continue;
      }
      const std::string_view kind = (*json)["kind"].as_string();
      if (!kind.starts_with("nvidia.com/")) continue;
      const auto common = nodes_of((*json)["containerEdits"]);
      for (const Json& device : (*json)["devices"].as_array()) {
        CdiDevice made{nodes_of(device["containerEdits"]), path};
        made.nodes.insert(made.nodes.end(), common.begin(), common.end());
        if (out.devices_.size() == kMostDevices) break;
        out.devices_.insert_or_assign(
            fmt::format("{}={}", kind, device["name"].as_string()),
            std::move(made));
      }
    }
  }
  return out;
}

const CdiDevice* Cdi::find(std::string_view name) const {
  const auto found = devices_.find(name);
  return found == devices_.end() ? nullptr : &found->second;
}

bool is_nvidia_cdi_name(std::string_view name) {
  return name.starts_with("nvidia.com/") &&
         name.find('=') != std::string_view::npos;
}

}  // namespace gpuward::containers
