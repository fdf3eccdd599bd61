#include "kubelet/guard/saved.h"

#include <fmt/core.h>

#include "base/json.h"
#include "base/text.h"

namespace gpuward::kubelet::guard {
namespace {

constexpr int64_t kSchema = 1;

std::string to_hex(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  }
  return out;
}

Result<std::string> from_hex(const Json& json) {
  const std::string_view text = json.as_string();
  if (!json.is_string() || text.size() % 2 != 0) {
    return fail(Error::Kind::malformed, "these are no bytes in hex");
  }
  std::string out;
  for (size_t at = 0; at < text.size(); at += 2) {
    const auto byte = to_number<unsigned char>(text.substr(at, 2), 16);
    if (!byte) return fail(Error::Kind::malformed, "no hexadecimal digits");
    out += static_cast<char>(*byte);
  }
  return out;
}

}  // namespace

std::string to_text(const std::vector<SavedResource>& saved) {
  Json list = Json::array();
  for (const SavedResource& one : saved) {
    Json json = Json::object();
    json.set("resource", one.resource);
    json.set("endpoint", one.endpoint);
    json.set("registration", to_hex(one.registration));
    json.set("options", to_hex(one.options));
    json.set("devices", to_hex(one.devices));
    list.push(std::move(json));
  }
  Json out = Json::object();
  out.set("schema", kSchema);
  out.set("resources", std::move(list));
  return out.dump() + "\n";
}

Result<std::vector<SavedResource>> saved_from_text(std::string_view text) {
  const Json json = TRY(Json::parse(text));
  if (json["schema"].as_integer() != kSchema) {
    return fail(Error::Kind::malformed,
                "the saved registrations have a form "
                "that this version does not know");
  }
  std::vector<SavedResource> out;
  for (const Json& one : json["resources"].as_array()) {
    out.push_back({.resource = std::string(one["resource"].as_string()),
                   .endpoint = std::string(one["endpoint"].as_string()),
                   .registration = TRY(from_hex(one["registration"])),
                   .options = TRY(from_hex(one["options"])),
                   .devices = TRY(from_hex(one["devices"]))});
    if (out.back().resource.empty() || out.back().endpoint.empty()) {
      return fail(Error::Kind::malformed, "a saved registration has no name");
    }
  }
  return out;
}

}  // namespace gpuward::kubelet::guard
