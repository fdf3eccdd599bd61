// gpuward status: the GPUs and what they say.
#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "cli/node.h"
#include "cli/options.h"
#include "cli/screen.h"
#include "examine/examine.h"
#include "model/fields.h"
#include "model/json.h"
#include "snapshot/wire.h"

namespace gpuward::cli {
namespace {

// A running agent replaces the file every few seconds, hang or not.
constexpr Millis kFreshFile = 1min;
// Older readings than that are shown with their age.
constexpr Millis kOld = 30s;

// "-" for what this GPU has not, "?" for what is not known, "!" for an error.
std::string text_of(const Gpu& gpu, std::string_view field,
                    std::string_view unit = "") {
  const Reading& from = reading(gpu, field);
  switch (from.state) {
    case Reading::State::value:
      return to_text(from.value) + std::string(unit);
    case Reading::State::unsupported:
      return "-";
    case Reading::State::error:
      return "!";
    case Reading::State::unknown:
      return "?";
  }
  return "?";
}

std::string whole(const Gpu& gpu, std::string_view field) {
  const Reading& from = reading(gpu, field);
  const auto* number = std::get_if<double>(&from.value);
  if (from.state != Reading::State::value || number == nullptr) {
    return text_of(gpu, field);
  }
  return fmt::format("{:.0f}", *number);
}

std::string mebibytes(const Gpu& gpu, std::string_view field) {
  const Reading& from = reading(gpu, field);
  const auto* bytes = std::get_if<int64_t>(&from.value);
  if (from.state != Reading::State::value || bytes == nullptr) {
    return text_of(gpu, field);
  }
  return fmt::format("{}", *bytes >> 20);
}

std::string join(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty()) out += ", ";
    out += part;
  }
  return out;
}

// What is out of the ordinary, in words; "ok" for nothing.
std::string remarks_on(const Gpu& gpu, Wall now) {
  const Reading& handle = reading(gpu, field::kHandle);
  std::vector<std::string> out;
  if (handle.state == Reading::State::unknown) {
    out.push_back(handle.why.empty() ? "not asked" : handle.why);
  } else if (handle.state == Reading::State::error) {
    out.push_back("no handle: " + handle.why);
  }
  if (handle.state == Reading::State::value && !handle.why.empty()) {
    out.push_back(handle.why);
  }
  for (const auto& [field, from] : gpu.readings) {
    if (from.state == Reading::State::error && field != field::kHandle) {
      out.push_back(fmt::format("{}: {}", field, from.why));
      break;
    }
  }
  if (reading(gpu, field::kPersistence).value == Value(false)) {
    out.emplace_back("persistence mode off");
  }
  const std::string action =
      to_text(reading(gpu, field::kRecoveryAction).value);
  if (!action.empty() && action != "none")
    out.push_back("driver asks: " + action);
  const Reading& name = reading(gpu, field::kName);
  if (name.state == Reading::State::value && now - name.at > kOld) {
    out.push_back(to_words(now - name.at) + " old");
  }
  return out.empty() ? "ok" : join(out);
}

std::string mig_column(const Gpu& gpu) {
  const Reading& mode = reading(gpu, field::kMigMode);
  if (mode.value != Value(true))
    return text_of(gpu, field::kMigMode) == "false"
               ? "off"
               : text_of(gpu, field::kMigMode);
  return fmt::format("{} × MIG", gpu.mig.items.size());
}

void print_gpu(const Screen& screen, const Gpu& gpu, Wall now) {
  screen.print(
      printable(fmt::format(
          "{:>3}  {:<24} {:<12} {:>5} {:>11} {:>15} {:>5} {:>8}  {}", gpu.index,
          text_of(gpu, field::kName), text_of(gpu, field::kPciBusId),
          text_of(gpu, field::kTemperature, " C"),
          whole(gpu, field::kPower) + "/" + whole(gpu, field::kPowerLimit) +
              " W",
          mebibytes(gpu, field::kMemoryUsed) + "/" +
              mebibytes(gpu, field::kMemoryTotal),
          text_of(gpu, field::kUtilizationGpu, "%"), mig_column(gpu),
          remarks_on(gpu, now))) +
      "\n");
  for (const MigDevice& mig : gpu.mig.items) {
    screen.print(fmt::format("       MIG {:<12} {}\n", mig.profile, mig.uuid));
  }
}

std::string probe_in_words(const Probe& probe) {
  std::string out = std::string("probe ") + std::string(name_of(probe.state));
  const bool in_call = probe.state == Probe::State::stuck ||
                       probe.state == Probe::State::waiting ||
                       probe.state == Probe::State::slow;
  if (in_call && !probe.symbol.empty()) out += " in " + probe.symbol;
  if (!probe.why.empty()) out += ": " + probe.why;
  return out;
}

void print_table(const Screen& screen, const Snapshot& snapshot, Wall now) {
  std::vector<std::string> head = {screen.paint(
      snapshot.hostname.empty() ? "this machine" : snapshot.hostname,
      Colour::bold)};
  const auto add = [&](std::string_view what, const Reading& from) {
    if (from.state == Reading::State::value) {
      head.push_back(fmt::format("{} {}", what, to_text(from.value)));
    }
  };
  add("driver", snapshot.driver_version);
  add("CUDA", snapshot.cuda_version);
  for (const Probe& probe : snapshot.probes) {
    head.push_back(probe_in_words(probe));
  }
  head.push_back("taken " + to_words(now - snapshot.taken_at) + " ago");
  std::string line;
  for (const std::string& part : head) {
    line += (line.empty() ? "" : " · ") + part;
  }
  screen.print(line + "\n");
  if (snapshot.init.state == Reading::State::error) {
    screen.print("NVML does not start: " + printable(snapshot.init.why) + "\n");
  }
  if (snapshot.gpus.empty()) return;
  screen.print(fmt::format(
      "\n{:>3}  {:<24} {:<12} {:>5} {:>11} {:>15} {:>5} {:>8}  {}\n", "GPU",
      "NAME", "PCI", "TEMP", "POWER", "MEMORY (MiB)", "LOAD", "MIG",
      "REMARKS"));
  for (const Gpu& gpu : snapshot.gpus) print_gpu(screen, gpu, now);
}

// The letter of nvidia-smi -L.
void print_list(const Screen& screen, const Snapshot& snapshot) {
  for (const Gpu& gpu : snapshot.gpus) {
    const Reading& handle = reading(gpu, field::kHandle);
    if (handle.state != Reading::State::value) {
      complain(
          fmt::format("GPU {} does not answer: {}", gpu.index, handle.why));
      continue;
    }
    screen.print(fmt::format("GPU {}: {} (UUID: {})\n", gpu.index,
                             text_of(gpu, field::kName),
                             text_of(gpu, field::kUuid)));
    for (const MigDevice& mig : gpu.mig.items) {
      screen.print(fmt::format("  MIG {:<12}Device {:>2}: (UUID: {})\n",
                               mig.profile, mig.index, mig.uuid));
    }
  }
}

Snapshot snapshot_of(const host::Host& host, const StatusOptions& options) {
  // The file of an agent that is gone says nothing of now.
  if (snapshot::agent_listens(host)) {
    if (auto known = snapshot::read_snapshot(host, kFreshFile))
      return std::move(*known);
  }
  WaitLine line;
  Look look = look_at(host, options.patience,
                      [&line](const Probe& probe, Millis waited) {
                        if (waited > 1s) line.show(waiting_for(probe, waited));
                      });
  if (!look.from_agent) examine::add_other_tasks(look.snapshot, host);
  return std::move(look.snapshot);
}

bool answers(const Snapshot& snapshot) {
  return std::ranges::all_of(snapshot.probes,
                             [](const Probe& probe) {
                               return probe.state == Probe::State::answering;
                             }) &&
         snapshot.init.state == Reading::State::value &&
         std::ranges::all_of(snapshot.gpus, [](const Gpu& gpu) {
           return reading(gpu, field::kHandle).state == Reading::State::value;
         });
}

}  // namespace

int status(const StatusOptions& options) {
  const auto host = open_host(options.common);
  if (!host) {
    complain(host.error().text);
    return kWrongUsage;
  }
  const Snapshot snapshot = snapshot_of(*host, options);
  const Screen screen;
  if (options.common.json) {
    screen.print_raw(to_json(snapshot).dump(2) + "\n");
  } else if (options.list) {
    print_list(screen, snapshot);
    if (!answers(snapshot) && snapshot.gpus.empty()) {
      complain(snapshot.init.why.empty()
                   ? probe_in_words(snapshot.probes.front())
                   : "NVML does not start: " + snapshot.init.why);
    }
  } else {
    print_table(screen, snapshot, wall_now());
  }
  return answers(snapshot) ? kHealthy : kUnknown;
}

}  // namespace gpuward::cli
