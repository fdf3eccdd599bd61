#include "model/json.h"

#include <type_traits>

namespace gpuward {
namespace {

// Leaves out what says nothing.
void set_text(Json& json, std::string_view key, const std::string& text) {
  if (!text.empty()) json.set(key, text);
}

Json to_json(const std::string& text) { return text; }
Json to_json(int number) { return number; }

Json to_json(const Consequence& consequence) {
  Json json;
  json.set("id", consequence.id);
  json.set("text", consequence.text);
  return json;
}

Json to_json(const Remedy& remedy) {
  Json json;
  json.set("id", remedy.id);
  json.set("text", remedy.text);
  json.set("applies_by", name_of(remedy.applies_by));
  json.set("disrupts", name_of(remedy.disrupts));
  return json;
}

Json to_json(const GpuProcess& process) {
  Json json;
  json.set("pid", process.pid);
  json.set("kind", process.kind);
  if (process.memory_bytes) json.set("memory_bytes", *process.memory_bytes);
  if (process.gpu_instance >= 0) {
    json.set("gpu_instance", process.gpu_instance);
    json.set("compute_instance", process.compute_instance);
  }
  return json;
}

Json list_of(const auto& items, auto&&... context) {
  Json list = Json::array();
  for (const auto& item : items) list.push(to_json(item, context...));
  return list;
}

template <typename Item>
Json listing(const Listing<Item>& from, Wall now) {
  Json json;
  json.set("status", to_json(from.status, now));
  json.set("items", list_of(from.items));
  return json;
}

int64_t as_integer(auto number) { return static_cast<int64_t>(number); }

}  // namespace

Json to_json(const Value& value) {
  return std::visit(
      [](const auto& held) -> Json {
        using Held = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<Held, std::monostate>) {
          return nullptr;
        } else {
          return held;
        }
      },
      value);
}

Json to_json(const MigDevice& device) {
  Json json;
  json.set("index", device.index);
  json.set("uuid", device.uuid);
  json.set("profile", device.profile);
  json.set("gpu_instance", device.gpu_instance);
  json.set("compute_instance", device.compute_instance);
  json.set("memory_bytes", device.memory_bytes);
  if (device.gpu_cap) json.set("gpu_cap", *device.gpu_cap);
  if (device.compute_cap) json.set("compute_cap", *device.compute_cap);
  return json;
}

Json to_json(const NvLink& link) {
  Json json;
  json.set("link", link.link);
  json.set("active", link.active);
  set_text(json, "remote", link.remote);
  return json;
}

Json to_json(const Reading& reading, Wall now) {
  Json json = Json::object();
  switch (reading.state) {
    case Reading::State::unknown:
      json.set("unknown", reading.why);
      break;
    case Reading::State::value:
      json.set("value", to_json(reading.value));
      set_text(json, "note", reading.why);
      break;
    case Reading::State::unsupported:
      json.set("unsupported", true);
      set_text(json, "note", reading.why);
      break;
    case Reading::State::error:
      json.set("error", reading.why);
      break;
  }
  if (reading.code != 0) json.set("code", reading.code);
  // A reading without a time (never asked) has no age.
  if (reading.at != Wall{}) {
    json.set("age_ms", as_integer((now - reading.at).count()));
  }
  return json;
}

Json to_json(const Gpu& gpu, Wall now) {
  Json readings = Json::object();
  for (const auto& [name, value] : gpu.readings) {
    readings.set(name, to_json(value, now));
  }
  Json json;
  json.set("index", gpu.index);
  json.set("readings", std::move(readings));
  json.set("mig", listing(gpu.mig, now));
  json.set("nvlinks", listing(gpu.nvlinks, now));
  json.set("processes", listing(gpu.processes, now));
  return json;
}

Json to_json(const Subject& subject) {
  Json json;
  json.set("kind", name_of(subject.kind));
  set_text(json, "name", subject.name);
  return json;
}

Json to_json(const Evidence& evidence) {
  Json json;
  json.set("source", evidence.source);
  json.set("text", evidence.text);
  set_text(json, "file", evidence.file);
  if (evidence.line != 0) json.set("line", evidence.line);
  if (evidence.when) json.set("when", to_iso(*evidence.when));
  if (evidence.subject != Subject{}) {
    json.set("subject", to_json(evidence.subject));
  }
  set_text(json, "key", evidence.key);
  if (evidence.value != Value{}) json.set("value", to_json(evidence.value));
  if (evidence.times != 1) json.set("times", evidence.times);
  if (evidence.boot != 0) json.set("boot", evidence.boot);
  return json;
}

Json to_json(const Gap& gap) {
  Json json;
  json.set("source", gap.source);
  json.set("why", gap.why);
  return json;
}

Json to_json(const Finding& finding) {
  Json json;
  json.set("id", finding.id);
  json.set("severity", name_of(finding.severity));
  json.set("confidence", name_of(finding.confidence));
  json.set("subject", to_json(finding.subject));
  set_text(json, "host", finding.host);
  json.set("title", finding.title);
  if (finding.since) json.set("since", to_iso(*finding.since));
  json.set("evidence", list_of(finding.evidence));
  json.set("consequences", list_of(finding.consequences));
  json.set("remedies", list_of(finding.remedies));
  json.set("settle", list_of(finding.settle));
  json.set("sources", list_of(finding.sources));
  return json;
}

Json to_json(const Checks& checks) {
  Json unknown = Json::array();
  for (const UnknownCheck& check : checks.unknown) {
    Json item;
    item.set("id", check.id);
    item.set("why", check.why);
    if (!check.matters) item.set("matters", false);
    unknown.push(std::move(item));
  }
  Json json;
  json.set("passed", checks.passed);
  json.set("failed", checks.failed);
  json.set("unknown", std::move(unknown));
  return json;
}

Json to_json(const StuckTask& task) {
  Json json;
  json.set("pid", task.pid);
  json.set("tid", task.tid);
  json.set("start_time", as_integer(task.start_time));
  json.set("comm", task.comm);
  json.set("state", std::string(1, task.state));
  set_text(json, "where", task.where);
  set_text(json, "wchan", task.wchan);
  set_text(json, "syscall", task.syscall);
  json.set("stack", list_of(task.stack));
  json.set("in_driver", task.in_driver);
  return json;
}

Json to_json(const Probe& probe) {
  Json json;
  json.set("state", name_of(probe.state));
  set_text(json, "why", probe.why);
  json.set("slot", probe.slot);
  json.set("boot_id", probe.boot_id);
  json.set("pid", probe.pid);
  json.set("start_time", as_integer(probe.start_time));
  json.set("symbol", probe.symbol);
  json.set("gpu", probe.gpu);
  if (probe.since) json.set("since", to_iso(*probe.since));
  json.set("deadline_ms", as_integer(probe.deadline.count()));
  json.set("calls", as_integer(probe.calls));
  json.set("slowest_ms", as_integer(probe.slowest.count()));
  set_text(json, "slowest_symbol", probe.slowest_symbol);
  if (probe.task) json.set("task", to_json(*probe.task));
  set_text(json, "placement", probe.placement);
  json.set("left_out", list_of(probe.left_out));
  return json;
}

Json to_json(const XidEvent& xid) {
  Json json;
  json.set("pci", xid.pci);
  json.set("code", xid.code);
  json.set("when", to_iso(xid.when));
  if (xid.gpu_instance) json.set("gpu_instance", *xid.gpu_instance);
  if (xid.compute_instance) json.set("compute_instance", *xid.compute_instance);
  set_text(json, "text", xid.text);
  return json;
}

Json to_json(const Snapshot& snapshot) {
  const Wall now = snapshot.taken_at;
  Json json;
  json.set("schema", 1);
  json.set("boot_id", snapshot.boot_id);
  json.set("hostname", snapshot.hostname);
  json.set("taken_at", to_iso(now));
  if (snapshot.uptime_seconds) {
    json.set("uptime_seconds", *snapshot.uptime_seconds);
  }
  json.set("driver_version", to_json(snapshot.driver_version, now));
  json.set("cuda_version", to_json(snapshot.cuda_version, now));
  json.set("nvml_version", to_json(snapshot.nvml_version, now));
  json.set("module_flavour", to_json(snapshot.module_flavour, now));
  json.set("library_path", to_json(snapshot.library_path, now));
  json.set("gpu_count", to_json(snapshot.gpu_count, now));
  json.set("init", to_json(snapshot.init, now));
  json.set("gpus", list_of(snapshot.gpus, now));
  json.set("probes", list_of(snapshot.probes));
  json.set("other_tasks", list_of(snapshot.other_tasks));
  json.set("xids", list_of(snapshot.xids));
  if (snapshot.driver_loaded_at) {
    json.set("driver_loaded_at", to_iso(*snapshot.driver_loaded_at));
  }
  json.set("gaps", list_of(snapshot.gaps));
  // Nobody has diagnosed it: that is no verdict, least of all "healthy".
  const Checks& checks = snapshot.diagnosis.checks;
  if (checks.passed + checks.failed > 0 || !checks.unknown.empty()) {
    json.set("verdict", name_of(verdict_of(snapshot.diagnosis)));
  }
  json.set("findings", list_of(snapshot.diagnosis.findings));
  json.set("checks", to_json(snapshot.diagnosis.checks));
  return json;
}

Json to_json(const Step& step) {
  Json json;
  json.set("action", step.action);
  json.set("subject", to_json(step.subject));
  json.set("text", step.text);
  json.set("disrupts", name_of(step.disrupts));
  json.set("arguments", step.arguments);
  if (step.only_if_failed) {
    json.set("only_if_failed", as_integer(*step.only_if_failed));
  }
  return json;
}

Json to_json(const Refusal& refusal) {
  Json json;
  json.set("subject", to_json(refusal.subject));
  json.set("what", refusal.what);
  json.set("why", refusal.why);
  return json;
}

Json to_json(const Plan& plan) {
  Json json;
  json.set("steps", list_of(plan.steps));
  json.set("refusals", list_of(plan.refusals));
  return json;
}

Json to_json(const Outcome& outcome) {
  Json json;
  json.set("state", name_of(outcome.state));
  json.set("text", outcome.text);
  json.set("took_ms", as_integer(outcome.took.count()));
  json.set("step", to_json(outcome.step));
  return json;
}

}  // namespace gpuward
