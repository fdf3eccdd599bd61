// gpuward doctor: why does it not work?
#include <fmt/core.h>

#include <map>

#include "agent/pipeline.h"
#include "cli/node.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/screen.h"
#include "model/facts.h"
#include "model/fields.h"

namespace gpuward::cli {

int doctor_on_logs(const DoctorOptions& options, const Catalogue& catalogue);

namespace {

using Facts = std::map<std::string, std::string, std::less<>>;

// The node's facts by key; where several sources give one, the last.
Facts node_facts(const Collection& collection) {
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

Patient patient_of(const Snapshot& snapshot, const Collection& collection) {
  const Facts facts = node_facts(collection);
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
  if (snapshot.uptime_seconds > 0) {
    patient.about.push_back("up " + to_words(Millis(static_cast<Millis::rep>(
                                        snapshot.uptime_seconds * 1000))));
  }
  patient.host.set("name", snapshot.hostname);
  patient.host.set("boot_id", snapshot.boot_id);
  // 0 is what an unreadable /proc/uptime leaves, and no machine's uptime.
  if (snapshot.uptime_seconds > 0) {
    patient.host.set("uptime_seconds", snapshot.uptime_seconds);
  }
  patient.host.set("kernel", fact_or_nothing(facts, fact::kKernel));
  patient.host.set("os", fact_or_nothing(facts, fact::kOs));
  patient.host.set("driver", driver);
  patient.host.set("module", module);
  patient.host.set("gpus", gpus);
  patient.probes = snapshot.probes;
  patient.other_tasks = collection.tasks;
  return patient;
}

int print(const DoctorOptions& options, const Patient& patient,
          const Diagnosis& diagnosis) {
  const Screen screen;
  if (options.common.json) {
    screen.print(report_json(patient, diagnosis).dump(2) + "\n");
  } else {
    print_report(screen, patient, diagnosis, wall_now());
  }
  return exit_code_of(diagnosis);
}

int doctor_on_host(const DoctorOptions& options, const Host& host,
                   const Catalogue& catalogue) {
  const Boot started = BootClock::now();
  const Gathered collection = gather(host);
  if (has_no_nvidia_hardware(collection)) {
    const Snapshot nothing =
        unprobed_snapshot(host, "no NVIDIA hardware", wall_now());
    Patient patient = patient_of(nothing, collection);
    patient.has_hardware = false;
    return print(options, patient, {});
  }
  WaitLine line;
  const Look look = look_at(host, options.patience,
                            [&line](const Probe& probe, Millis waited) {
                              if (waited > 1s)
                                line.show(waiting_for(probe, waited));
                            });
  line.clear();
  Patient patient = patient_of(look.snapshot, collection);
  patient.containers = collection.containers;
  const Diagnosis diagnosis =
      diagnose(catalogue, collection, look.snapshot, wall_now());
  patient.took = BootClock::now() - started;
  return print(options, patient, diagnosis);
}

}  // namespace

int doctor(const DoctorOptions& options) {
  const auto catalogue = load_catalogue();
  if (!catalogue) {
    complain(catalogue.error().text);
    return kUnknown;
  }
  if (!options.logs.empty() || !options.facts.empty()) {
    return doctor_on_logs(options, *catalogue);
  }
  const auto host = open_host(options.common);
  if (!host) {
    complain(host.error().text);
    return kWrongUsage;
  }
  return doctor_on_host(options, *host, *catalogue);
}

}  // namespace gpuward::cli
