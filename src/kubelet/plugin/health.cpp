#include "kubelet/plugin/health.h"

#include <fmt/core.h>

#include <algorithm>
#include <tuple>

#include "kubelet/plugin/gpu_verdict.h"
#include "model/fields.h"

namespace gpuward::kubelet::plugin {
namespace {

using Kind = GpuVerdict::Kind;

constexpr size_t kMostXids = 256;

// --- News: is there a snapshot, and how old is it? ---

void take_news(HealthState& state, const HealthInput& in) {
  if (in.snapshot == nullptr) {
    // From here on the silence counts.
    if (!state.last_news) state.last_news = in.now;
    return;
  }
  const Wall taken_at = in.snapshot->taken_at;
  if (state.last_news && taken_at == state.last_taken_at) return;
  const bool first = state.last_taken_at == Wall{};
  const Millis age = std::max(in.wall_now - taken_at, Millis(0));
  // The first one may have lain there for long. Later ones come as they are
  // written, and the wall clock may have been set meanwhile.
  state.last_news = first ? in.now - age : in.now;
  state.last_taken_at = taken_at;
}

// --- Evidence that a GPU was reset ---

void remember(std::optional<Wall>& newest, Wall when) {
  if (!newest || *newest < when) newest = when;
}

void look_for_reset(ResetMemory& memory, const Gpu& frame) {
  const Reading& recovery = reading(frame, field::kRecoveryAction);
  const Reading& ecc = reading(frame, field::kEccVolatileUncorrected);
  const auto* action = std::get_if<std::string>(&recovery.value);
  if (recovery.state == Reading::State::value && action != nullptr) {
    const bool asks = *action != "none";
    if (memory.recovery_asked && !asks) remember(memory.reset_at, recovery.at);
    memory.recovery_asked = asks;
  }
  const auto* count = std::get_if<int64_t>(&ecc.value);
  if (ecc.state == Reading::State::value && count != nullptr) {
    if (memory.ecc_count && *count < *memory.ecc_count) {
      remember(memory.reset_at, ecc.at);
    }
    memory.ecc_count = *count;
  }
}

std::optional<Wall> newest_of(std::optional<Wall> a, std::optional<Wall> b) {
  return std::max(a, b);  // nothing is less than any time
}

// --- Xids ---

auto place_of(const XidEvent& xid) {
  return std::tie(xid.pci, xid.code, xid.gpu_instance, xid.compute_instance);
}

void take_xid(std::vector<XidEvent>& all, const XidEvent& xid) {
  const auto known = std::ranges::find_if(
      all, [&](const XidEvent& one) { return place_of(one) == place_of(xid); });
  if (known == all.end()) {
    all.push_back(xid);
  } else if (known->when < xid.when) {
    *known = xid;
  }
}

void take_xids(HealthState& state, const Snapshot& snapshot) {
  if (state.boot_id != snapshot.boot_id) {
    state.boot_id = snapshot.boot_id;
    state.xids.clear();
    state.driver_loaded_at.reset();
    state.resets.clear();
  }
  for (const XidEvent& xid : snapshot.xids) take_xid(state.xids, xid);
  std::ranges::stable_sort(state.xids, {}, &XidEvent::when);
  if (state.xids.size() > kMostXids) {
    const auto many = static_cast<std::ptrdiff_t>(state.xids.size());
    state.xids.erase(
        state.xids.begin(),
        state.xids.begin() + (many - static_cast<std::ptrdiff_t>(kMostXids)));
  }
  state.driver_loaded_at =
      newest_of(state.driver_loaded_at, snapshot.driver_loaded_at);
}

// Instances that the line does not name are all of them.
bool concerns(const XidEvent& xid, const MigDevice* mig) {
  if (mig == nullptr) return true;
  return xid.gpu_instance.value_or(mig->gpu_instance) == mig->gpu_instance &&
         xid.compute_instance.value_or(mig->compute_instance) ==
             mig->compute_instance;
}

// The driver said itself that nothing is left to be done.
std::optional<Wall> recovered_by_xid(const HealthState& state,
                                     std::string_view pci) {
  std::optional<Wall> out;
  for (const XidEvent& xid : state.xids) {
    if (xid.pci == pci && says_recovered(xid)) remember(out, xid.when);
  }
  return out;
}

// One GPU in one look.
struct GpuLook {
  const KnownGpu& gpu;
  GpuVerdict verdict;
  std::optional<Wall> reset_at;
  std::optional<Wall> no_recovery_at;  // when the driver last asked for none
};

// The first Xid that speaks against a unit, or nullptr. One that passes does so
// with the next round that answers.
const XidEvent* xid_against(const HealthState& state, const GpuLook& look,
                            const MigDevice* mig, Wall answered_at,
                            const XidFilter& filter) {
  for (const XidEvent& xid : state.xids) {
    if (xid.pci != look.gpu.pci || !concerns(xid, mig)) continue;
    if (look.reset_at && xid.when <= *look.reset_at) continue;
    const XidWeight weight = weight_of(filter, xid);
    if (weight == XidWeight::nothing) continue;
    // What was asked for then is not asked for now.
    if (says_what_to_do(xid) && look.no_recovery_at &&
        xid.when < *look.no_recovery_at) {
      continue;
    }
    const bool passed = answered_at == Wall{} || xid.when < answered_at;
    if (weight == XidWeight::passing && passed) continue;
    return &xid;
  }
  return nullptr;
}

// --- One unit ---

void to_bad(UnitHealth& unit, std::string reason) {
  unit.judged = true;
  unit.healthy = false;
  unit.reason = std::move(reason);
  unit.good_since.reset();
}

void to_good(UnitHealth& unit, Wall round_at, Boot now, Millis recovery_time) {
  unit.hanging_since.reset();
  const bool first = !unit.judged;
  unit.judged = true;
  if (unit.healthy || first) {
    unit.healthy = true;
    unit.reason.clear();
    return;
  }
  if (!unit.good_since) {
    unit.good_since = now;
    unit.good_round = round_at;
    unit.reason = fmt::format(
        "it answers again; healthy once rounds have answered for {}",
        to_words(recovery_time));
  } else if (round_at != unit.good_round &&
             now - *unit.good_since >= recovery_time) {
    unit.healthy = true;
    unit.reason.clear();
  }
}

void to_hanging(UnitHealth& unit, const GpuVerdict& verdict,
                const HealthInput& in) {
  unit.good_since.reset();
  if (!unit.hanging_since) {
    Millis so_far{0};
    if (verdict.since) {
      so_far = std::max(in.wall_now - *verdict.since, Millis(0));
    }
    unit.hanging_since = in.now - so_far;
  }
  const bool over = in.now - *unit.hanging_since >= in.settings.hang_tolerance;
  if (over || !unit.healthy) {
    const bool judged = unit.judged;
    to_bad(unit, verdict.reason);
    // What has never been judged waits for its first round, not for two.
    unit.judged = judged || over;
  }
}

void judge(const HealthState& state, UnitHealth& unit, const GpuLook& look,
           const MigDevice* mig, const HealthInput& in) {
  const GpuVerdict& verdict = look.verdict;
  if (verdict.kind == Kind::good) unit.answered_at = verdict.round_at;
  const XidEvent* xid =
      xid_against(state, look, mig, unit.answered_at, in.settings.xids);
  if (xid != nullptr) {
    to_bad(unit, fmt::format("Xid {}{}{}", xid->code,
                             xid->text.empty() ? "" : ": ", xid->text));
    return;
  }
  switch (verdict.kind) {
    case Kind::good:
      return to_good(unit, verdict.round_at, in.now, in.settings.recovery_time);
    case Kind::bad:
      return to_bad(unit, verdict.reason);
    case Kind::hanging:
      return to_hanging(unit, verdict, in);
    case Kind::no_news:
      // What hung before goes on hanging until something answers.
      if (unit.hanging_since) {
        to_hanging(unit,
                   {Kind::hanging,
                    unit.reason.empty() ? "no round comes back" : unit.reason,
                    std::nullopt, Wall{}},
                   in);
      }
  }
}

// --- All of them ---

GpuLook look_at(HealthState& state, const KnownGpu& gpu, const Gpu* frame,
                const HealthInput& in) {
  GpuLook look{gpu, {}, state.driver_loaded_at, std::nullopt};
  if (in.snapshot != nullptr) {
    look.verdict =
        verdict_of(gpu, frame, *in.snapshot, in.settings.hang_tolerance);
  }
  const Millis silence = in.now - state.last_news.value_or(in.now);
  if (in.snapshot == nullptr || silence >= in.settings.hang_tolerance) {
    look.verdict = {Kind::hanging,
                    "there is no fresh snapshot: is the agent running?",
                    in.wall_now - silence, Wall{}};
  }
  ResetMemory& memory = state.resets[gpu.uuid];
  if (frame != nullptr) {
    look_for_reset(memory, *frame);
    const Reading& recovery = reading(*frame, field::kRecoveryAction);
    if (recovery.value == Value(std::string("none"))) {
      look.no_recovery_at = recovery.at;
    }
  }
  look.reset_at = newest_of(look.reset_at, memory.reset_at);
  look.reset_at = newest_of(look.reset_at, recovered_by_xid(state, gpu.pci));
  return look;
}

void forget_what_is_gone(HealthState& state, const Inventory& inventory) {
  const auto is_gpu = [&](const auto& entry) {
    return std::ranges::any_of(inventory.gpus, [&](const KnownGpu& gpu) {
      return gpu.uuid == entry.first;
    });
  };
  const auto is_unit = [&](const auto& entry) {
    return is_gpu(entry) ||
           std::ranges::any_of(inventory.gpus, [&](const KnownGpu& gpu) {
             return std::ranges::find(gpu.mig, entry.first, &MigDevice::uuid) !=
                    gpu.mig.end();
           });
  };
  std::erase_if(state.units, [&](const auto& one) { return !is_unit(one); });
  std::erase_if(state.resets, [&](const auto& one) { return !is_gpu(one); });
}

}  // namespace

HealthState fold(HealthState state, const HealthInput& input) {
  take_news(state, input);
  std::vector<const Gpu*> frames(input.inventory.gpus.size(), nullptr);
  if (input.snapshot != nullptr) {
    take_xids(state, *input.snapshot);
    frames = frames_of(input.inventory, *input.snapshot);
  }
  for (size_t i = 0; i < frames.size(); ++i) {
    const KnownGpu& gpu = input.inventory.gpus[i];
    const GpuLook look = look_at(state, gpu, frames[i], input);
    judge(state, state.units[gpu.uuid], look, nullptr, input);
    for (const MigDevice& mig : gpu.mig) {
      judge(state, state.units[mig.uuid], look, &mig, input);
    }
  }
  forget_what_is_gone(state, input.inventory);
  return state;
}

bool is_healthy(const HealthState& state, std::string_view uuid) {
  const auto found = state.units.find(uuid);
  return found != state.units.end() && found->second.healthy;
}

std::string reason_of(const HealthState& state, std::string_view uuid) {
  const auto found = state.units.find(uuid);
  return found != state.units.end() ? found->second.reason
                                    : UnitHealth{}.reason;
}

std::vector<wire::Device> to_devices(const Resource& resource,
                                     const HealthState& state) {
  std::vector<wire::Device> out;
  for (const PluginDevice& device : resource.devices) {
    out.push_back({device.id,
                   resource.problem.empty() && is_healthy(state, device.uuid),
                   device.numa_nodes});
  }
  return out;
}

std::vector<std::string> reasons(const Resource& resource,
                                 const HealthState& state) {
  if (!resource.problem.empty()) return {resource.problem};
  std::vector<std::string> out;
  for (const PluginDevice& device : resource.devices) {
    if (is_healthy(state, device.uuid)) continue;
    std::string line =
        fmt::format("{}: {}", device.uuid, reason_of(state, device.uuid));
    // Of replicas once.
    if (out.empty() || out.back() != line) out.push_back(std::move(line));
  }
  return out;
}

}  // namespace gpuward::kubelet::plugin
