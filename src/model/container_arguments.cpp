#include "model/container_arguments.h"

#include <limits>

namespace gpuward {
namespace {

Json node_of(const Grant& grant) {
  Json json;
  json.set("path", grant.path);
  json.set("major", static_cast<int64_t>(grant.major_number));
  json.set("minor", static_cast<int64_t>(grant.minor_number));
  json.set("access", grant.access);
  return json;
}

Result<unsigned> number_of(const Json& json, std::string_view what) {
  const int64_t number = json.as_integer(-1);
  if (number < 0 || number > std::numeric_limits<unsigned>::max()) {
    return fail(Error::Kind::malformed,
                "a node of the step has no " + std::string(what));
  }
  return static_cast<unsigned>(number);
}

Result<Grant> grant_of(const Json& json) {
  Grant out;
  out.path = json["path"].as_string();
  out.major_number = TRY(number_of(json["major"], "major"));
  out.minor_number = TRY(number_of(json["minor"], "minor"));
  out.access = json["access"].as_string();
  out.record = "the plan";
  if (out.access.empty() ||
      out.access.find_first_not_of("rwm") != std::string::npos) {
    return fail(Error::Kind::malformed,
                "\"" + out.access + "\" is no access to " + out.path);
  }
  return out;
}

}  // namespace

Json arguments_of(const Container& container) {
  Json json;
  json.set("label", container.label);
  json.set("id", container.id);
  json.set("name", container.name);
  json.set("runtime", container.runtime);
  json.set("oci_runtime", container.oci_runtime);
  json.set("pod", container.pod);
  json.set("pod_namespace", container.pod_namespace);
  json.set("pid", container.pid);
  json.set("start_time", static_cast<int64_t>(container.start_time));
  json.set("unit", container.unit);
  json.set("cgroup", container.cgroup);
  json.set("cgroup_folder", container.cgroup_folder);
  json.set("cgroup_v2", container.cgroup_v2);
  json.set("privileged", container.privileged);
  json.set("rootless", container.rootless);
  Json nodes = Json::array();
  for (const Grant& grant : container.grants) nodes.push(node_of(grant));
  json.set("nodes", std::move(nodes));
  return json;
}

Result<Container> container_of(const Json& arguments) {
  const auto text = [&arguments](std::string_view key) {
    return std::string(arguments[key].as_string());
  };
  Container out;
  out.label = text("label");
  out.id = text("id");
  out.name = text("name");
  out.runtime = text("runtime");
  out.oci_runtime = text("oci_runtime");
  out.pod = text("pod");
  out.pod_namespace = text("pod_namespace");
  out.unit = text("unit");
  out.cgroup = text("cgroup");
  out.cgroup_folder = text("cgroup_folder");
  const int64_t pid = arguments["pid"].as_integer();
  const int64_t start = arguments["start_time"].as_integer(-1);
  if (out.label.empty() || pid <= 0 || pid > std::numeric_limits<int>::max() ||
      start < 0 || !arguments["cgroup_v2"].is_bool() ||
      !arguments["privileged"].is_bool()) {
    return fail(Error::Kind::malformed, "the step names no container");
  }
  out.pid = static_cast<int>(pid);
  out.start_time = static_cast<uint64_t>(start);
  out.cgroup_v2 = arguments["cgroup_v2"].as_bool();
  out.privileged = arguments["privileged"].as_bool();
  out.rootless = arguments["rootless"].as_bool();
  for (const Json& node : arguments["nodes"].as_array()) {
    out.grants.push_back(TRY(grant_of(node)));
  }
  return out;
}

}  // namespace gpuward
