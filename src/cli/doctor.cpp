// gpuward doctor: why does it not work?
#include "bundle/read.h"
#include "cli/doctor_bundle.h"
#include "cli/knowledge.h"
#include "cli/node.h"
#include "cli/options.h"
#include "cli/patient.h"
#include "cli/report.h"
#include "cli/screen.h"
#include "cli/why.h"
#include "examine/examine.h"

namespace gpuward::cli {

int doctor_on_logs(const DoctorOptions& options, const Knowledge& knowledge);

namespace {

int print(const DoctorOptions& options, const Patient& patient,
          const Diagnosis& diagnosis) {
  const Screen screen;
  if (options.common.json) {
    screen.print_raw(report_json(patient, diagnosis).dump(2) + "\n");
  } else {
    print_report(screen, patient, diagnosis, wall_now());
  }
  return exit_code_of(diagnosis);
}

int answer_why_of(const DoctorOptions& options,
                  const diagnosis::Catalogue& catalogue,
                  const evidence::Collection& collection,
                  const Snapshot& snapshot) {
  const diagnosis::State state =
      examine::fold_all(catalogue, collection, snapshot, wall_now());
  return answer_why(options, catalogue, {{"", state, collection.gaps}});
}

int doctor_on_host(const DoctorOptions& options, const host::Host& host,
                   const Knowledge& knowledge) {
  const diagnosis::Catalogue& catalogue = knowledge.catalogue;
  const Boot started = BootClock::now();
  const examine::Gathered collection = examine::gather(host);
  if (examine::has_no_nvidia_hardware(collection)) {
    const Snapshot nothing =
        examine::unprobed_snapshot(host, "no NVIDIA hardware", wall_now());
    if (asks_why(options)) {
      return answer_why_of(options, catalogue, collection, nothing);
    }
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
  if (asks_why(options)) {
    return answer_why_of(options, catalogue, collection, look.snapshot);
  }
  Patient patient = patient_of(look.snapshot, collection);
  patient.is_live = true;
  Diagnosis diagnosis =
      examine::diagnose(catalogue, collection, look.snapshot, wall_now());
  add_left_out(knowledge, diagnosis);
  patient.took = BootClock::now() - started;
  return print(options, patient, diagnosis);
}

}  // namespace

int doctor(const DoctorOptions& options) {
  const auto knowledge = load_knowledge();
  if (!knowledge) {
    complain(knowledge.error().text);
    return kUnknown;
  }
  complain_of_left_out(*knowledge);
  if (const auto known = check_asked(options, knowledge->catalogue); !known) {
    complain(known.error().text);
    return kWrongUsage;
  }
  if (!options.bundle.empty()) {
    return doctor_on_bundle(options, *knowledge, options.bundle);
  }
  // A bundle says more than the logs in it.
  if (options.logs.size() == 1 &&
      bundle::is_bundle(options.logs.front(), BootClock::now() + 5s)) {
    return doctor_on_bundle(options, *knowledge, options.logs.front());
  }
  if (!options.logs.empty() || !options.facts.empty()) {
    return doctor_on_logs(options, *knowledge);
  }
  const auto host = open_host(options.common);
  if (!host) {
    complain(host.error().text);
    return kWrongUsage;
  }
  return doctor_on_host(options, *host, *knowledge);
}

}  // namespace gpuward::cli
