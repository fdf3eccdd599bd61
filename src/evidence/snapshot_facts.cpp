#include "evidence/snapshot_facts.h"

#include <fmt/core.h>

#include <algorithm>
#include <span>

#include "base/text.h"
#include "evidence/source.h"
#include "model/facts.h"
#include "model/fields.h"
#include "model/nvml_returns.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kNvmlSource = "nvml";
constexpr std::string_view kProbeSource = "probe";

// Returns that mean the whole GPU, whichever reading got them.
bool is_fatal(int code) {
  constexpr int kGpuIsLost = 15;
  constexpr int kResetRequired = 16;
  return code == kGpuIsLost || code == kResetRequired;
}

std::string name_of_error(const Reading& reading) {
  const NvmlReturn* known = find_nvml_return(std::to_string(reading.code));
  return known != nullptr ? std::string(known->name) : reading.why;
}

bool is_value(const Reading& reading) {
  return reading.state == Reading::State::value;
}

std::optional<bool> as_flag(const Reading& reading) {
  if (reading.state == Reading::State::unsupported) return false;
  const auto* flag = std::get_if<bool>(&reading.value);
  return is_value(reading) && flag != nullptr ? std::optional(*flag)
                                              : std::nullopt;
}

Subject subject_of(const Gpu& gpu) {
  const Reading& bus_id = reading(gpu, field::kPciBusId);
  if (is_value(bus_id)) {
    return {Subject::Kind::gpu, pci_address(to_text(bus_id.value))};
  }
  return {Subject::Kind::gpu, fmt::format("GPU {}", gpu.index)};
}

class Facts {
 public:
  void node(std::string_view source, std::string_view key, Value value,
            std::string text, std::optional<Wall> when) {
    Evidence item = node_fact(source, key, std::move(value), std::move(text));
    item.when = when;
    out.push_back(std::move(item));
  }
  void gpu(const Gpu& gpu, std::string_view key, Value value, std::string text,
           std::optional<Wall> when) {
    node(kNvmlSource, key, std::move(value), std::move(text), when);
    out.back().subject = subject_of(gpu);
  }
  // A reading of the node, if it holds a value.
  void reading_of_node(std::string_view key, std::string_view what,
                       const Reading& from) {
    if (!is_value(from)) return;
    node(kNvmlSource, key, from.value,
         fmt::format("{} {}", what, to_text(from.value)), from.at);
  }

  std::vector<Evidence> out;
};

void add_init(Facts& facts, const Reading& init) {
  if (is_value(init)) {
    facts.node(kNvmlSource, fact::kNvml, init.value,
               "nvmlInit returned " + to_text(init.value), init.at);
  } else if (init.state == Reading::State::error) {
    const std::string name = name_of_error(init);
    facts.node(kNvmlSource, fact::kNvml, name, "nvmlInit returned " + name,
               init.at);
  }
}

// The handle's return or, where a handle was had, the first fatal one.
void add_gpu_return(Facts& facts, const Gpu& gpu) {
  const Reading& handle = reading(gpu, field::kHandle);
  if (handle.state == Reading::State::error) {
    const std::string name = name_of_error(handle);
    facts.gpu(gpu, fact::kNvml, name,
              fmt::format("GPU {} gives no handle: {}", gpu.index, name),
              handle.at);
    return;
  }
  for (const auto& [field, answer] : gpu.readings) {
    if (answer.state != Reading::State::error || !is_fatal(answer.code)) {
      continue;
    }
    const std::string name = name_of_error(answer);
    facts.gpu(gpu, fact::kNvml, name,
              fmt::format("GPU {} answers {} to {}", gpu.index, name, field),
              answer.at);
    return;
  }
  if (is_value(handle)) {
    facts.gpu(gpu, fact::kNvml, "SUCCESS",
              fmt::format("GPU {} answers", gpu.index), handle.at);
  }
}

// How many GPUs a flag is set on, is not, and is not known of.
struct Tally {
  int on = 0;
  int off = 0;
  int unknown = 0;
};

Tally tally_of(Facts& facts, const Snapshot& snapshot, std::string_view field,
               std::string_view key, std::string_view what) {
  Tally tally;
  for (const Gpu& gpu : snapshot.gpus) {
    const Reading& from = reading(gpu, field);
    const auto flag = as_flag(from);
    if (!flag) {
      ++tally.unknown;
      continue;
    }
    ++(*flag ? tally.on : tally.off);
    const std::string_view word = *flag ? "on" : "off";
    facts.gpu(gpu, key, std::string(word),
              fmt::format("{} is {} at GPU {}", what, word, gpu.index),
              from.at);
  }
  return tally;
}

struct GpuRow {
  std::string_view field;
  std::string_view key;
  std::string_view what;
};

// Readings that are facts as they are.
constexpr GpuRow kHealth[] = {
    {field::kRecoveryAction, fact::kRecoveryAction,
     "the driver's recovery action"},
    {field::kEccVolatileUncorrected, fact::kEccUncorrected,
     "uncorrectable memory errors"},
    {field::kRowsPending, fact::kRowsPending, "rows wait to be remapped"},
    {field::kRowsFailed, fact::kRowsFailed, "a row could not be remapped"},
    {field::kClockReasons, fact::kClockReasons, "clock reasons"},
    {field::kPcieWidth, fact::kPcieWidth, "PCIe lanes"},
    {field::kPcieWidthMax, fact::kPcieWidthMax, "PCIe lanes at most"},
};
constexpr GpuRow kWhileBusy[] = {
    {field::kPcieGeneration, fact::kPcieGeneration, "PCIe generation"},
    {field::kPcieGenerationMax, fact::kPcieGenerationMax,
     "PCIe generation at most"},
};

// An idle GPU saves power at its link.
bool is_busy(const Gpu& gpu) {
  constexpr double kBusyPercent = 20;
  const Reading& load = reading(gpu, field::kUtilizationGpu);
  if (!is_value(load)) return false;
  return to_double(to_text(load.value)).value_or(0) >= kBusyPercent;
}

void add_readings(Facts& facts, const Gpu& gpu, std::span<const GpuRow> rows) {
  for (const GpuRow& row : rows) {
    const Reading& from = reading(gpu, row.field);
    if (!is_value(from)) continue;
    facts.gpu(gpu, row.key, from.value,
              fmt::format("{} of GPU {}: {}", row.what, gpu.index,
                          to_text(from.value)),
              from.at);
  }
}

// A GPU goes on in its old MIG mode until it is reset.
void add_mig_pending(Facts& facts, const Gpu& gpu) {
  const Reading& from = reading(gpu, field::kMigModePending);
  const auto pending = as_flag(from);
  const auto current = as_flag(reading(gpu, field::kMigMode));
  if (!pending || !current || *pending == *current) return;
  const std::string word = *pending ? "on" : "off";
  facts.gpu(
      gpu, fact::kMigPending, word,
      fmt::format("MIG will be {} at GPU {} after a reset", word, gpu.index),
      from.at);
}

void add_mig(Facts& facts, const Snapshot& snapshot) {
  for (const Gpu& gpu : snapshot.gpus) add_mig_pending(facts, gpu);
  const Tally tally =
      tally_of(facts, snapshot, field::kMigMode, fact::kMig, "MIG");
  std::string_view layout;
  if (tally.on > 0 && tally.off > 0) {
    layout = "mixed";
  } else if (tally.unknown == 0 && tally.on > 0) {
    layout = "all";
  } else if (tally.unknown == 0 && tally.off > 0) {
    layout = "off";
  } else {
    return;  // one unknown GPU could make it mixed
  }
  facts.node(
      kNvmlSource, fact::kMig, std::string(layout),
      fmt::format("MIG is on at {} of {} GPUs", tally.on, tally.on + tally.off),
      snapshot.taken_at);
}

void add_persistence(Facts& facts, const Snapshot& snapshot) {
  const Tally tally = tally_of(facts, snapshot, field::kPersistence,
                               fact::kPersistence, "persistence mode");
  if (tally.off > 0) {
    facts.node(kNvmlSource, fact::kPersistence, "off",
               fmt::format("persistence mode is off at {} of {} GPUs",
                           tally.off, snapshot.gpus.size()),
               snapshot.taken_at);
  } else if (tally.on > 0 && tally.unknown == 0) {
    facts.node(kNvmlSource, fact::kPersistence, "on", "persistence mode is on",
               snapshot.taken_at);
  }
}

bool is_in_a_call(const Probe& probe) {
  return probe.state == Probe::State::stuck ||
         probe.state == Probe::State::waiting ||
         probe.state == Probe::State::slow;
}

// "probe 4711 is in nvmlInit_v2 for 12 min, state S, futex_wait_queue"
std::string in_words(const Probe& probe, Wall now) {
  if (!is_in_a_call(probe)) {
    std::string text = fmt::format("probe is {}", name_of(probe.state));
    if (probe.state == Probe::State::not_run) text = "probe was not run";
    return probe.why.empty() ? text : text + ": " + probe.why;
  }
  std::string text = fmt::format("probe {} is in {}", probe.pid, probe.symbol);
  if (probe.gpu >= 0) text += fmt::format(" of GPU {}", probe.gpu);
  if (probe.since) text += " for " + to_words(now - *probe.since);
  if (probe.task) {
    text += fmt::format(", state {}", probe.task->state);
    if (!probe.task->wchan.empty()) text += ", " + probe.task->wchan;
  }
  return text;
}

double seconds(Millis duration) {
  return static_cast<double>(duration.count()) / 1000;
}

void add_task(Facts& facts, const StuckTask& task, const std::string& text,
              std::optional<Wall> when) {
  const auto add = [&](std::string_view key, const std::string& value) {
    if (!value.empty()) facts.node(kProbeSource, key, value, text, when);
  };
  std::string stack;
  for (const std::string& frame : task.stack) {
    stack += (stack.empty() ? "" : " < ") + frame;
  }
  if (task.state != '?') add(fact::kProbeTaskState, std::string(1, task.state));
  add(fact::kProbeWhere, task.where);
  add(fact::kProbeWchan, task.wchan);
  add(fact::kProbeStack, stack);
}

void add_probe(Facts& facts, const Probe& probe, Wall now) {
  const std::string text = in_words(probe, now);
  const auto when = is_in_a_call(probe) ? probe.since : std::nullopt;
  facts.node(kProbeSource, fact::kProbe, std::string(name_of(probe.state)),
             text, when);
  if (is_in_a_call(probe)) {
    if (!probe.symbol.empty()) {
      facts.node(kProbeSource, fact::kProbeSymbol, probe.symbol, text, when);
    }
    if (probe.since) {
      facts.node(kProbeSource, fact::kProbeSeconds, seconds(now - *probe.since),
                 text, when);
    }
    if (probe.task) add_task(facts, *probe.task, text, when);
  }
  if (probe.calls > 0) {
    facts.node(kProbeSource, fact::kProbeSlowest, seconds(probe.slowest),
               fmt::format("the slowest call of the probe, {}, took {}",
                           probe.slowest_symbol, to_words(probe.slowest)),
               std::nullopt);
  }
}

}  // namespace

std::string pci_address(std::string_view bus_id) {
  // sysfs writes as many digits of the domain as it needs, four at least.
  while (bus_id.starts_with('0') && bus_id.find(':') != bus_id.npos &&
         bus_id.find(':') > 4) {
    bus_id.remove_prefix(1);
  }
  return to_lower(bus_id);
}

std::vector<Evidence> facts_of(const Snapshot& snapshot, Wall now) {
  Facts facts;
  // With a note it is not NVML's word, and the source "driver" has it too.
  if (snapshot.driver_version.why.empty()) {
    facts.reading_of_node(fact::kDriver, "driver", snapshot.driver_version);
  }
  facts.reading_of_node(fact::kModule, "kernel module",
                        snapshot.module_flavour);
  facts.reading_of_node(fact::kNvmlGpus,
                        "GPUs that NVML counts:", snapshot.gpu_count);
  add_init(facts, snapshot.init);
  for (const Gpu& gpu : snapshot.gpus) {
    const Reading& name = reading(gpu, field::kName);
    if (is_value(name)) {
      facts.gpu(gpu, fact::kGpu, name.value,
                fmt::format("GPU {} is {}", gpu.index, to_text(name.value)),
                name.at);
    }
    add_gpu_return(facts, gpu);
    add_readings(facts, gpu, kHealth);
    if (is_busy(gpu)) add_readings(facts, gpu, kWhileBusy);
  }
  add_mig(facts, snapshot);
  add_persistence(facts, snapshot);
  if (!snapshot.probes.empty()) add_probe(facts, snapshot.probes[0], now);
  return std::move(facts.out);
}

}  // namespace gpuward::evidence
