#include "cli/patient.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "model/facts.h"
#include "model/fields.h"

namespace gpuward::cli {
namespace {

using Facts = std::map<std::string, std::string, std::less<>>;

// The node's facts by key; where several sources give one, the last.
Facts node_facts(const evidence::Collection& collection) {
  Facts out;
  for (const Evidence& evidence : collection.evidence) {
    if (!evidence.key.empty() && evidence.subject.kind == Subject::Kind::node) {
      out[evidence.key] = to_text(evidence.value);
    }
  }
  return out;
}

std::string fact_or_nothing(const Facts& facts, std::string_view key) {
  const auto found = facts.find(key);
  return found != facts.end() ? found->second : "";
}

std::string driver_of(const Snapshot& snapshot, const Facts& facts) {
  if (snapshot.driver_version.state == Reading::State::value) {
    return to_text(snapshot.driver_version.value);
  }
  return fact_or_nothing(facts, fact::kDriver);
}

// "8 × NVIDIA H20": by NVML where it answers, else by the PCI bus.
std::string gpus_in_words(const Snapshot& snapshot, const Facts& facts) {
  std::map<std::string, int> models;
  for (const Gpu& gpu : snapshot.gpus) {
    const Reading& name = reading(gpu, field::kName);
    if (name.state == Reading::State::value) ++models[to_text(name.value)];
  }
  if (models.size() != 1) {
    const std::string count = fact_or_nothing(facts, fact::kPciGpus);
    return count.empty() ? "" : count + " × NVIDIA GPU";
  }
  const size_t count = std::max(snapshot.gpus.size(), size_t{1});
  return fmt::format("{} × {}", count, models.begin()->first);
}

}  // namespace

Patient patient_of(const Snapshot& snapshot,
                   const examine::Gathered& gathered) {
  const Facts facts = node_facts(gathered);
  const std::string driver = driver_of(snapshot, facts);
  const std::string module = fact_or_nothing(facts, fact::kModule);
  Patient patient;
  patient.name = snapshot.hostname.empty() ? "this machine" : snapshot.hostname;
  const std::string gpus = gpus_in_words(snapshot, facts);
  if (!gpus.empty()) patient.about.push_back(gpus);
  if (!driver.empty()) {
    patient.about.push_back("driver " + driver +
                            (module.empty() ? "" : " (" + module + ")"));
  }
  if (snapshot.uptime_seconds) {
    patient.about.push_back("up " + to_words(Millis(static_cast<Millis::rep>(
                                        *snapshot.uptime_seconds * 1000))));
  }
  patient.host.set("name", snapshot.hostname);
  patient.host.set("boot_id", snapshot.boot_id);
  if (snapshot.uptime_seconds) {
    patient.host.set("uptime_seconds", *snapshot.uptime_seconds);
  }
  patient.host.set("kernel", fact_or_nothing(facts, fact::kKernel));
  patient.host.set("os", fact_or_nothing(facts, fact::kOs));
  patient.host.set("driver", driver);
  patient.host.set("module", module);
  patient.host.set("gpus", gpus);
  patient.probes = snapshot.probes;
  patient.other_tasks = gathered.tasks;
  patient.containers = gathered.containers;
  return patient;
}

}  // namespace gpuward::cli
