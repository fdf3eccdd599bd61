#include "model/json.h"

#include <gtest/gtest.h>

#include <limits>

#include "model/fields.h"

namespace gpuward {
namespace {

const Wall kNow = Wall(Millis(1'769'314'270'999));

StuckTask some_task() {
  return {4711,     4713, 77,       "nvidia-smi (x)", 'D',
          "kernel", "x",  "openat", {"a", "b"},       true};
}

Gpu some_gpu() {
  Gpu gpu;
  gpu.index = 3;
  gpu.readings["name"] = reading_of(std::string("NVIDIA H20"), kNow - 5s);
  gpu.readings["fan_percent"] = reading_unsupported(kNow - 1ms);
  gpu.readings["handle"] = reading_error(15, "GPU_IS_LOST", kNow);
  gpu.readings["power_watts"] = reading_of(71.5, kNow);
  gpu.readings["display_active"] = reading_of(false, kNow);
  gpu.readings["temperature_celsius"] = {};
  gpu.readings["uuid"].why = "not asked: GPU 2 hangs";
  gpu.mig = {reading_of(int64_t{1}, kNow),
             {{0, "MIG-1", "3g.48gb", 1, 0, 51539607552, 12, 13},
              {1, "MIG-2", "1g.12gb", 7, 0, 12884901888}}};
  gpu.nvlinks = {reading_of(int64_t{1}, kNow), {{4, true, "0000:05:00.0"}}};
  gpu.processes = {
      reading_unsupported(kNow),
      {{99, "compute", 4096, 1, 0}, {7, "mps", std::nullopt, -1, -1}}};
  return gpu;
}

Finding some_finding() {
  Finding finding;
  finding.id = "nvml-init-hang-r570";
  finding.severity = Severity::fault;
  finding.confidence = Confidence::certain;
  finding.title = "NVML hangs";
  finding.since = kNow - 720s;
  finding.evidence = {{"probe", {}, std::nullopt, "", {}, "a hang", "", 0},
                      {"log", {}, std::nullopt, "", {}, "NVRM: x", "k.log", 7}};
  finding.consequences = {{"kubelet-blocked-by-device-plugin", "waits"}};
  finding.remedies = {{"restart-plugin", "restart it",
                       Remedy::AppliesBy::repair, Remedy::Disrupts::container}};
  finding.settle = {"gpuward doctor as root"};
  finding.sources = {"issue 3"};
  return finding;
}

Probe some_probe() {
  Probe probe;
  probe.state = Probe::State::stuck;
  probe.boot_id = "b";
  probe.pid = 4711;
  probe.start_time = 77;
  probe.symbol = "nvmlInit_v2";
  probe.gpu = 2;
  probe.since = kNow - 12min;
  probe.deadline = 15s;
  probe.calls = 12;
  probe.slowest = 250ms;
  probe.slowest_symbol = "dlopen";
  probe.task = some_task();
  probe.placement = "scope gpuward-prober-1.scope";
  probe.left_out = {2, 5};
  return probe;
}

Snapshot some_snapshot() {
  Snapshot snapshot;
  snapshot.boot_id = "b";
  snapshot.hostname = "gpu-node-7";
  snapshot.taken_at = kNow;
  snapshot.uptime_seconds = 1e6;
  snapshot.driver_version = reading_of(std::string("570.158.01"), kNow - 1s);
  snapshot.init = reading_error(999, "UNKNOWN", kNow);
  snapshot.gpus = {some_gpu()};
  snapshot.probes = {some_probe(), Probe{}};
  snapshot.other_tasks = {some_task()};
  snapshot.xids = {
      {"0000:0f:00.0", 79, kNow - 1s, std::nullopt, std::nullopt, "off"},
      {"0000:34:00.0", 94, kNow, 5, 0, ""}};
  snapshot.driver_loaded_at = kNow - 1h;
  snapshot.gaps = {{"kernel-log", "run as root"}};
  snapshot.diagnosis.findings = {some_finding()};
  snapshot.diagnosis.checks = {41, 1, {{"x", "why", true}, {"y", "z", false}}};
  return snapshot;
}

TEST(ModelJson, SnapshotThereAndBack) {
  const Snapshot snapshot = some_snapshot();
  const auto json = Json::parse(to_json(snapshot).dump());
  ASSERT_TRUE(json.has_value());
  const auto back = snapshot_from_json(*json);
  ASSERT_TRUE(back.has_value()) << back.error().text;
  EXPECT_EQ(*back, snapshot);
}

TEST(ModelJson, ReadingsKeepTheirStateAndAge) {
  EXPECT_EQ(to_json(reading_of(int64_t{5}, kNow - 2s), kNow).dump(),
            R"({"value":5,"age_ms":2000})");
  EXPECT_EQ(to_json(reading_unsupported(kNow), kNow).dump(),
            R"({"unsupported":true,"age_ms":0})");
  EXPECT_EQ(to_json(reading_error(15, "GPU_IS_LOST", kNow), kNow).dump(),
            R"({"error":"GPU_IS_LOST","code":15,"age_ms":0})");
  EXPECT_EQ(to_json(Reading{}, kNow).dump(), R"({"unknown":""})");
}

TEST(ModelJson, FindingHasTheShapeOfTheDesign) {
  EXPECT_EQ(
      to_json(some_finding()).dump(),
      R"({"id":"nvml-init-hang-r570","severity":"fault",)"
      R"("confidence":"certain","subject":{"kind":"node"},)"
      R"("title":"NVML hangs","since":"2026-01-25T03:59:10.999Z",)"
      R"("evidence":[{"source":"probe","text":"a hang"},)"
      R"({"source":"log","text":"NVRM: x","file":"k.log","line":7}],)"
      R"("consequences":[{"id":"kubelet-blocked-by-device-plugin",)"
      R"("text":"waits"}],"remedies":[{"id":"restart-plugin",)"
      R"("text":"restart it","applies_by":"repair","disrupts":"container"}],)"
      R"("settle":["gpuward doctor as root"],"sources":["issue 3"]})");
}

TEST(ModelJson, EvidenceThereAndBack) {
  const Evidence fact{"pci",
                      {Subject::Kind::gpu, "0000:0f:00.0"},
                      kNow,
                      "pci_driver",
                      std::string("nouveau"),
                      "bound to nouveau",
                      "",
                      0};
  const auto back = evidence_from_json(to_json(fact));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(*back, fact);

  Evidence line{"kernel-log", {}, kNow, "", {}, "NVRM: x", "k.log", 7};
  line.times = 3;
  line.boot = -1;
  const auto again = evidence_from_json(to_json(line));
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(*again, line);

  // A file may say anything: sums of it stay numbers.
  Json json = to_json(line);
  json.set("times", std::numeric_limits<int64_t>::max());
  EXPECT_LE(evidence_from_json(json)->times, 1'000'000'000);
  json.set("times", -5);
  EXPECT_EQ(evidence_from_json(json)->times, 1);
}

TEST(ModelJson, MalformedInputIsAnErrorThatNamesThePlace) {
  const auto why = [](std::string_view text) {
    const auto snapshot = snapshot_from_json(*Json::parse(text));
    return snapshot ? "" : snapshot.error().text;
  };
  EXPECT_EQ(why("[]"), "snapshot: an object is expected");
  EXPECT_EQ(why(R"({"schema":1})"), "snapshot: no boot_id");
  Json json = to_json(some_snapshot());
  json.set("hostname", 5);
  EXPECT_EQ(why(json.dump()), "snapshot: hostname is not text");
  json = to_json(some_snapshot());
  json.set("probes", Json::Array{Json("x")});
  EXPECT_EQ(why(json.dump()), "snapshot.probes[0]: an object is expected");
  json.set("probes", *Json::parse(R"([{"state":"happy"}])"));
  EXPECT_EQ(why(json.dump()), "snapshot.probes[0]: unknown state \"happy\"");
  json.set("probes", *Json::parse(R"([{"state":"stuck","pid":99999999999}])"));
  EXPECT_EQ(why(json.dump()), "snapshot.probes[0]: pid is out of range");
  json = to_json(some_snapshot());
  json.set("xids", *Json::parse(R"([{"pci":"0000:0f:00.0","code":79}])"));
  EXPECT_EQ(why(json.dump()), "snapshot.xids[0]: no when");
  json = to_json(some_snapshot());
  json.set("schema", 2);
  EXPECT_EQ(why(json.dump()), "snapshot: a schema other than 1");
}

TEST(ModelJson, ReadingsOfNoShapeAreRefused) {
  for (const char* text :
       {"5", "{}", R"({"error":7})", R"({"value":1,"age_ms":"old"})"}) {
    const auto reading = reading_from_json(*Json::parse(text), kNow);
    EXPECT_FALSE(reading.has_value()) << text;
  }
}

// Every prefix of a document either parses to something else or is refused.
TEST(ModelJson, CutDocumentsDoNotCrash) {
  const std::string whole = to_json(some_snapshot()).dump();
  for (size_t size = 0; size < whole.size(); size += 7) {
    EXPECT_FALSE(Json::parse(whole.substr(0, size)).has_value());
  }
}

TEST(Gpu, AMissingReadingIsUnknown) {
  EXPECT_EQ(reading(some_gpu(), "nothing").state, Reading::State::unknown);
  EXPECT_EQ(reading(some_gpu(), field::kHandle).code, 15);
}

// 0 seconds would be a machine that has just booted.
TEST(Json, AnUptimeThatCouldNotBeReadIsLeftOut) {
  Snapshot snapshot;
  snapshot.boot_id = "b";
  Json json = to_json(snapshot);
  EXPECT_TRUE(json["uptime_seconds"].is_null());
  EXPECT_EQ(snapshot_from_json(json)->uptime_seconds, std::nullopt);
  json.set("uptime_seconds", 0);
  EXPECT_EQ(snapshot_from_json(json)->uptime_seconds, std::nullopt);
  json.set("uptime_seconds", 12.5);
  EXPECT_EQ(snapshot_from_json(json)->uptime_seconds, 12.5);
}

}  // namespace
}  // namespace gpuward
