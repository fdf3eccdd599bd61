#include "containers/names.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "base/json.h"
#include "base/text.h"
#include "containers/kubernetes.h"

namespace gpuward::containers {
namespace {

constexpr size_t kMaxName = 300;
constexpr size_t kMaxFile = 16 << 20;

std::string label_of(const Container& container) {
  if (!container.pod.empty()) {
    return fmt::format("{}/{}/{}", container.pod_namespace, container.pod,
                       container.name);
  }
  return container.name.empty() ? short_id(container.id) : container.name;
}

}  // namespace

void name_by_spec(const OciSpec& spec, Container& container) {
  const PodContainer pod = pod_container_of(spec);
  if (!pod.runtime.empty()) {
    container.runtime = pod.runtime;
    container.pod = printable(pod.pod, kMaxName);
    container.pod_namespace = printable(pod.pod_namespace, kMaxName);
    container.name = printable(pod.container, kMaxName);
    container.image = printable(pod.image, kMaxName);
    return;
  }
  if (const std::string* name = spec.annotation("nerdctl/name")) {
    container.runtime = "containerd";
    container.name = printable(*name, kMaxName);
  }
  const std::string* manager = spec.annotation("io.container.manager");
  if (manager != nullptr && *manager == "libpod") container.runtime = "podman";
}

PodmanNames::Names PodmanNames::read(const std::string& folder) const {
  Names out;
  for (const std::string_view file :
       {"/containers.json", "/volatile-containers.json"}) {
    const auto text = root_.read(folder + std::string(file), kMaxFile);
    if (!text) continue;
    const auto json = Json::parse(*text);
    if (!json) continue;
    for (const Json& entry : json->as_array()) {
      const auto metadata = Json::parse(entry["metadata"].as_string());
      Named named;
      if (!entry["names"].as_array().empty()) {
        named.name = entry["names"].as_array()[0].as_string();
      }
      if (metadata) named.image = (*metadata)["image-name"].as_string();
      out.emplace(entry["id"].as_string(), std::move(named));
    }
  }
  return out;
}

void PodmanNames::name(const std::string& spec_file, Container& container) {
  const size_t end = spec_file.find("/" + container.id + "/userdata/");
  if (end == std::string::npos) return;
  const std::string folder = spec_file.substr(0, end);
  auto found = by_folder_.find(folder);
  if (found == by_folder_.end()) {
    found = by_folder_.emplace(folder, read(folder)).first;
  }
  const auto named = found->second.find(container.id);
  if (named == found->second.end()) return;
  container.name = printable(named->second.name, kMaxName);
  container.image = printable(named->second.image, kMaxName);
}

std::string short_id(const std::string& id) {
  constexpr size_t kLong = 64;
  constexpr size_t kShort = 12;
  return id.size() == kLong ? id.substr(0, kShort) : printable(id, kMaxName);
}

void label_all(std::vector<Container>& containers) {
  std::map<std::string, int> uses;
  for (Container& container : containers) {
    container.label = label_of(container);
    ++uses[container.label];
  }
  std::set<std::string> taken;
  for (Container& container : containers) {
    if (uses[container.label] > 1) {
      container.label += " " + short_id(container.id);
    }
    // The same id under two runtimes, or in two namespaces of containerd.
    std::string label = container.label;
    for (int number = 2; !taken.insert(label).second; ++number) {
      label = fmt::format("{} ({})", container.label, number);
    }
    container.label = std::move(label);
  }
  std::ranges::sort(containers, {}, &Container::label);
}

}  // namespace gpuward::containers
