#include "evidence/gpu_operator.h"

#include <fmt/core.h>

#include <optional>

#include "base/json.h"
#include "base/text.h"
#include "model/facts.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "gpu-operator";
constexpr size_t kMaxBundles = 500;
constexpr size_t kMaxSpec = 256 << 10;
constexpr Millis kMaxTime = 200ms;
constexpr std::string_view kVariable = "DISABLE_DEV_CHAR_SYMLINK_CREATION=";

// containerd's and CRI-O's folders of bundles.
struct Bundles {
  std::string_view folder;
  std::string_view spec;
  std::string_view image;  // the annotation
};
constexpr Bundles kBundles[] = {
    {"/run/containerd/io.containerd.runtime.v2.task/k8s.io", "config.json",
     "io.kubernetes.cri.image-name"},
    {"/run/containers/storage/overlay-containers", "userdata/config.json",
     "io.kubernetes.cri-o.ImageName"}};

// "nvcr.io/nvidia/cloud-native/gpu-operator-validator:v23.9.1" → "23.9.1"
std::string operator_version(std::string_view image) {
  const std::string_view name = image.substr(image.rfind('/') + 1);
  const size_t colon = name.find(':');
  if (colon == std::string_view::npos) return {};
  const std::string_view base = name.substr(0, colon);
  if (base != "gpu-operator" && base != "gpu-operator-validator") return {};
  std::string_view tag = name.substr(colon + 1);
  tag = tag.substr(0, tag.find('@'));
  if (tag.starts_with('v')) tag.remove_prefix(1);
  return printable(tag, 60);
}

struct Seen {
  std::string version;
  std::optional<bool> disabled;
  std::string version_file, disabled_file;
};

void look_at(Seen& seen, const std::string& path, std::string_view text,
             std::string_view annotation) {
  const bool speaks = text.find("gpu-operator") != std::string_view::npos ||
                      text.find(kVariable) != std::string_view::npos;
  if (!speaks) return;
  const auto spec = Json::parse(text);
  if (!spec) return;
  const std::string_view image = (*spec)["annotations"][annotation].as_string();
  // Any container may have the variable; only NVIDIA's own heed it.
  const std::string version = operator_version(image);
  if (version.empty()) return;
  seen.version = version;
  seen.version_file = path;
  for (const Json& item : (*spec)["process"]["env"].as_array()) {
    const std::string_view entry = item.as_string();
    if (!entry.starts_with(kVariable)) continue;
    seen.disabled = equal_ignoring_case(entry.substr(kVariable.size()), "true");
    seen.disabled_file = path;
  }
}

}  // namespace

Collected collect_gpu_operator(const host::Host& host) {
  Collected out;
  Seen seen;
  const Boot until = BootClock::now() + kMaxTime;
  for (const Bundles& bundles : kBundles) {
    const auto names = host.evidence.list(bundles.folder);
    if (!names) continue;
    size_t count = 0;
    for (const std::string& name : *names) {
      if (++count > kMaxBundles || BootClock::now() > until) break;
      const std::string path =
          fmt::format("{}/{}/{}", bundles.folder, name, bundles.spec);
      const auto text = host.evidence.read(path, kMaxSpec);
      if (text) look_at(seen, path, *text, bundles.image);
    }
  }
  if (!seen.version.empty()) {
    out.evidence.push_back(node_fact(kSource, fact::kGpuOperator, seen.version,
                                     "GPU Operator " + seen.version,
                                     seen.version_file));
  }
  if (seen.disabled) {
    out.evidence.push_back(
        node_fact(kSource, fact::kDevCharLinksDisabled, *seen.disabled,
                  fmt::format("GPU Operator: links in /dev/char {} "
                              "(DISABLE_DEV_CHAR_SYMLINK_CREATION)",
                              *seen.disabled ? "are switched off" : "are made"),
                  seen.disabled_file));
  }
  return out;
}

}  // namespace gpuward::evidence
