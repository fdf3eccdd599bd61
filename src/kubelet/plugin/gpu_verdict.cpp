#include "kubelet/plugin/gpu_verdict.h"

#include <fmt/core.h>

#include "model/fields.h"

namespace gpuward::kubelet::plugin {
namespace {

using Kind = GpuVerdict::Kind;

GpuVerdict bad(std::string reason) {
  return {Kind::bad, std::move(reason), std::nullopt, Wall{}};
}

GpuVerdict hanging(std::string reason, std::optional<Wall> since) {
  return {Kind::hanging, std::move(reason), since, Wall{}};
}

std::string why_of(const Reading& reading) {
  return reading.why.empty() ? "no answer" : reading.why;
}

bool answers(const Probe& probe) {
  return probe.state == Probe::State::answering;
}

// A call that is late; one that another probe waits for is none of ours.
bool is_late(const Probe& probe, Wall taken_at, Millis tolerance) {
  switch (probe.state) {
    case Probe::State::stuck:
    case Probe::State::waiting:
      return true;
    case Probe::State::slow:
      return !probe.symbol.empty() && probe.since &&
             taken_at - *probe.since >= tolerance;
    default:
      return false;
  }
}

GpuVerdict late(const Probe& probe) {
  return hanging(
      fmt::format("the probe does not come back from {}", probe.symbol),
      probe.since);
}

// GPU_IS_LOST or RESET_REQUIRED, whatever was asked.
const Reading* fatal_reading(const Gpu& frame) {
  constexpr int kGpuIsLost = 15;
  constexpr int kResetRequired = 16;
  for (const auto& [field, reading] : frame.readings) {
    if (reading.state == Reading::State::error &&
        (reading.code == kGpuIsLost || reading.code == kResetRequired)) {
      return &reading;
    }
  }
  return nullptr;
}

// Of a round that came back.
GpuVerdict by_frame(const Gpu& frame) {
  const Reading& handle = reading(frame, field::kHandle);
  if (handle.state == Reading::State::unknown) {
    return hanging("NVML says nothing of it: " + why_of(handle), std::nullopt);
  }
  if (handle.state != Reading::State::value) {
    return bad("it gives no handle: " + why_of(handle));
  }
  if (const Reading* fatal = fatal_reading(frame)) {
    return bad("it answers " + why_of(*fatal));
  }
  if (reading(frame, field::kRowsFailed).value == Value(true)) {
    return bad("a row of its memory could not be remapped");
  }
  const std::string action =
      to_text(reading(frame, field::kRecoveryAction).value);
  if (!action.empty() && action != "none") {
    return bad("the driver asks: " + action);
  }
  return {Kind::good, "", std::nullopt, handle.at};
}

GpuVerdict of_answered_round(const KnownGpu& gpu, const Gpu* frame,
                             const Snapshot& snapshot) {
  if (snapshot.init.state != Reading::State::value) {
    return bad("NVML does not start: " + why_of(snapshot.init));
  }
  if (gpu.missing) return bad("NVML counts without it: it is missing");
  if (frame == nullptr) {
    return hanging("NVML says nothing of it", std::nullopt);
  }
  return by_frame(*frame);
}

bool is_of(const Probe& probe, const Gpu* frame) {
  return probe.gpu >= 0 && frame != nullptr && probe.gpu == frame->index;
}

// The first probe waits for one GPU: of the others the second one tells.
GpuVerdict by_second(const KnownGpu& gpu, const Gpu* frame,
                     const Snapshot& snapshot, Millis tolerance) {
  const Probe& first = snapshot.probes.front();
  if (snapshot.probes.size() < 2) {
    // Before the call's own deadline no second one is sent.
    if (first.state == Probe::State::slow) return {};
    return hanging(late(first).reason, std::nullopt);
  }
  const Probe& second = snapshot.probes[1];
  if (answers(second)) return of_answered_round(gpu, frame, snapshot);
  if (is_late(second, snapshot.taken_at, tolerance)) return late(second);
  if (second.state == Probe::State::slow) return {};
  return hanging(late(first).reason, std::nullopt);
}

}  // namespace

GpuVerdict verdict_of(const KnownGpu& gpu, const Gpu* frame,
                      const Snapshot& snapshot, Millis tolerance) {
  if (snapshot.probes.empty()) return hanging("no probe was run", std::nullopt);
  const Probe& first = snapshot.probes.front();
  if (answers(first)) return of_answered_round(gpu, frame, snapshot);
  if (is_late(first, snapshot.taken_at, tolerance)) {
    const bool of_another = first.gpu >= 0 && !is_of(first, frame);
    return of_another ? by_second(gpu, frame, snapshot, tolerance)
                      : late(first);
  }
  if (first.state == Probe::State::slow) return {};
  return hanging(fmt::format("the probe was {}{}",
                             first.state == Probe::State::not_run ? "not run"
                                                                  : "cut short",
                             first.why.empty() ? "" : ": " + first.why),
                 std::nullopt);
}

}  // namespace gpuward::kubelet::plugin
