#include "containers/oci_spec.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/json.h"
#include "base/text.h"

namespace gpuward::containers {
namespace {

// Nobody has more; a file that has is not read to its end.
constexpr size_t kMostEntries = 10000;

size_t at_most(const Json::Array& list) {
  return std::min(list.size(), kMostEntries);
}

// Nothing where it is absent, null or -1, each of which means "any".
// A number that no device has is complained about: `sound` turns false.
std::optional<unsigned> number_of(const Json& value, unsigned most,
                                  bool& sound) {
  if (value.is_null() || value == Json(-1)) return std::nullopt;
  const int64_t number = value.as_integer(-2);
  if (!value.is_integer() || number < 0 || number > int64_t{most}) {
    sound = false;
    return std::nullopt;
  }
  return static_cast<unsigned>(number);
}

void read_device(const Json& entry, OciSpec& out) {
  const std::string_view type = entry["type"].as_string();
  if (type == "b" || type == "p") return;
  bool sound = (type == "c" || type == "u") && entry["path"].is_string();
  const auto major_number = number_of(entry["major"], kMaxMajor, sound);
  const auto minor_number = number_of(entry["minor"], kMaxMinor, sound);
  if (!sound || !major_number || !minor_number) {
    out.complaints.push_back(
        fmt::format("linux.devices has {} without a type and numbers that a "
                    "device can have",
                    printable(entry["path"].as_string("an entry"), 100)));
    return;
  }
  out.devices.push_back(
      {std::string(entry["path"].as_string()), {*major_number, *minor_number}});
}

void read_rule(const Json& entry, OciSpec& out) {
  bool sound = entry["allow"].is_bool();
  DeviceRule rule;
  rule.allow = entry["allow"].as_bool();
  const std::string_view type = entry["type"].as_string("a");
  rule.type = type.empty() ? 'a' : type[0];
  rule.major_number = number_of(entry["major"], kMaxMajor, sound);
  rule.minor_number = number_of(entry["minor"], kMaxMinor, sound);
  // runc: without a word about access, all of it is meant.
  const std::string_view access = entry["access"].as_string();
  rule.access = access.empty() ? "rwm" : tidy_access(access);
  if (rule.type == 'u') rule.type = 'c';
  if (!sound || (rule.type != 'a' && rule.type != 'b' && rule.type != 'c')) {
    out.complaints.emplace_back(
        "linux.resources.devices has a rule that makes no sense");
    return;
  }
  out.rules.push_back(std::move(rule));
}

void read_hooks(const Json& hooks, OciSpec& out) {
  for (const std::string_view when : {"prestart", "createRuntime"}) {
    const Json::Array& list = hooks[when].as_array();
    for (size_t i = 0; i < at_most(list); ++i) {
      const std::string_view path = list[i]["path"].as_string();
      out.hooks.emplace_back(path.substr(path.rfind('/') + 1));
    }
  }
}

void read_process(const Json& process, OciSpec& out) {
  const Json::Array& variables = process["env"].as_array();
  for (size_t i = 0; i < at_most(variables); ++i) {
    out.environment.emplace_back(variables[i].as_string());
  }
  for (const Json& each : process["capabilities"]["bounding"].as_array()) {
    if (each.as_string() == "CAP_SYS_ADMIN") out.may_administer = true;
  }
}

void read_linux(const Json& section, OciSpec& out) {
  const Json::Array& devices = section["devices"].as_array();
  for (size_t i = 0; i < at_most(devices); ++i) read_device(devices[i], out);
  const Json::Array& rules = section["resources"]["devices"].as_array();
  for (size_t i = 0; i < at_most(rules); ++i) read_rule(rules[i], out);
  if (std::max(devices.size(), rules.size()) > kMostEntries) {
    out.complaints.push_back(
        fmt::format("more than {} devices or rules", kMostEntries));
  }
  for (const Json& each : section["namespaces"].as_array()) {
    if (each["type"].as_string() == "user") out.user_namespace = true;
  }
  out.cgroups_path = section["cgroupsPath"].as_string();
}

}  // namespace

const std::string* OciSpec::annotation(std::string_view key) const {
  for (const auto& [name, value] : annotations) {
    if (name == key) return &value;
  }
  return nullptr;
}

std::optional<std::string> OciSpec::variable(std::string_view name) const {
  std::optional<std::string> found;
  for (const std::string& each : environment) {
    if (each.size() > name.size() && each.starts_with(name) &&
        each[name.size()] == '=') {
      found = each.substr(name.size() + 1);
    }
  }
  return found;
}

Result<OciSpec> parse_oci_spec(std::string_view text) {
  const auto json = Json::parse(text);
  // The parser's own words would quote the file, which may be anybody's.
  if (!json || !json->is_object()) {
    return fail(Error::Kind::malformed, "not an OCI specification");
  }
  OciSpec out;
  read_linux((*json)["linux"], out);
  read_process((*json)["process"], out);
  read_hooks((*json)["hooks"], out);
  const Json::Array& mounts = (*json)["mounts"].as_array();
  for (size_t i = 0; i < at_most(mounts); ++i) {
    out.mounts.push_back({std::string(mounts[i]["source"].as_string()),
                          std::string(mounts[i]["destination"].as_string())});
  }
  for (const auto& [key, value] : (*json)["annotations"].as_object()) {
    out.annotations.emplace_back(key, value.as_string());
    if (out.annotations.size() == kMostEntries) break;
  }
  return out;
}

}  // namespace gpuward::containers
