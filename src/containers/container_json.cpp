#include "containers/container_json.h"

#include "containers/access.h"

namespace gpuward::containers {
namespace {

Json list_of(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) list.push(text);
  return list;
}

// Null where it was not looked at, unlike what is left out for being empty.
Json or_null(const auto& optional) {
  return optional ? Json(*optional) : Json(nullptr);
}

void set_text(Json& json, std::string_view key, const std::string& text) {
  if (!text.empty()) json.set(key, text);
}

Json node_of(const NodeAccess& node) {
  Json json;
  json.set("path", node.grant.path);
  json.set("major", int64_t{node.grant.major_number});
  json.set("minor", int64_t{node.grant.minor_number});
  json.set("access", node.grant.access);
  json.set("record", node.grant.record);
  set_text(json, "file", node.grant.file);
  json.set("now", name_of(node.now));
  set_text(json, "why", node.why);
  json.set("present", or_null(node.present));
  return json;
}

Json nodes_of(const Container& container) {
  Json list = Json::array();
  for (const NodeAccess& node : container.nodes) list.push(node_of(node));
  if (!container.nodes.empty()) return list;
  for (const Grant& grant : container.grants) {
    list.push(node_of({grant, NodeAccess::Now::unknown, "not looked at", {}}));
  }
  return list;
}

Json programs_of(const Container& container) {
  Json list = Json::array();
  for (const DeviceProgram& program : container.programs) {
    Json json;
    json.set("id", int64_t{program.id});
    json.set("name", program.name);
    json.set("owner", program.owner);
    json.set("cgroup", program.cgroup);
    json.set("denies",
             program.denies ? list_of(*program.denies) : Json(nullptr));
    list.push(std::move(json));
  }
  return list;
}

Json policy_of(const Container& container) {
  if (!container.policy) return nullptr;
  Json json;
  json.set("unit", container.policy->unit);
  json.set("policy", container.policy->policy);
  json.set("allow", list_of(container.policy->allow));
  json.set("files", list_of(container.policy->files));
  return json;
}

}  // namespace

Json to_json(const Container& container) {
  Json json;
  json.set("id", container.id);
  set_text(json, "name", container.name);
  json.set("label", container.label);
  json.set("runtime", container.runtime);
  set_text(json, "oci_runtime", container.oci_runtime);
  set_text(json, "image", container.image);
  set_text(json, "pod", container.pod);
  set_text(json, "namespace", container.pod_namespace);
  json.set("pid", container.pid);
  json.set("cgroup", container.cgroup);
  json.set("cgroup_v2", container.cgroup_v2);
  set_text(json, "unit", container.unit);
  json.set("injection", name_of(container.injection));
  json.set("frozen", container.frozen);
  json.set("privileged", container.privileged);
  json.set("rootless", container.rootless);
  json.set("asked_only", container.asked_only);
  json.set("access", name_of(access_now(container)));
  json.set("nodes", nodes_of(container));
  json.set("programs", programs_of(container));
  json.set("policy", policy_of(container));
  json.set("tomorrow", name_of(container.tomorrow));
  set_text(json, "tomorrow_why", container.tomorrow_why);
  json.set("unresolved", list_of(container.unresolved));
  json.set("library", or_null(container.library));
  return json;
}

}  // namespace gpuward::containers
