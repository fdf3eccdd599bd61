#include "bundle/seen.h"

#include <fmt/core.h>

#include <map>

#include "containers/container_json.h"
#include "model/json.h"

namespace gpuward::bundle {
namespace {

constexpr std::string_view kKind = "evidence of a bundle";

template <typename Item>
Json list_of(const std::vector<Item>& items) {
  Json list = Json::array();
  using containers::to_json;
  using gpuward::to_json;
  for (const Item& item : items) list.push(to_json(item));
  return list;
}

template <typename Item>
Result<std::vector<Item>> items_of(const Json& json, std::string_view key,
                                   Result<Item> (*read)(const Json&)) {
  const Json& list = json[key];
  if (!list.is_array()) {
    return fail(Error::Kind::malformed, fmt::format("{} is no list", key));
  }
  // What the writer's bound on bytes lets in is half of that.
  constexpr size_t kMostItems = 300'000;
  if (list.as_array().size() > kMostItems) {
    return fail(Error::Kind::malformed,
                fmt::format("{} is longer than any of ours", key));
  }
  std::vector<Item> out;
  out.reserve(list.as_array().size());
  for (const Json& item : list.as_array()) {
    auto one = read(item);
    if (!one) {
      return wrap(one.error(), fmt::format("{}[{}]", key, out.size()));
    }
    out.push_back(std::move(*one));
  }
  return out;
}

Result<Wall> time_of(const Json& json, std::string_view key) {
  const auto when = from_iso(json[key].as_string());
  if (when) return *when;
  return fail(Error::Kind::malformed, fmt::format("{} is no time", key));
}

size_t weight_of(const Evidence& line) {
  constexpr size_t kAround = 120;  // its other members, in JSON
  return line.text.size() + kAround;
}

}  // namespace

Json to_json(const examine::Gathered& gathered) {
  Json json;
  json.set("evidence", list_of(gathered.evidence));
  json.set("gaps", list_of(gathered.gaps));
  json.set("tasks", list_of(gathered.tasks));
  json.set("containers", list_of(gathered.containers));
  return json;
}

Json to_json(const Seen& seen) {
  Json json;
  json.set(kMark, kKind);
  json.set("schema", kSchema);
  json.set("diagnosed_at", to_iso(seen.now));
  const Json gathered = to_json(seen.gathered);
  for (const auto& [key, value] : gathered.as_object()) json.set(key, value);
  json.set("snapshot", gpuward::to_json(seen.snapshot));
  return json;
}

Result<examine::Gathered> gathered_from_json(const Json& json) {
  examine::Gathered out;
  out.evidence = TRY(items_of(json, "evidence", evidence_from_json));
  out.gaps = TRY(items_of(json, "gaps", gap_from_json));
  out.tasks = TRY(items_of(json, "tasks", task_from_json));
  out.containers =
      TRY(items_of(json, "containers", containers::container_from_json));
  return out;
}

Result<Seen> seen_from_json(const Json& json) {
  if (json[kMark].as_string() != kKind) {
    return fail(Error::Kind::malformed, "it holds no evidence of gpuward's");
  }
  const int64_t schema = json["schema"].as_integer();
  if (schema != kSchema) {
    return fail(Error::Kind::unsupported,
                fmt::format("it is of schema {}, and this gpuward knows {}: "
                            "take the newer gpuward that made it",
                            schema, kSchema));
  }
  Seen out;
  out.now = TRY(time_of(json, "diagnosed_at"));
  out.gathered = TRY(gathered_from_json(json));
  out.snapshot = TRY(snapshot_from_json(json["snapshot"]));
  return out;
}

void bound_lines(evidence::Collection& collection, size_t most,
                 const std::function<bool(const std::string&)>& matters) {
  std::vector<Evidence>& all = collection.evidence;
  size_t total = 0;
  for (const Evidence& each : all) total += weight_of(each);
  if (total <= most) return;
  std::map<std::string, int64_t> left_out, kept;
  for (const Evidence& each : all) {
    if (each.key.empty()) ++kept[each.source];
  }
  std::vector<bool> goes(all.size());
  for (const bool even_these : {false, true}) {
    for (size_t i = 0; i < all.size() && total > most; ++i) {
      const Evidence& line = all[i];
      if (!line.key.empty() || goes[i] || kept[line.source] <= 1) continue;
      if (!even_these && matters(line.text)) continue;
      goes[i] = true;
      total -= weight_of(line);
      --kept[line.source];
      ++left_out[line.source];
    }
  }
  std::vector<Evidence> rest;
  for (size_t i = 0; i < all.size(); ++i) {
    if (!goes[i]) rest.push_back(std::move(all[i]));
  }
  all = std::move(rest);
  for (const auto& [source, count] : left_out) {
    collection.gaps.push_back(
        {source, fmt::format("{} lines were left out of the bundle for its "
                             "size, those that speak of faults last",
                             count)});
  }
}

}  // namespace gpuward::bundle
