#include "kubelet/plugin/saved_state.h"

#include <algorithm>
#include <limits>

#include "model/json.h"
#include "model/json_reader.h"

namespace gpuward::kubelet::plugin {
namespace {

using json_reading::Reader;
using json_reading::unless;

constexpr std::string_view kKind = "device plugin's state";

Json to_json(const KnownGpu& gpu) {
  Json json;
  json.set("uuid", gpu.uuid);
  json.set("pci", gpu.pci);
  json.set("name", gpu.name);
  json.set("index", gpu.index);
  if (gpu.minor) json.set("minor", *gpu.minor);
  if (gpu.numa_node) json.set("numa_node", *gpu.numa_node);
  json.set("bus_path", gpu.bus_path);
  if (gpu.mig_on) json.set("mig_on", *gpu.mig_on);
  Json mig = Json::array();
  for (const MigDevice& device : gpu.mig) mig.push(gpuward::to_json(device));
  json.set("mig", std::move(mig));
  Json links = Json::array();
  for (const NvLink& link : gpu.links) links.push(gpuward::to_json(link));
  json.set("nvlinks", std::move(links));
  if (gpu.missing) json.set("missing", true);
  return json;
}

Json to_json(std::string_view uuid, const ResetMemory& memory) {
  Json json;
  json.set("uuid", uuid);
  if (memory.reset_at) json.set("reset_at", to_iso(*memory.reset_at));
  if (memory.recovery_asked) json.set("recovery_asked", true);
  if (memory.ecc_count) json.set("ecc_count", *memory.ecc_count);
  return json;
}

Json to_json(const HealthState& health) {
  Json unhealthy = Json::array();
  for (const auto& [uuid, unit] : health.units) {
    if (unit.healthy || !unit.judged) continue;
    Json one;
    one.set("uuid", uuid);
    one.set("reason", unit.reason);
    unhealthy.push(std::move(one));
  }
  Json resets = Json::array();
  for (const auto& [uuid, memory] : health.resets) {
    if (memory != ResetMemory{}) resets.push(to_json(uuid, memory));
  }
  Json xids = Json::array();
  for (const XidEvent& xid : health.xids) xids.push(gpuward::to_json(xid));
  Json json;
  json.set("boot_id", health.boot_id);
  json.set("unhealthy", std::move(unhealthy));
  json.set("resets", std::move(resets));
  json.set("xids", std::move(xids));
  if (health.driver_loaded_at) {
    json.set("driver_loaded_at", to_iso(*health.driver_loaded_at));
  }
  return json;
}

std::optional<int> small(Reader& in, std::string_view key) {
  return in.has(key) ? std::optional(in.small(key)) : std::nullopt;
}

// Each item of a list of model types, by the function that reads one.
template <typename Item>
std::vector<Item> model_list(Reader& in, std::string_view key,
                             Result<Item> (*read)(const Json&)) {
  std::vector<Item> out;
  for (const Json& item : in.raw(key).as_array()) {
    auto value = read(item);
    if (!value) {
      in.complain(value.error().text);
      break;
    }
    out.push_back(std::move(*value));
  }
  return out;
}

KnownGpu read_gpu(Reader& in) {
  KnownGpu out;
  in.require("uuid");
  out.uuid = in.text("uuid");
  if (out.uuid.empty()) in.complain("an empty uuid");
  out.pci = in.text("pci");
  out.name = in.text("name");
  out.index = in.small("index", -1);
  out.minor = small(in, "minor");
  out.numa_node = small(in, "numa_node");
  out.bus_path = in.text("bus_path");
  if (in.has("mig_on")) out.mig_on = in.flag("mig_on");
  out.mig = model_list(in, "mig", mig_from_json);
  std::erase_if(out.mig, [](const MigDevice& one) { return one.uuid.empty(); });
  out.links = model_list(in, "nvlinks", link_from_json);
  out.missing = in.flag("missing");
  return out;
}

struct UnhealthyUnit {
  std::string uuid, reason;
};
UnhealthyUnit read_unhealthy(Reader& in) {
  in.require("uuid");
  return {in.text("uuid"), in.text("reason")};
}

struct KnownReset {
  std::string uuid;
  ResetMemory memory;
};
KnownReset read_reset(Reader& in) {
  in.require("uuid");
  KnownReset out;
  out.uuid = in.text("uuid");
  out.memory.reset_at = in.time("reset_at");
  out.memory.recovery_asked = in.flag("recovery_asked");
  if (in.has("ecc_count")) out.memory.ecc_count = in.integer("ecc_count");
  return out;
}

HealthState read_health(Reader in) {
  HealthState out;
  out.boot_id = in.text("boot_id");
  for (UnhealthyUnit& one : in.list("unhealthy", read_unhealthy)) {
    UnitHealth& unit = out.units[one.uuid];
    unit.judged = true;
    unit.reason = std::move(one.reason);
  }
  for (KnownReset& one : in.list("resets", read_reset)) {
    out.resets[one.uuid] = one.memory;
  }
  out.xids = model_list(in, "xids", xid_from_json);
  out.driver_loaded_at = in.time("driver_loaded_at");
  return out;
}

// Ids are listed once, whatever a file says.
void drop_twins(std::vector<KnownGpu>& gpus) {
  std::vector<KnownGpu> out;
  for (KnownGpu& gpu : gpus) {
    if (std::ranges::find(out, gpu.uuid, &KnownGpu::uuid) == out.end()) {
      out.push_back(std::move(gpu));
    }
  }
  gpus = std::move(out);
}

}  // namespace

std::string to_text(const Inventory& inventory, const HealthState& health) {
  Json gpus = Json::array();
  for (const KnownGpu& gpu : inventory.gpus) gpus.push(to_json(gpu));
  Json json;
  json.set("gpuward", kKind);
  json.set("schema", 1);
  json.set("boot_id", inventory.boot_id);
  json.set("gpus", std::move(gpus));
  json.set("health", to_json(health));
  return json.dump() + "\n";
}

Result<SavedState> saved_state_from(std::string_view text) {
  const Json json = TRY(Json::parse(text));
  std::string problem;
  Reader in(json, std::string(kKind), problem);
  if (in.text("gpuward") != kKind) in.complain("it is another kind of file");
  if (in.integer("schema") != 1) in.complain("a schema other than 1");
  SavedState out;
  out.inventory.boot_id = in.text("boot_id");
  out.inventory.gpus = in.list("gpus", read_gpu);
  drop_twins(out.inventory.gpus);
  out.health = read_health(in.part("health"));
  return unless(problem, std::move(out));
}

}  // namespace gpuward::kubelet::plugin
