// Containers out of JSON: the way back of json_container.cpp.
#include "containers/container_json.h"
#include "model/json_reader.h"

namespace gpuward::containers {
namespace {

using json_reading::Reader;
using json_reading::unless;

unsigned device_number(Reader& in, std::string_view key) {
  const int64_t number = in.integer(key);
  constexpr int64_t kMost = std::numeric_limits<unsigned>::max();
  if (number < 0 || number > kMost) in.complain("no device number");
  return static_cast<unsigned>(number);
}

NodeAccess read_node(Reader& in) {
  using Now = NodeAccess::Now;
  NodeAccess out;
  out.grant.path = in.text("path");
  out.grant.major_number = device_number(in, "major");
  out.grant.minor_number = device_number(in, "minor");
  out.grant.access = in.text("access");
  out.grant.record = in.text("record");
  out.grant.file = in.text("file");
  out.now = in.word("now", {Now::unknown, Now::allowed, Now::denied});
  out.why = in.text("why");
  if (in.raw("present").is_bool()) out.present = in.flag("present");
  return out;
}

DeviceProgram read_program(Reader& in) {
  DeviceProgram out;
  out.id = device_number(in, "id");
  out.name = in.text("name");
  out.owner = in.text("owner");
  out.cgroup = in.text("cgroup");
  if (in.raw("denies").is_array()) out.denies = in.texts("denies");
  return out;
}

ScopePolicy read_policy(Reader in) {
  return {in.text("unit"), in.text("policy"), in.texts("allow"),
          in.texts("files")};
}

void read_names(Reader& in, Container& out) {
  out.id = in.text("id");
  out.name = in.text("name");
  out.label = in.text("label");
  out.runtime = in.text("runtime");
  out.oci_runtime = in.text("oci_runtime");
  out.image = in.text("image");
  out.pod = in.text("pod");
  out.pod_namespace = in.text("namespace");
  out.pid = in.small("pid");
  out.cgroup = in.text("cgroup");
  out.cgroup_v2 = in.flag("cgroup_v2", true);
  out.unit = in.text("unit");
}

Container read_container(Reader& in) {
  Container out;
  in.require("label");
  read_names(in, out);
  out.injection = in.word(
      "injection", {Injection::unknown, Injection::devices, Injection::legacy});
  out.frozen = in.flag("frozen");
  out.privileged = in.flag("privileged");
  out.rootless = in.flag("rootless");
  out.asked_only = in.flag("asked_only");
  out.nodes = in.list("nodes", read_node);
  for (const NodeAccess& node : out.nodes) out.grants.push_back(node.grant);
  out.programs = in.list("programs", read_program);
  if (in.raw("policy").is_object()) out.policy = read_policy(in.part("policy"));
  out.tomorrow =
      in.word("tomorrow", {Tomorrow::unknown, Tomorrow::safe,
                           Tomorrow::lost_at_reload, Tomorrow::lost_at_update});
  out.tomorrow_why = in.text("tomorrow_why");
  out.unresolved = in.texts("unresolved");
  if (in.raw("library").is_string()) out.library = in.text("library");
  return out;
}

}  // namespace

Result<Container> container_from_json(const Json& json) {
  std::string problem;
  Reader reader(json, "container", problem);
  Container out = read_container(reader);
  return unless(problem, std::move(out));
}

}  // namespace gpuward::containers
