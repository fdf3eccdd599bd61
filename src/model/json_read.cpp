// The way back of json.cpp: JSON from a file or a socket, which may hold
// anything, into model types.
#include <algorithm>

#include "model/json.h"
#include "model/json_reader.h"

namespace gpuward {
namespace {

using json_reading::Reader;
using json_reading::unless;

Reading read_reading(Reader in, Wall now) {
  Reading out;
  const Json& json = in.raw();
  if (in.has("value")) {
    out.state = Reading::State::value;
    out.value = value_from_json(json["value"]);
    if (in.has("note")) out.why = in.text("note");
  } else if (in.has("unsupported")) {
    out.state = Reading::State::unsupported;
    if (in.has("note")) out.why = in.text("note");
  } else if (in.has("error")) {
    out.state = Reading::State::error;
    out.why = in.text("error");
  } else {
    in.require("unknown");
    out.why = in.text("unknown");
  }
  out.code = in.small("code");
  if (in.has("age_ms")) out.at = now - Millis(in.integer("age_ms"));
  return out;
}

std::optional<int> read_small(Reader& in, std::string_view key) {
  return in.has(key) ? std::optional(in.small(key)) : std::nullopt;
}

MigDevice read_mig(Reader& in) {
  return {in.small("index"),
          in.text("uuid"),
          in.text("profile"),
          in.small("gpu_instance", -1),
          in.small("compute_instance", -1),
          in.integer("memory_bytes"),
          read_small(in, "gpu_cap"),
          read_small(in, "compute_cap")};
}

NvLink read_link(Reader& in) {
  return {in.small("link"), in.flag("active"), in.text("remote")};
}

GpuProcess read_process(Reader& in) {
  GpuProcess out{in.integer("pid"), in.text("kind"), std::nullopt,
                 in.small("gpu_instance", -1),
                 in.small("compute_instance", -1)};
  if (in.has("memory_bytes")) out.memory_bytes = in.integer("memory_bytes");
  return out;
}

template <typename Item>
Listing<Item> read_listing(Reader in, Wall now, Item (*read)(Reader&)) {
  return {read_reading(in.part("status"), now), in.list("items", read)};
}

Gpu read_gpu(Reader& in, Wall now) {
  Gpu out;
  in.require("index");
  out.index = in.small("index", -1);
  Reader readings = in.part("readings");
  for (const auto& member : readings.raw().as_object()) {
    out.readings.emplace(member.first,
                         read_reading(readings.part(member.first), now));
  }
  out.mig = read_listing(in.part("mig"), now, read_mig);
  out.nvlinks = read_listing(in.part("nvlinks"), now, read_link);
  out.processes = read_listing(in.part("processes"), now, read_process);
  return out;
}

Subject read_subject(Reader in) {
  using Kind = Subject::Kind;
  return {in.word("kind", {Kind::node, Kind::gpu, Kind::container, Kind::pod,
                           Kind::fabric}),
          in.text("name")};
}

Evidence read_evidence(Reader& in) {
  Evidence out;
  out.source = in.text("source");
  out.text = in.text("text");
  out.file = in.text("file");
  out.line = in.integer("line");
  out.when = in.time("when");
  if (in.has("subject")) out.subject = read_subject(in.part("subject"));
  out.key = in.text("key");
  out.value = value_from_json(in.raw("value"));
  // Sums of them must stay numbers, whatever a file says.
  constexpr int64_t kMostTimes = 1'000'000'000;
  out.times = std::clamp<int64_t>(in.integer("times", 1), 1, kMostTimes);
  out.boot = in.small("boot");
  return out;
}

Gap read_gap(Reader& in) { return {in.text("source"), in.text("why")}; }

Consequence read_consequence(Reader& in) {
  return {in.text("id"), in.text("text")};
}

Remedy read_remedy(Reader& in) {
  using By = Remedy::AppliesBy;
  using Disrupts = Remedy::Disrupts;
  return {in.text("id"), in.text("text"),
          in.word("applies_by", {By::person, By::repair}),
          in.word("disrupts",
                  {Disrupts::nothing, Disrupts::container, Disrupts::node})};
}

Finding read_finding(Reader& in) {
  Finding out;
  in.require("id");
  out.id = in.text("id");
  out.severity =
      in.word("severity", {Severity::fault, Severity::warning, Severity::info});
  out.confidence =
      in.word("confidence",
              {Confidence::possible, Confidence::likely, Confidence::certain});
  out.subject = read_subject(in.part("subject"));
  out.title = in.text("title");
  out.since = in.time("since");
  out.evidence = in.list("evidence", read_evidence);
  out.consequences = in.list("consequences", read_consequence);
  out.remedies = in.list("remedies", read_remedy);
  out.settle = in.texts("settle");
  out.sources = in.texts("sources");
  out.host = in.text("host");
  return out;
}

UnknownCheck read_unknown(Reader& in) {
  return {in.text("id"), in.text("why"), in.flag("matters", true)};
}

StuckTask read_task(Reader& in) {
  StuckTask out;
  out.pid = in.small("pid");
  out.tid = in.small("tid");
  out.start_time = in.count("start_time");
  out.comm = in.text("comm");
  const std::string state = in.text("state");
  if (state.size() == 1) out.state = state[0];
  out.where = in.text("where");
  out.wchan = in.text("wchan");
  out.syscall = in.text("syscall");
  out.stack = in.texts("stack");
  out.in_driver = in.flag("in_driver");
  return out;
}

Probe read_probe(Reader& in) {
  using State = Probe::State;
  Probe out;
  out.state = in.word("state", {State::not_run, State::answering, State::slow,
                                State::waiting, State::stuck, State::failed});
  out.why = in.text("why");
  out.slot = in.small("slot", 1);
  out.boot_id = in.text("boot_id");
  out.pid = in.small("pid");
  out.start_time = in.count("start_time");
  out.symbol = in.text("symbol");
  out.gpu = in.small("gpu", -1);
  out.since = in.time("since");
  out.deadline = Millis(in.integer("deadline_ms"));
  out.calls = in.count("calls");
  out.slowest = Millis(in.integer("slowest_ms"));
  out.slowest_symbol = in.text("slowest_symbol");
  if (in.has("task")) {
    Reader task = in.part("task");
    out.task = read_task(task);
  }
  out.placement = in.text("placement");
  for (const Json& index : in.raw("left_out").as_array()) {
    out.left_out.push_back(static_cast<int>(index.as_integer(-1)));
  }
  return out;
}

XidEvent read_xid(Reader& in) {
  for (const char* key : {"pci", "code", "when"}) in.require(key);
  return {in.text("pci"),
          in.small("code"),
          in.time("when").value_or(Wall{}),
          read_small(in, "gpu_instance"),
          read_small(in, "compute_instance"),
          in.text("text")};
}

Diagnosis read_diagnosis(Reader& in) {
  Diagnosis out;
  out.findings = in.list("findings", read_finding);
  Reader checks = in.part("checks");
  out.checks.passed = checks.small("passed");
  out.checks.failed = checks.small("failed");
  out.checks.unknown = checks.list("unknown", read_unknown);
  return out;
}

void read_node(Reader& in, Snapshot& out) {
  const Wall now = out.taken_at;
  out.driver_version = read_reading(in.part("driver_version"), now);
  out.cuda_version = read_reading(in.part("cuda_version"), now);
  out.nvml_version = read_reading(in.part("nvml_version"), now);
  out.module_flavour = read_reading(in.part("module_flavour"), now);
  out.library_path = read_reading(in.part("library_path"), now);
  out.gpu_count = read_reading(in.part("gpu_count"), now);
  out.init = read_reading(in.part("init"), now);
}

Snapshot read_snapshot(Reader& in, std::string& problem) {
  Snapshot out;
  for (const char* key : {"schema", "boot_id", "taken_at"}) in.require(key);
  if (in.integer("schema") != 1) in.complain("a schema other than 1");
  out.boot_id = in.text("boot_id");
  out.hostname = in.text("hostname");
  out.taken_at = in.time("taken_at").value_or(Wall{});
  // An older gpuward wrote 0 where it could not be read.
  if (in.has("uptime_seconds") && in.number("uptime_seconds") > 0) {
    out.uptime_seconds = in.number("uptime_seconds");
  }
  read_node(in, out);
  for (const Json& gpu : in.raw("gpus").as_array()) {
    Reader reader(gpu, "gpus[" + std::to_string(out.gpus.size()) + "]",
                  problem);
    out.gpus.push_back(read_gpu(reader, out.taken_at));
  }
  out.probes = in.list("probes", read_probe);
  out.other_tasks = in.list("other_tasks", read_task);
  out.xids = in.list("xids", read_xid);
  out.driver_loaded_at = in.time("driver_loaded_at");
  out.gaps = in.list("gaps", read_gap);
  out.diagnosis = read_diagnosis(in);
  return out;
}

Step read_step(Reader& in) {
  using Disrupts = Remedy::Disrupts;
  Step out;
  in.require("action");
  out.action = in.text("action");
  out.subject = read_subject(in.part("subject"));
  out.text = in.text("text");
  out.disrupts = in.word(
      "disrupts", {Disrupts::nothing, Disrupts::container, Disrupts::node});
  out.arguments = in.raw("arguments");
  if (in.has("only_if_failed")) out.only_if_failed = in.count("only_if_failed");
  return out;
}

}  // namespace

Value value_from_json(const Json& json) {
  if (json.is_bool()) return json.as_bool();
  if (json.is_integer()) return json.as_integer();
  if (json.is_number()) return json.as_double();
  if (json.is_string()) return std::string(json.as_string());
  return {};
}

Result<Reading> reading_from_json(const Json& json, Wall now) {
  std::string problem;
  Reading out = read_reading(Reader(json, "reading", problem), now);
  return unless(problem, std::move(out));
}

Result<MigDevice> mig_from_json(const Json& json) {
  std::string problem;
  Reader reader(json, "mig", problem);
  MigDevice out = read_mig(reader);
  return unless(problem, std::move(out));
}

Result<NvLink> link_from_json(const Json& json) {
  std::string problem;
  Reader reader(json, "nvlink", problem);
  NvLink out = read_link(reader);
  return unless(problem, std::move(out));
}

Result<Gpu> gpu_from_json(const Json& json, Wall now) {
  std::string problem;
  Reader reader(json, "gpu", problem);
  Gpu out = read_gpu(reader, now);
  return unless(problem, std::move(out));
}

Result<Evidence> evidence_from_json(const Json& json) {
  std::string problem;
  Reader reader(json, "evidence", problem);
  Evidence out = read_evidence(reader);
  return unless(problem, std::move(out));
}

Result<Gap> gap_from_json(const Json& json) {
  std::string problem;
  Reader reader(json, "gap", problem);
  Gap out = read_gap(reader);
  return unless(problem, std::move(out));
}

Result<StuckTask> task_from_json(const Json& json) {
  std::string problem;
  Reader reader(json, "task", problem);
  StuckTask out = read_task(reader);
  return unless(problem, std::move(out));
}

Result<XidEvent> xid_from_json(const Json& json) {
  std::string problem;
  Reader reader(json, "xid", problem);
  XidEvent out = read_xid(reader);
  return unless(problem, std::move(out));
}

Result<Finding> finding_from_json(const Json& json) {
  std::string problem;
  Reader reader(json, "finding", problem);
  Finding out = read_finding(reader);
  return unless(problem, std::move(out));
}

Result<Snapshot> snapshot_from_json(const Json& json) {
  std::string problem;
  Reader reader(json, "snapshot", problem);
  Snapshot out = read_snapshot(reader, problem);
  return unless(problem, std::move(out));
}

Result<Step> step_from_json(const Json& json) {
  std::string problem;
  Reader reader(json, "step", problem);
  Step out = read_step(reader);
  return unless(problem, std::move(out));
}

}  // namespace gpuward
