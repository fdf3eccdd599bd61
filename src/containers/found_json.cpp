#include "containers/found_json.h"

#include "containers/container_json.h"

namespace gpuward::containers {
namespace {

// One list of the fields for both ways; `Way` is Writer or Reader.
template <typename Way, typename Each>
void visit_grant(Way& way, Each& grant) {
  way.text("path", grant.path);
  way.number("major", grant.major_number);
  way.number("minor", grant.minor_number);
  way.text("access", grant.access);
  way.text("record", grant.record);
  way.text("file", grant.file);
}

template <typename Way, typename Each>
void visit_container(Way& way, Each& one) {
  way.text("label", one.label);
  way.text("runtime", one.runtime);
  way.text("oci_runtime", one.oci_runtime);
  way.text("id", one.id);
  way.text("name", one.name);
  way.text("image", one.image);
  way.text("pod", one.pod);
  way.text("pod_namespace", one.pod_namespace);
  way.number("pid", one.pid);
  way.number("start_time", one.start_time);
  way.text("cgroup", one.cgroup);
  way.text("cgroup_folder", one.cgroup_folder);
  way.flag("cgroup_v2", one.cgroup_v2);
  way.text("unit", one.unit);
  way.flag("frozen", one.frozen);
  way.flag("privileged", one.privileged);
  way.flag("rootless", one.rootless);
  way.number("injection", one.injection);
  way.flag("asked_only", one.asked_only);
}

struct Writer {
  Json json = Json::object();
  // Bytes that are no text would come back as others: a name of a file or a
  // cgroup may hold any, so each byte travels as the character of its number.
  void text(std::string_view key, const std::string& value) {
    std::string out;
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x80) {
        out += c;
      } else {
        out += static_cast<char>(0xc0 | byte >> 6);
        out += static_cast<char>(0x80 | (byte & 0x3f));
      }
    }
    json.set(key, std::move(out));
  }
  template <typename Number>
  void number(std::string_view key, const Number& value) {
    json.set(key, static_cast<int64_t>(value));
  }
  void flag(std::string_view key, bool value) { json.set(key, value); }
};

struct Reader {
  const Json& json;  // the caller's
  void text(std::string_view key, std::string& value) const {
    value.clear();
    unsigned high = 0;
    for (const char c : json[key].as_string()) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x80) {
        value += c;
      } else if (byte >= 0xc0) {
        high = byte & 3U;
      } else {
        value += static_cast<char>(high << 6 | (byte & 0x3fU));
      }
    }
  }
  template <typename Number>
  void number(std::string_view key, Number& value) const {
    value = static_cast<Number>(json[key].as_integer());
  }
  void flag(std::string_view key, bool& value) const {
    value = json[key].as_bool();
  }
};

Json to_json_whole(const Container& container) {
  Writer writer;
  visit_container(writer, container);
  Json grants = Json::array();
  for (const Grant& grant : container.grants) {
    Writer each;
    visit_grant(each, grant);
    grants.push(std::move(each.json));
  }
  writer.json.set("grants", std::move(grants));
  Json unresolved = Json::array();
  for (const std::string& text : container.unresolved) {
    Writer each;
    each.text("text", text);
    unresolved.push(std::move(each.json));
  }
  writer.json.set("unresolved", std::move(unresolved));
  return std::move(writer.json);
}

Container whole_container_of(const Json& json) {
  Container out;
  Reader reader{json};
  visit_container(reader, out);
  for (const Json& each : json["grants"].as_array()) {
    Grant grant;
    Reader of_grant{each};
    visit_grant(of_grant, grant);
    out.grants.push_back(std::move(grant));
  }
  for (const Json& each : json["unresolved"].as_array()) {
    Reader{each}.text("text", out.unresolved.emplace_back());
  }
  return out;
}

}  // namespace

Json to_json(const FoundContainers& found) {
  Json containers = Json::array();
  for (const Container& each : found.containers) {
    containers.push(to_json_whole(each));
  }
  Json gaps = Json::array();
  for (const Gap& gap : found.gaps) {
    Writer each;
    each.text("source", gap.source);
    each.text("why", gap.why);
    gaps.push(std::move(each.json));
  }
  Json out;
  out.set("containers", std::move(containers));
  out.set("gaps", std::move(gaps));
  out.set("is_whole", found.is_whole);
  return out;
}

FoundContainers found_containers_of(const Json& json) {
  FoundContainers out;
  for (const Json& each : json["containers"].as_array()) {
    out.containers.push_back(whole_container_of(each));
  }
  for (const Json& each : json["gaps"].as_array()) {
    Gap& gap = out.gaps.emplace_back();
    Reader reader{each};
    reader.text("source", gap.source);
    reader.text("why", gap.why);
  }
  out.is_whole = json["is_whole"].as_bool();
  return out;
}

}  // namespace gpuward::containers
