#include "cli/doctor_bundle.h"

#include "bundle/read.h"
#include "cli/patient.h"
#include "cli/report.h"
#include "cli/screen.h"
#include "cli/why.h"
#include "logs/given.h"

namespace gpuward::cli {
namespace {

// What the person at the keyboard says outranks what was seen there.
Result<void> add_given(const DoctorOptions& options,
                       evidence::Collection& collection) {
  for (const std::string& text : options.facts) {
    collection.evidence.push_back(TRY(logs::given_fact(text)));
  }
  return {};
}

int answer_why_of(const DoctorOptions& options,
                  const diagnosis::Catalogue& catalogue,
                  const bundle::Seen& seen) {
  const diagnosis::State state =
      examine::fold_all(catalogue, seen.gathered, seen.snapshot, seen.now);
  return answer_why(options, catalogue, {{"", state, seen.gathered.gaps}});
}

int report(const DoctorOptions& options, const Knowledge& knowledge,
           const bundle::Seen& seen) {
  const Boot started = BootClock::now();
  Patient patient = patient_of(seen.snapshot, seen.gathered);
  patient.about.push_back("bundle of " + to_iso(seen.now));
  patient.host.set("bundle_taken_at", to_iso(seen.now));
  patient.has_hardware = !examine::has_no_nvidia_hardware(seen.gathered);
  Diagnosis diagnosis;
  if (patient.has_hardware) {
    diagnosis = examine::diagnose(knowledge.catalogue, seen.gathered,
                                  seen.snapshot, seen.now);
    add_left_out(knowledge, diagnosis);
  }
  patient.took = BootClock::now() - started;
  const Screen screen;
  if (options.common.json) {
    screen.print_raw(report_json(patient, diagnosis).dump(2) + "\n");
  } else {
    // Times are told from when it was seen.
    print_report(screen, patient, diagnosis, seen.now);
  }
  return exit_code_of(diagnosis);
}

}  // namespace

int doctor_on_bundle(const DoctorOptions& options, const Knowledge& knowledge,
                     const std::string& path) {
  constexpr Millis kLongest = 1min;
  auto seen = bundle::read_bundle(path, BootClock::now() + kLongest);
  if (!seen) {
    complain(seen.error().text);
    return kUnknown;
  }
  if (const auto given = add_given(options, seen->gathered); !given) {
    complain(given.error().text);
    return kWrongUsage;
  }
  if (asks_why(options)) {
    return answer_why_of(options, knowledge.catalogue, *seen);
  }
  return report(options, knowledge, *seen);
}

}  // namespace gpuward::cli
