// Health: which devices may be handed out, by evidence. A pure fold over the
// agent's snapshots.
//
// Bad at once, and only what it is about: a GPU that is lost or gives no
// handle, NVML that does not start, a memory row that could not be remapped, a
// recovery that the driver asks for, an Xid that counts (xid_filter.h). An Xid
// of a MIG instance is of that instance alone.
//
// Bad after the tolerance: probes that do not come back (a client that hangs
// while fresh probes answer is no reason) or are not run (gpuward release), no
// snapshot, or one that gets old.
// Where a second probe leaves out the GPU on which the first one hangs, the
// others go on.
//
// Good again: when rounds have answered well for the recovery time, two at
// least; one lucky call is not enough. An Xid that asks for a reset counts
// until there is evidence of one: another boot, a driver that was loaded anew,
// a recovery that the driver asked for and asks for no longer, its own word in
// Xid 154, ECC counters that began anew.
//
// At the start nothing is known, and nothing is healthy. The first good round
// ends that, but for what was unhealthy when the state was saved.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kubelet/plugin/inventory.h"
#include "kubelet/plugin/resources.h"
#include "kubelet/plugin/settings.h"
#include "kubelet/wire/messages.h"

namespace gpuward::kubelet::plugin {

// A device: a GPU or a MIG device.
struct UnitHealth {
  bool healthy = false;
  std::string reason = "nothing has been heard of it yet";  // where it is not
  // False until something decisive was heard; a saved unhealthy one has been.
  bool judged = false;
  std::optional<Boot> hanging_since;
  std::optional<Boot> good_since;  // the first round of the good ones
  Wall good_round{};               // and when it was
  Wall answered_at{};              // the newest good round
};

// What tells of a reset of a GPU.
struct ResetMemory {
  std::optional<Wall> reset_at;      // the newest that is known of
  bool recovery_asked = false;       // the driver asked for one
  std::optional<int64_t> ecc_count;  // uncorrected, since the last one

  bool operator==(const ResetMemory&) const = default;
};

struct HealthState {
  std::map<std::string, UnitHealth, std::less<>> units;    // by UUID
  std::map<std::string, ResetMemory, std::less<>> resets;  // of GPUs, by UUID
  std::string boot_id;                                     // of the two below
  std::vector<XidEvent> xids;  // more than the agent has, after it restarted
  std::optional<Wall> driver_loaded_at;
  std::optional<Boot> last_news;  // when a snapshot came last
  Wall last_taken_at{};           // and when it was taken
};

struct HealthInput {
  const Inventory& inventory;  // after update() with the same snapshot
  const Snapshot* snapshot;    // the newest there is; nullptr: none
  Boot now;
  Wall wall_now;
  const Settings& settings;
};

// To be called about once a second, whether or not there is something new.
// Units that the inventory has no longer are forgotten.
HealthState fold(HealthState state, const HealthInput& input);

// Nothing is healthy that is not in the state.
bool is_healthy(const HealthState& state, std::string_view uuid);
std::string reason_of(const HealthState& state, std::string_view uuid);

// What the kubelet is told; equal where nothing has changed.
std::vector<wire::Device> to_devices(const Resource& resource,
                                     const HealthState& state);
// For people: "GPU-…: it gives no handle: GPU_IS_LOST"; without numbers that
// change by themselves, empty where all is well.
std::vector<std::string> reasons(const Resource& resource,
                                 const HealthState& state);

}  // namespace gpuward::kubelet::plugin
