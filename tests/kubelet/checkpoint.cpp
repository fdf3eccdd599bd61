#include "kubelet/checkpoint.h"

namespace gpuward::kubelet_test {
namespace {

constexpr std::string_view kLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string to_base64(std::string_view bytes) {
  std::string out;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view group = bytes.substr(at, 3);
    uint32_t bits = 0;
    for (size_t index = 0; index < 3; ++index) {
      const auto byte = index < group.size() ? group[index] : '\0';
      bits = bits << 8 | static_cast<unsigned char>(byte);
    }
    for (size_t index = 0; index < 4; ++index) {
      out +=
          index <= group.size() ? kLetters[bits >> (18 - 6 * index) & 63] : '=';
    }
  }
  return out;
}

std::string from_base64(std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char letter : text) {
    const size_t value = kLetters.find(letter);
    if (value == std::string_view::npos) break;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 255);
    }
  }
  return out;
}

Json array_of(const Ids& ids) {
  Json out = Json::array();
  for (const std::string& id : ids) out.push(id);
  return out;
}

Json entry_of(const std::string& pod, const std::string& container,
              const std::string& resource, const Grant& grant,
              const NumaOf& numa_of) {
  std::map<int64_t, Ids> nodes;
  for (const std::string& id : grant.ids) {
    nodes[numa_of(resource, id)].insert(id);
  }
  Json by_node = Json::object();
  for (const auto& [node, ids] : nodes) {
    by_node.set(std::to_string(node), array_of(ids));
  }
  Json out = Json::object();
  out.set("PodUID", pod);
  out.set("ContainerName", container);
  out.set("ResourceName", resource);
  out.set("DeviceIDs", std::move(by_node));
  out.set("AllocResp", to_base64(grant.response));
  return out;
}

}  // namespace

std::string to_text(const Checkpoint& checkpoint, const NumaOf& numa_of) {
  Json entries = Json::array();
  for (const auto& [pod, containers] : checkpoint.grants) {
    for (const auto& [container, grants] : containers) {
      for (const auto& [resource, grant] : grants) {
        entries.push(entry_of(pod, container, resource, grant, numa_of));
      }
    }
  }
  Json registered = Json::object();
  for (const auto& [resource, ids] : checkpoint.registered) {
    registered.set(resource, array_of(ids));
  }
  Json data = Json::object();
  data.set("PodDeviceEntries", std::move(entries));
  data.set("RegisteredDevices", std::move(registered));
  const size_t checksum = std::hash<std::string>()(data.dump());
  Json out = Json::object();
  out.set("Data", std::move(data));
  out.set("Checksum", static_cast<int64_t>(checksum & 0xffffffff));
  return out.dump();
}

Result<Checkpoint> checkpoint_from(std::string_view text) {
  const Json json = TRY(Json::parse(text));
  const Json& data = json["Data"];
  Checkpoint out;
  for (const Json& entry : data["PodDeviceEntries"].as_array()) {
    Grant grant;
    for (const auto& [node, ids] : entry["DeviceIDs"].as_object()) {
      for (const Json& id : ids.as_array()) {
        grant.ids.emplace(id.as_string());
      }
    }
    grant.response = from_base64(entry["AllocResp"].as_string());
    const auto name = [&](std::string_view key) {
      return std::string(entry[key].as_string());
    };
    out.grants[name("PodUID")][name("ContainerName")][name("ResourceName")] =
        std::move(grant);
  }
  for (const auto& [resource, ids] : data["RegisteredDevices"].as_object()) {
    Ids& registered = out.registered[resource];
    for (const Json& id : ids.as_array()) registered.emplace(id.as_string());
  }
  return out;
}

}  // namespace gpuward::kubelet_test
