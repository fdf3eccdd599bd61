#include "containers/docker.h"

#include "base/json.h"
#include "containers/device_rules.h"

namespace gpuward::containers {
namespace {

constexpr size_t kMaxFile = 4 << 20;

Result<Json> parse_object(std::string_view text, std::string_view what) {
  auto json = Json::parse(text);
  if (!json || !json->is_object()) {
    return fail(Error::Kind::malformed, std::string(what) + ": no JSON");
  }
  return json;
}

void read_request(const Json& request, DockerRecord& out) {
  if (request["Driver"].as_string() == "cdi") {
    for (const Json& name : request["DeviceIDs"].as_array()) {
      out.cdi_devices.emplace_back(name.as_string());
    }
    return;
  }
  for (const Json& either : request["Capabilities"].as_array()) {
    for (const Json& capability : either.as_array()) {
      if (capability.as_string() == "gpu") out.asks_for_gpus = true;
    }
  }
}

}  // namespace

std::string docker_data_root(const host::Root& root) {
  const std::string usual = "/var/lib/docker";
  const auto text = root.read("/etc/docker/daemon.json");
  const auto json = text ? Json::parse(*text) : Result<Json>(Json());
  if (!json) return usual;
  // "graph" is what it was called before Docker 17.05.
  const std::string_view old = (*json)["graph"].as_string(usual);
  const std::string_view folder = (*json)["data-root"].as_string(old);
  return folder.starts_with('/') ? std::string(folder) : usual;
}

Result<void> parse_docker_config(std::string_view text, DockerRecord& out) {
  const Json json = TRY(parse_object(text, "config.v2.json"));
  const std::string_view name = json["Name"].as_string();
  out.name = name.starts_with('/') ? name.substr(1) : name;
  out.image = json["Config"]["Image"].as_string();
  for (const Json& variable : json["Config"]["Env"].as_array()) {
    out.environment.emplace_back(variable.as_string());
  }
  return {};
}

Result<void> parse_docker_host_config(std::string_view text,
                                      DockerRecord& out) {
  const Json json = TRY(parse_object(text, "hostconfig.json"));
  out.privileged = json["Privileged"].as_bool();
  for (const Json& device : json["Devices"].as_array()) {
    DockerRecord::Device made;
    made.host_path = device["PathOnHost"].as_string();
    made.path = device["PathInContainer"].as_string(made.host_path);
    made.access = tidy_access(device["CgroupPermissions"].as_string("rwm"));
    out.devices.push_back(std::move(made));
  }
  for (const Json& request : json["DeviceRequests"].as_array()) {
    read_request(request, out);
  }
  return {};
}

Result<DockerRecord> read_docker(const host::Root& root,
                                 const std::string& data_root,
                                 const std::string& id) {
  const std::string folder = data_root + "/containers/" + id;
  DockerRecord out;
  out.file = folder + "/hostconfig.json";
  TRY_VOID(parse_docker_config(
      TRY(root.read(folder + "/config.v2.json", kMaxFile)), out));
  TRY_VOID(parse_docker_host_config(TRY(root.read(out.file, kMaxFile)), out));
  return out;
}

}  // namespace gpuward::containers
