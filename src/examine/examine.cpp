#include "examine/examine.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "containers/facts.h"
#include "containers/look.h"
#include "diagnosis/fold.h"
#include "evidence/boot.h"
#include "evidence/driver.h"
#include "evidence/kubelet_port.h"
#include "evidence/pci.h"
#include "evidence/registered_devices.h"
#include "evidence/snapshot_facts.h"
#include "evidence/tasks.h"
#include "host/task.h"
#include "model/facts.h"
#include "model/fields.h"

namespace gpuward::examine {
namespace {

// Only the driver itself says for certain; its file is read by the prober.
Reading flavour_in(const Reading& driver_file) {
  const auto* text = std::get_if<std::string>(&driver_file.value);
  if (driver_file.state != Reading::State::value || text == nullptr) {
    Reading unknown = driver_file;
    unknown.state = Reading::State::unknown;
    return unknown;
  }
  const bool open = text->find("Open Kernel Module") != std::string::npos;
  return reading_of(std::string(open ? "open" : "proprietary"), driver_file.at);
}

// What NVML says; while it says nothing, the loaded module's own version.
Reading driver_version(const host::Host& host, const Reading& by_nvml,
                       Wall now) {
  if (by_nvml.state == Reading::State::value) return by_nvml;
  const auto loaded = evidence::loaded_driver_version(host.evidence);
  if (!loaded) return by_nvml;
  Reading reading = reading_of(*loaded, now);
  reading.why = "of the loaded module";
  return reading;
}

// A GPU that gives no handle tells no address. NVML counts GPUs in the order of
// the bus, so where it counts as many as there are, the place tells.
void add_addresses(Snapshot& snapshot,
                   const Result<std::vector<std::string>>& addresses,
                   Wall now) {
  if (!addresses || addresses->size() != snapshot.gpus.size()) return;
  for (size_t i = 0; i < snapshot.gpus.size(); ++i) {
    Gpu& gpu = snapshot.gpus[i];
    if (gpu.index != static_cast<int>(i)) return;
    Reading& address = gpu.readings[std::string(field::kPciBusId)];
    if (address.state == Reading::State::value) continue;
    address = reading_of((*addresses)[i], now);
    address.why = "by its place on the bus";
  }
}

bool is_fact(const Evidence& evidence, std::string_view key) {
  return evidence.key == key;
}

Snapshot empty_snapshot(const host::Host& host, Wall now) {
  Snapshot snapshot;
  snapshot.taken_at = now;
  snapshot.boot_id = host::boot_id_of(host.self).value_or("");
  snapshot.hostname = evidence::hostname(host.evidence).value_or("");
  if (const auto uptime = evidence::uptime_seconds(host.evidence)) {
    snapshot.uptime_seconds = *uptime;
  }
  return snapshot;
}

std::string in_words(const Probe& probe) {
  std::string out = "the probe is " + std::string(name_of(probe.state));
  if (probe.state == Probe::State::not_run) out = "the probe was not run";
  if (!probe.why.empty()) return out + ": " + probe.why;
  if (!probe.symbol.empty()) out += " in " + probe.symbol;
  return out;
}

// "nvmlInit: DRIVER_NOT_LOADED"; empty for a reading that is there.
std::string in_words(std::string_view what, const Reading& reading) {
  if (reading.state == Reading::State::value) return {};
  return fmt::format("{}: {}", what,
                     reading.why.empty() ? "no answer" : reading.why);
}

// NVML did not do its work, and no fault was found that says why: whatever the
// catalogue makes of it, this node must not be called healthy.
std::vector<UnknownCheck> unexplained(const Snapshot& snapshot) {
  std::vector<UnknownCheck> out;
  const auto add = [&out](std::string_view id, std::string why) {
    if (!why.empty()) out.push_back({std::string(id), std::move(why), true});
  };
  bool answered = false;
  for (const Probe& probe : snapshot.probes) {
    answered = answered || probe.state == Probe::State::answering;
    if (probe.state != Probe::State::answering) add("probe", in_words(probe));
  }
  if (!answered) return out;
  add("nvml", in_words("nvmlInit", snapshot.init));
  if (snapshot.init.state != Reading::State::value) return out;
  add("nvml", in_words("the number of GPUs", snapshot.gpu_count));
  for (const Gpu& gpu : snapshot.gpus) {
    add("nvml", in_words(fmt::format("GPU {} gives no handle", gpu.index),
                         reading(gpu, field::kHandle)));
  }
  return out;
}

}  // namespace

Snapshot to_snapshot(const host::Host& host, const probe::Survey& survey,
                     Wall now) {
  Snapshot snapshot = empty_snapshot(host, now);
  snapshot.init = survey.init;
  snapshot.driver_version = driver_version(host, survey.driver_version, now);
  snapshot.cuda_version = survey.cuda_version;
  snapshot.nvml_version = survey.nvml_version;
  snapshot.library_path = survey.library_path;
  snapshot.gpu_count = survey.gpu_count;
  snapshot.module_flavour = flavour_in(survey.driver_file);
  snapshot.gpus = survey.gpus;
  snapshot.probes = survey.probes;
  add_addresses(snapshot, evidence::gpu_addresses(host.evidence), now);
  return snapshot;
}

Snapshot unprobed_snapshot(const host::Host& host, std::string why, Wall now) {
  Snapshot snapshot = empty_snapshot(host, now);
  Probe probe;
  probe.why = std::move(why);
  snapshot.probes.push_back(std::move(probe));
  return snapshot;
}

void add_other_tasks(Snapshot& snapshot, const host::Host& host) {
  const bool hung =
      std::ranges::any_of(snapshot.probes, [](const Probe& probe) {
        return probe.state == Probe::State::stuck ||
               probe.state == Probe::State::waiting;
      });
  if (hung) snapshot.other_tasks = evidence::collect_tasks(host).tasks;
}

Gathered gather(const host::Host& host) {
  Gathered out{evidence::collect_all(host), {}};
  const Boot started = BootClock::now();
  containers::ContainerLook look = containers::look_at_containers(host);
  for (const Container& container : look.containers) {
    for (Evidence& fact : containers::facts_of(container)) {
      out.evidence.push_back(std::move(fact));
    }
  }
  out.gaps.insert(out.gaps.end(), look.gaps.begin(), look.gaps.end());
  out.containers = std::move(look.containers);
  out.times.push_back({"containers", BootClock::now() - started});
  return out;
}

bool has_no_nvidia_hardware(const Gathered& gathered) {
  const evidence::Collection& collection = gathered;
  const auto was_given = [](const Container& one) { return !one.asked_only; };
  if (std::ranges::any_of(gathered.containers, was_given)) return false;
  const auto value_of = [&](std::string_view key) -> const Value* {
    const auto found = std::ranges::find_if(
        collection.evidence,
        [&](const Evidence& evidence) { return is_fact(evidence, key); });
    return found != collection.evidence.end() ? &found->value : nullptr;
  };
  const Value* gpus = value_of(fact::kPciGpus);
  const Value* loaded = value_of(fact::kModuleLoaded);
  const Value* nodes = value_of(fact::kDeviceNodes);
  return gpus != nullptr && *gpus == Value(int64_t{0}) && loaded != nullptr &&
         *loaded == Value(false) && nodes != nullptr &&
         *nodes == Value(int64_t{0});
}

diagnosis::State fold_all(const diagnosis::Catalogue& catalogue,
                          const evidence::Collection& collection,
                          const Snapshot& snapshot, Wall now) {
  diagnosis::State state;
  for (const Evidence& evidence : collection.evidence) {
    diagnosis::fold(catalogue, state, evidence);
  }
  for (const Evidence& evidence : evidence::facts_of(snapshot, now)) {
    diagnosis::fold(catalogue, state, evidence);
  }
  for (const Evidence& evidence :
       evidence::compare_registered(collection.evidence, snapshot)) {
    diagnosis::fold(catalogue, state, evidence);
  }
  return state;
}

Diagnosis diagnose(const diagnosis::Catalogue& catalogue,
                   const evidence::Collection& collection,
                   const Snapshot& snapshot, Wall now) {
  const diagnosis::State state = fold_all(catalogue, collection, snapshot, now);
  Diagnosis diagnosis =
      diagnosis::conclude(catalogue, state, collection.gaps, now);
  const bool explained =
      std::ranges::any_of(diagnosis.findings, [](const Finding& finding) {
        return finding.severity == Severity::fault;
      });
  if (!explained) {
    for (UnknownCheck& check : unexplained(snapshot)) {
      diagnosis.checks.unknown.push_back(std::move(check));
    }
  }
  // Other evidence may tell the same: not to have been told is no doubt.
  for (const Gap& gap : collection.gaps) {
    if (gap.source != evidence::kKubeletPortSource) continue;
    diagnosis.checks.unknown.push_back({gap.source, gap.why, false});
  }
  return diagnosis;
}

std::vector<Finding> diagnose_containers(
    const diagnosis::Catalogue& catalogue,
    const std::vector<Container>& containers) {
  diagnosis::State state;
  for (const Container& container : containers) {
    for (const Evidence& fact : containers::facts_of(container)) {
      diagnosis::fold(catalogue, state, fact);
    }
  }
  std::vector<Finding> found =
      diagnosis::conclude(catalogue, state, {}, wall_now()).findings;
  std::erase_if(found, [](const Finding& finding) {
    return finding.subject.kind != Subject::Kind::container ||
           finding.subject.name.empty();
  });
  return found;
}

}  // namespace gpuward::examine
