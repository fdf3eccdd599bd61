#include "evidence/registered_devices.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "base/json.h"
#include "base/text.h"
#include "model/facts.h"
#include "model/fields.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "registered-devices";
constexpr std::string_view kFile =
    "/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint";
constexpr size_t kMaxFile = 16 << 20;
constexpr size_t kMaxIds = 2000;
constexpr size_t kShown = 8;

std::string plain_id(std::string_view id) {
  return printable(id.substr(0, id.find("::")), 100);
}

std::string in_fact(const RegisteredDevices& devices) {
  std::string out;
  for (const auto& [resource, ids] : devices) {
    out += (out.empty() ? "" : ";") + resource + "=";
    for (size_t i = 0; i < ids.size(); ++i) out += (i > 0 ? "," : "") + ids[i];
  }
  return out;
}

RegisteredDevices from_fact(std::string_view text) {
  RegisteredDevices out;
  for (const std::string_view part : split(text, ';')) {
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos) continue;
    auto& ids = out[std::string(part.substr(0, equals))];
    for (const std::string_view id : split(part.substr(equals + 1), ',')) {
      if (!id.empty()) ids.emplace_back(id);
    }
  }
  return out;
}

std::string in_words(const RegisteredDevices& devices) {
  std::string out;
  for (const auto& [resource, ids] : devices) {
    out +=
        fmt::format("{}{} {}", out.empty() ? "" : ", ", ids.size(), resource);
  }
  return "the kubelet holds for healthy: " + (out.empty() ? "none" : out);
}

std::string list_of(const std::set<std::string>& ids) {
  std::string out;
  size_t count = 0;
  for (const std::string& id : ids) {
    if (count++ == kShown) break;
    out += (out.empty() ? "" : ", ") + id;
  }
  if (ids.size() > kShown)
    out += fmt::format(" and {} more", ids.size() - kShown);
  return out;
}

// What NVML lists: nothing where any of it is not known.
struct Listed {
  std::set<std::string> whole;  // GPUs whose MIG mode is off
  std::set<std::string> all;    // GPUs and MIG devices
};

std::string text_of(const Gpu& gpu, std::string_view field) {
  const Reading& one = reading(gpu, field);
  return one.state == Reading::State::value ? to_text(one.value) : "";
}

// Nothing where it is not known.
std::optional<bool> is_split(const Gpu& gpu) {
  const Reading& mode = reading(gpu, field::kMigMode);
  if (mode.state == Reading::State::unsupported) return false;
  const auto* on = std::get_if<bool>(&mode.value);
  if (mode.state != Reading::State::value || on == nullptr) return std::nullopt;
  return *on;
}

std::optional<Listed> listed_by(const Snapshot& snapshot) {
  const bool answers = snapshot.init.state == Reading::State::value &&
                       snapshot.gpu_count.state == Reading::State::value &&
                       to_text(snapshot.gpu_count.value) ==
                           std::to_string(snapshot.gpus.size()) &&
                       !snapshot.gpus.empty();
  if (!answers) return std::nullopt;
  Listed out;
  for (const Gpu& gpu : snapshot.gpus) {
    const std::string uuid = text_of(gpu, field::kUuid);
    if (uuid.empty()) return std::nullopt;
    out.all.insert(uuid);
    const auto split = is_split(gpu);
    if (!split) return std::nullopt;
    if (!*split) {
      out.whole.insert(uuid);
      continue;
    }
    if (gpu.mig.status.state != Reading::State::value) return std::nullopt;
    for (const MigDevice& device : gpu.mig.items) {
      // One that is not named could be any.
      if (device.uuid.empty()) return std::nullopt;
      out.all.insert(device.uuid);
    }
  }
  return out;
}

// With the strategy "single" the resource has MIG devices.
bool is_of_whole_gpus(const std::string& resource,
                      const std::vector<std::string>& ids) {
  const bool is_gpu =
      resource == "nvidia.com/gpu" || resource == "nvidia.com/gpu.shared";
  return is_gpu && std::ranges::none_of(ids, [](const std::string& id) {
           return id.starts_with("MIG-");
         });
}

}  // namespace

Result<RegisteredDevices> parse_registered(std::string_view checkpoint) {
  const auto json = Json::parse(checkpoint);
  if (!json || !(*json)["Data"]["RegisteredDevices"].is_object()) {
    return fail(Error::Kind::malformed, "not a checkpoint of the kubelet");
  }
  RegisteredDevices out;
  for (const auto& [resource, ids] :
       (*json)["Data"]["RegisteredDevices"].as_object()) {
    if (!resource.starts_with("nvidia.com/")) continue;
    std::set<std::string> each;
    for (const Json& id : ids.as_array()) {
      if (each.size() < kMaxIds) each.insert(plain_id(id.as_string()));
    }
    out[printable(resource, 100)].assign(each.begin(), each.end());
  }
  return out;
}

Collected collect_registered_devices(const host::Host& host) {
  Collected out;
  const auto text = host.evidence.read(kFile, kMaxFile);
  if (!text && text.error().kind == Error::Kind::not_found) return out;
  const auto devices =
      text ? parse_registered(*text)
           : Result<RegisteredDevices>(std::unexpected(text.error()));
  if (!devices) {
    out.gaps.push_back(gap_of(kSource, devices.error()));
    return out;
  }
  if (devices->empty()) return out;
  out.evidence.push_back(node_fact(kSource, fact::kRegisteredDevices,
                                   in_fact(*devices), in_words(*devices),
                                   std::string(kFile)));
  return out;
}

std::vector<Evidence> compare_registered(const std::vector<Evidence>& evidence,
                                         const Snapshot& snapshot) {
  const auto fact =
      std::ranges::find(evidence, fact::kRegisteredDevices, &Evidence::key);
  const auto listed = listed_by(snapshot);
  if (fact == evidence.end() || !listed) return {};
  std::set<std::string> gone;
  std::set<std::string> healthy;
  bool offers_whole = false;
  for (const auto& [resource, ids] : from_fact(to_text(fact->value))) {
    offers_whole = offers_whole || is_of_whole_gpus(resource, ids);
    for (const std::string& id : ids) {
      healthy.insert(id);
      const bool is_known_form =
          id.starts_with("MIG-") || id.starts_with("GPU-");
      if (is_known_form && !listed->all.contains(id)) gone.insert(id);
    }
  }
  std::set<std::string> lacking;
  for (const std::string& uuid : listed->whole) {
    if (offers_whole && !healthy.contains(uuid)) lacking.insert(uuid);
  }
  std::vector<Evidence> out;
  if (!gone.empty()) {
    const std::string ids = list_of(gone);
    out.push_back(node_fact(
        kSource, fact::kRegisteredGone, ids,
        "offered to the kubelet, and not there by NVML: " + ids, fact->file));
  }
  if (!lacking.empty()) {
    const std::string ids = list_of(lacking);
    out.push_back(node_fact(
        kSource, fact::kRegisteredLacking, ids,
        "answering NVML, and not among the kubelet's healthy devices: " + ids,
        fact->file));
  }
  return out;
}

}  // namespace gpuward::evidence
