#include "containers/kubernetes.h"

#include <cstdint>

#include "base/json.h"

namespace gpuward::containers {
namespace {

std::string text_of(const OciSpec& spec, std::string_view key) {
  const std::string* found = spec.annotation(key);
  return found == nullptr ? "" : *found;
}

// The wire format of protobuf, as far as one message needs it. Every read is
// checked against the end.
class Wire {
 public:
  explicit Wire(std::string_view bytes) : rest_(bytes) {}

  struct Field {
    uint64_t number = 0;
    std::string_view bytes;  // of a field with a length, else empty
  };
  // Nothing at the end; `sound()` tells it from bytes that make no sense.
  std::optional<Field> next() {
    if (rest_.empty() || !sound_) return std::nullopt;
    const uint64_t key = varint();
    Field out{key >> 3, {}};
    switch (key & 7) {
      case 0:
        varint();
        break;
      case 1:
        out.bytes = take(8);
        break;
      case 2:
        out.bytes = take(varint());
        break;
      case 5:
        out.bytes = take(4);
        break;
      default:
        sound_ = false;
    }
    if (!sound_) return std::nullopt;
    return out;
  }
  bool sound() const { return sound_; }

 private:
  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::string_view byte = take(1);
      if (!sound_) return 0;
      const auto bits = static_cast<unsigned char>(byte[0]);
      value |= static_cast<uint64_t>(bits & 0x7f) << shift;
      if ((bits & 0x80) == 0) return value;
    }
    sound_ = false;
    return 0;
  }
  std::string_view take(uint64_t size) {
    if (size > rest_.size()) {
      sound_ = false;
      return {};
    }
    const std::string_view out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }

  std::string_view rest_;
  bool sound_ = true;
};

std::unexpected<Error> no_response() {
  return fail(Error::Kind::malformed, "not a device plugin's answer");
}

Result<PluginNode> parse_plugin_node(std::string_view bytes) {
  PluginNode out;
  Wire wire(bytes);
  while (const auto field = wire.next()) {
    if (field->number == 1) out.path = field->bytes;
    if (field->number == 2) out.host_path = field->bytes;
    if (field->number == 3) out.access = tidy_access(field->bytes);
  }
  if (!wire.sound()) return no_response();
  return out;
}

Result<std::string> parse_cdi_device(std::string_view bytes) {
  std::string name;
  Wire wire(bytes);
  while (const auto field = wire.next()) {
    if (field->number == 1) name = field->bytes;
  }
  if (!wire.sound()) return no_response();
  return name;
}

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

}  // namespace

PodContainer pod_container_of(const OciSpec& spec) {
  PodContainer out;
  const std::string type = text_of(spec, "io.kubernetes.cri.container-type");
  if (!type.empty()) {
    out.runtime = "containerd";
    out.pod = text_of(spec, "io.kubernetes.cri.sandbox-name");
    out.pod_namespace = text_of(spec, "io.kubernetes.cri.sandbox-namespace");
    out.container = text_of(spec, "io.kubernetes.cri.container-name");
    out.image = text_of(spec, "io.kubernetes.cri.image-name");
    out.is_sandbox = type == "sandbox";
    return out;
  }
  // Podman uses some of CRI-O's annotations, but not this one.
  const std::string crio = text_of(spec, "io.kubernetes.cri-o.ContainerType");
  if (crio.empty()) return out;
  out.runtime = "cri-o";
  out.pod = text_of(spec, "io.kubernetes.pod.name");
  out.pod_namespace = text_of(spec, "io.kubernetes.pod.namespace");
  out.container = text_of(spec, "io.kubernetes.container.name");
  out.image = text_of(spec, "io.kubernetes.cri-o.ImageName");
  out.is_sandbox = crio == "sandbox";
  return out;
}

Result<std::vector<PluginAnswer>> parse_checkpoint(std::string_view text) {
  const auto json = Json::parse(text);
  if (!json || !(*json)["Data"].is_object()) {
    return fail(Error::Kind::malformed, "not a checkpoint of the kubelet");
  }
  std::vector<PluginAnswer> out;
  for (const Json& entry : (*json)["Data"]["PodDeviceEntries"].as_array()) {
    PluginAnswer answer;
    answer.pod_uid = entry["PodUID"].as_string();
    answer.container = entry["ContainerName"].as_string();
    answer.resource = entry["ResourceName"].as_string();
    const auto bytes = from_base64(entry["AllocResp"].as_string());
    if (bytes && parse_allocate_response(*bytes, answer)) {
      out.push_back(std::move(answer));
    }
  }
  return out;
}

Result<void> parse_allocate_response(std::string_view bytes,
                                     PluginAnswer& out) {
  constexpr uint64_t kDevices = 3;
  constexpr uint64_t kCdiDevices = 5;
  Wire wire(bytes);
  while (const auto field = wire.next()) {
    if (field->number == kDevices) {
      out.nodes.push_back(TRY(parse_plugin_node(field->bytes)));
    }
    if (field->number == kCdiDevices) {
      out.cdi_devices.push_back(TRY(parse_cdi_device(field->bytes)));
    }
  }
  if (!wire.sound()) return no_response();
  return {};
}

std::optional<std::string> from_base64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  uint32_t bits = 0;
  unsigned have = 0;
  for (const char c : text) {
    const int value = base64_value(c);
    if (value < 0) return std::nullopt;
    bits = (bits << 6 | static_cast<uint32_t>(value)) & 0xffffff;
    have += 6;
    if (have < 8) continue;
    have -= 8;
    out += static_cast<char>(bits >> have & 0xff);
  }
  return out;
}

}  // namespace gpuward::containers
