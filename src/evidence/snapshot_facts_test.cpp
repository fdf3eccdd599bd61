#include "evidence/snapshot_facts.h"

#include <gtest/gtest.h>

#include "model/facts.h"
#include "model/fields.h"

namespace gpuward::evidence {
namespace {

const Wall kNow = Wall(Millis(1'769'314'270'999));

Gpu gpu_with(int index, Reading mig, Reading persistence) {
  Gpu gpu;
  gpu.index = index;
  gpu.readings["handle"] = reading_of(true, kNow);
  gpu.readings["pci_bus_id"] =
      reading_of("00000000:0" + std::to_string(index) + ":00.0", kNow);
  gpu.readings["name"] = reading_of(std::string("NVIDIA H20"), kNow);
  gpu.readings["mig_mode"] = mig;
  gpu.readings["persistence_mode"] = persistence;
  return gpu;
}

const Evidence* find(const std::vector<Evidence>& facts, std::string_view key,
                     std::string_view gpu = {}) {
  for (const Evidence& item : facts) {
    if (item.key == key && item.subject.name == gpu) return &item;
  }
  return nullptr;
}

std::string value_of(const Snapshot& snapshot, std::string_view key,
                     std::string_view gpu = {}) {
  const auto facts = facts_of(snapshot, kNow);
  const Evidence* item = find(facts, key, gpu);
  return item != nullptr ? to_text(item->value) : "-";
}

const Reading kOn = reading_of(true, kNow);
const Reading kOff = reading_of(false, kNow);

TEST(SnapshotFacts, AnEmptySnapshotSaysNothing) {
  EXPECT_TRUE(facts_of(Snapshot{}, kNow).empty());
}

TEST(SnapshotFacts, NodeAndGpus) {
  Snapshot snapshot;
  snapshot.driver_version = reading_of(std::string("570.158.01"), kNow);
  snapshot.gpu_count = reading_of(int64_t{2}, kNow);
  snapshot.init = reading_of(std::string("SUCCESS"), kNow);
  snapshot.gpus = {gpu_with(0, kOn, kOn), gpu_with(1, kOff, kOff)};
  EXPECT_EQ(value_of(snapshot, fact::kDriver), "570.158.01");
  EXPECT_EQ(value_of(snapshot, fact::kNvmlGpus), "2");
  EXPECT_EQ(value_of(snapshot, fact::kNvml), "SUCCESS");
  EXPECT_EQ(value_of(snapshot, fact::kMig), "mixed");
  EXPECT_EQ(value_of(snapshot, fact::kMig, "0000:00:00.0"), "on");
  EXPECT_EQ(value_of(snapshot, fact::kMig, "0000:01:00.0"), "off");
  EXPECT_EQ(value_of(snapshot, fact::kPersistence), "off");
  EXPECT_EQ(value_of(snapshot, fact::kGpu, "0000:01:00.0"), "NVIDIA H20");
  EXPECT_EQ(value_of(snapshot, fact::kNvml, "0000:01:00.0"), "SUCCESS");
}

TEST(SnapshotFacts, PendingMigOnlyWhereItDiffers) {
  Snapshot snapshot;
  snapshot.gpus = {gpu_with(0, kOff, kOn), gpu_with(1, kOn, kOn),
                   gpu_with(2, {}, kOn)};
  for (Gpu& gpu : snapshot.gpus) gpu.readings["mig_mode_pending"] = kOn;
  EXPECT_EQ(value_of(snapshot, fact::kMigPending, "0000:00:00.0"), "on");
  EXPECT_EQ(value_of(snapshot, fact::kMigPending, "0000:01:00.0"), "-");
  EXPECT_EQ(value_of(snapshot, fact::kMigPending, "0000:02:00.0"), "-");
}

TEST(SnapshotFacts, HealthOfMemoryClocksAndLink) {
  Snapshot snapshot;
  snapshot.gpus = {gpu_with(0, kOff, kOn), gpu_with(1, kOff, kOn)};
  for (Gpu& gpu : snapshot.gpus) {
    gpu.readings["ecc_volatile_uncorrected"] = reading_of(int64_t{3}, kNow);
    gpu.readings["remapped_rows_pending"] = kOn;
    gpu.readings["remapped_rows_failed"] = kOff;
    gpu.readings["clock_event_reasons"] =
        reading_of(std::string("hardware slowdown"), kNow);
    gpu.readings["pcie_width"] = reading_of(int64_t{8}, kNow);
    gpu.readings["pcie_width_max"] = reading_of(int64_t{16}, kNow);
    gpu.readings["pcie_generation"] = reading_of(int64_t{1}, kNow);
    gpu.readings["utilization_gpu_percent"] =
        reading_of(int64_t{gpu.index == 1 ? 90 : 0}, kNow);
  }
  snapshot.gpus[1].readings.erase("ecc_volatile_uncorrected");
  const std::string_view idle = "0000:00:00.0";
  const std::string_view busy = "0000:01:00.0";
  EXPECT_EQ(value_of(snapshot, fact::kEccUncorrected, idle), "3");
  EXPECT_EQ(value_of(snapshot, fact::kEccUncorrected, busy), "-");
  EXPECT_EQ(value_of(snapshot, fact::kRowsPending, idle), "true");
  EXPECT_EQ(value_of(snapshot, fact::kRowsFailed, idle), "false");
  EXPECT_EQ(value_of(snapshot, fact::kClockReasons, idle), "hardware slowdown");
  EXPECT_EQ(value_of(snapshot, fact::kPcieWidth, idle), "8");
  EXPECT_EQ(value_of(snapshot, fact::kPcieWidthMax, idle), "16");
  // An idle GPU slows its link down to save power.
  EXPECT_EQ(value_of(snapshot, fact::kPcieGeneration, idle), "-");
  EXPECT_EQ(value_of(snapshot, fact::kPcieGeneration, busy), "1");
}

TEST(SnapshotFacts, UnknownNeverCountsAsOff) {
  Snapshot snapshot;
  snapshot.gpus = {gpu_with(0, kOff, kOn), gpu_with(1, {}, {})};
  EXPECT_EQ(value_of(snapshot, fact::kMig), "-");
  EXPECT_EQ(value_of(snapshot, fact::kPersistence), "-");
  snapshot.gpus[1] = gpu_with(1, reading_unsupported(kNow), kOn);
  EXPECT_EQ(value_of(snapshot, fact::kMig), "off");
  EXPECT_EQ(value_of(snapshot, fact::kPersistence), "on");
  snapshot.gpus = {gpu_with(0, kOn, kOn), gpu_with(1, kOn, kOn)};
  EXPECT_EQ(value_of(snapshot, fact::kMig), "all");
}

TEST(SnapshotFacts, ReturnsByName) {
  Snapshot snapshot;
  snapshot.init = reading_error(18, "whatever", kNow);
  Gpu lost = gpu_with(3, {}, {});
  lost.readings["power_watts"] = reading_error(15, "lost", kNow);
  Gpu no_handle;
  no_handle.index = 4;
  no_handle.readings["handle"] = reading_error(999, "x", kNow);
  Gpu odd = gpu_with(5, kOff, kOn);
  odd.readings["fan_percent"] = reading_error(999, "x", kNow);
  snapshot.gpus = {lost, no_handle, odd};
  EXPECT_EQ(value_of(snapshot, fact::kNvml), "LIB_RM_VERSION_MISMATCH");
  EXPECT_EQ(value_of(snapshot, fact::kNvml, "0000:03:00.0"), "GPU_IS_LOST");
  EXPECT_EQ(value_of(snapshot, fact::kNvml, "GPU 4"), "UNKNOWN");
  EXPECT_EQ(value_of(snapshot, fact::kNvml, "0000:05:00.0"), "SUCCESS");
}

Probe stuck_probe() {
  Probe probe;
  probe.state = Probe::State::stuck;
  probe.pid = 4711;
  probe.symbol = "nvmlInit_v2";
  probe.since = kNow - 12min;
  probe.calls = 1;
  probe.slowest = 2500ms;
  probe.slowest_symbol = "dlopen";
  probe.task = StuckTask{};
  probe.task->state = 'S';
  probe.task->where = "user";
  probe.task->wchan = "futex_wait_queue";
  probe.task->stack = {"a", "b [nvidia]"};
  return probe;
}

TEST(SnapshotFacts, AStuckProbeInWords) {
  Snapshot snapshot;
  snapshot.probes = {stuck_probe()};
  const auto facts = facts_of(snapshot, kNow);
  const Evidence* probe = find(facts, fact::kProbe);
  ASSERT_NE(probe, nullptr);
  EXPECT_EQ(probe->text,
            "probe 4711 is in nvmlInit_v2 for 12 min, state S, "
            "futex_wait_queue");
  EXPECT_EQ(probe->source, "probe");
  EXPECT_EQ(probe->when, kNow - 12min);
  EXPECT_EQ(to_text(probe->value), "stuck");
  EXPECT_EQ(value_of(snapshot, fact::kProbeSymbol), "nvmlInit_v2");
  EXPECT_EQ(value_of(snapshot, fact::kProbeTaskState), "S");
  EXPECT_EQ(value_of(snapshot, fact::kProbeWhere), "user");
  EXPECT_EQ(value_of(snapshot, fact::kProbeWchan), "futex_wait_queue");
  EXPECT_EQ(value_of(snapshot, fact::kProbeStack), "a < b [nvidia]");
  EXPECT_EQ(value_of(snapshot, fact::kProbeSeconds), "720");
  EXPECT_EQ(value_of(snapshot, fact::kProbeSlowest), "2.5");
}

TEST(SnapshotFacts, AProbeThatAnswersOrWasNotRun) {
  Snapshot snapshot;
  snapshot.probes = {Probe{}};
  snapshot.probes[0].why = "no library";
  EXPECT_EQ(find(facts_of(snapshot, kNow), fact::kProbe)->text,
            "probe was not run: no library");
  EXPECT_EQ(value_of(snapshot, fact::kProbe), "not-run");
  EXPECT_EQ(value_of(snapshot, fact::kProbeSlowest), "-");
  snapshot.probes[0] = stuck_probe();
  snapshot.probes[0].state = Probe::State::answering;
  EXPECT_EQ(value_of(snapshot, fact::kProbe), "answering");
  EXPECT_EQ(value_of(snapshot, fact::kProbeSeconds), "-");
}

TEST(SnapshotFacts, PciAddresses) {
  EXPECT_EQ(pci_address("00000000:0F:00.0"), "0000:0f:00.0");
  EXPECT_EQ(pci_address("00010000:0F:00.0"), "10000:0f:00.0");
  EXPECT_EQ(pci_address("0000:0f:00.0"), "0000:0f:00.0");
}

}  // namespace
}  // namespace gpuward::evidence
