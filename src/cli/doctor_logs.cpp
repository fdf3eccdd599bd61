// gpuward doctor --log, --fact: a machine that is not reachable. Nothing local
// is read.
#include <fmt/core.h>

#include <algorithm>

#include "cli/options.h"
#include "cli/report.h"
#include "cli/screen.h"
#include "diagnosis/conclude.h"
#include "diagnosis/fold.h"
#include "evidence/text/given.h"
#include "evidence/text/log_reader.h"
#include "model/facts.h"

namespace gpuward::cli {
namespace {

// A pipe that nobody writes to must not hold the doctor for ever.
constexpr Millis kLongest = 1h;

struct Pile {
  State state;
  std::vector<Gap> gaps;
  int64_t lines = 0;
  int read = 0;
  bool failed = false;  // something named could not be read at all
};

std::string progress_text(const std::string& path, int64_t done,
                          int64_t total) {
  if (total <= 0) return fmt::format("{}: {} MB", path, done >> 20);
  return fmt::format("{}: {} of {} MB", path, done >> 20, total >> 20);
}

void read_logs(const DoctorOptions& options, const Catalogue& catalogue,
               Pile& pile) {
  const auto literals = catalogue.patterns.literals();
  LogReader reader(literals);
  WaitLine line;
  for (const std::string& path : options.logs) {
    LogOptions how;
    how.now = wall_now();
    how.deadline = BootClock::now() + kLongest;
    how.progress = [&](int64_t done, int64_t total) {
      line.show(progress_text(path, done, total));
    };
    const auto summary = reader.read(path, how, [&](const Evidence& evidence) {
      fold(catalogue, pile.state, evidence);
    });
    line.clear();
    if (!summary) {
      complain(summary.error().text);
      pile.gaps.push_back({"log", summary.error().text});
      pile.failed = true;
      continue;
    }
    ++pile.read;
    pile.lines += summary->lines;
    pile.gaps.insert(pile.gaps.end(), summary->gaps.begin(),
                     summary->gaps.end());
  }
  for (const Evidence& fact : reader.facts()) fold(catalogue, pile.state, fact);
}

// What the person at the keyboard says outranks what was read, so it is folded
// last.
Result<void> add_given(const DoctorOptions& options, const Catalogue& catalogue,
                       Pile& pile) {
  for (const std::string& text : options.facts) {
    fold(catalogue, pile.state, TRY(given_fact(text)));
  }
  return {};
}

std::string fact_of(const State& state, std::string_view key) {
  const auto found = state.facts.find(key);
  if (found == state.facts.end() || found->second.empty()) return {};
  return to_text(found->second.begin()->second.value);
}

// What any log tells of its machine, whether it has a GPU or not.
bool is_of_any_machine(std::string_view key) {
  constexpr std::string_view kAny[] = {
      fact::kUptimeDays, fact::kKernel,  fact::kOs,
      fact::kHostname,   fact::kSystemd, fact::kDocker,
      fact::kKubernetes, fact::kRunc,    fact::kCgroup};
  return std::ranges::find(kAny, key) != std::end(kAny);
}

// Text that is of something else passes no check.
bool says_nothing(const Pile& pile) {
  return pile.read > 0 && pile.state.hits.empty() &&
         std::ranges::all_of(pile.state.facts, [](const auto& fact) {
           return is_of_any_machine(fact.first);
         });
}

Patient patient_of(const DoctorOptions& options, const Pile& pile) {
  Patient patient;
  patient.name = options.logs.empty()
                     ? "given facts"
                     : fmt::format("{} log{}, {} lines", pile.read,
                                   pile.read == 1 ? "" : "s", pile.lines);
  struct Row {
    std::string_view key;
    std::string_view before;
    std::string_view after;
  };
  static constexpr Row kRows[] = {{fact::kHostname, "host ", ""},
                                  {fact::kGpu, "", ""},
                                  {fact::kDriver, "driver ", ""},
                                  {fact::kModule, "", " module"},
                                  {fact::kUptimeDays, "up ", " d"}};
  for (const Row& row : kRows) {
    const std::string value = fact_of(pile.state, row.key);
    if (value.empty()) continue;
    patient.about.push_back(std::string(row.before) + value +
                            std::string(row.after));
    patient.host.set(row.key, value);
  }
  if (patient.host.is_null()) patient.host = Json::object();
  return patient;
}

}  // namespace

int doctor_on_logs(const DoctorOptions& options, const Catalogue& catalogue) {
  const Boot started = BootClock::now();
  Pile pile;
  read_logs(options, catalogue, pile);
  if (const auto given = add_given(options, catalogue, pile); !given) {
    complain(given.error().text);
    return kWrongUsage;
  }
  Diagnosis diagnosis = conclude(catalogue, pile.state, pile.gaps, wall_now());
  if (says_nothing(pile)) {
    diagnosis.checks.passed = 0;
    diagnosis.checks.unknown.push_back(
        {"log",
         fmt::format("nothing in {} line{} spoke of GPUs", pile.lines,
                     pile.lines == 1 ? "" : "s"),
         true});
  }
  Patient patient = patient_of(options, pile);
  patient.took = BootClock::now() - started;
  const Screen screen;
  if (options.common.json) {
    screen.print(report_json(patient, diagnosis).dump(2) + "\n");
  } else {
    print_report(screen, patient, diagnosis, wall_now());
  }
  const int code = exit_code_of(diagnosis);
  // A file that could not be read may have held the answer.
  return pile.failed && code == kHealthy ? kUnknown : code;
}

}  // namespace gpuward::cli
