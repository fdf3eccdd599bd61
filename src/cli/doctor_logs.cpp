// gpuward doctor --log, --fact: a machine that is not reachable. Nothing local
// is read.
#include <fmt/core.h>

#include <algorithm>
#include <functional>

#include "base/text.h"
#include "base/time.h"
#include "cli/knowledge.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/screen.h"
#include "cli/why.h"
#include "diagnosis/conclude.h"
#include "diagnosis/fold.h"
#include "logs/given.h"
#include "logs/log_reader.h"
#include "model/facts.h"

namespace gpuward::cli {
namespace {

// A pipe that nobody writes to must not hold the doctor for ever.
constexpr Millis kLongest = 1h;

struct Pile {
  std::vector<diagnosis::State> states;  // one for each machine
  std::vector<std::string> names;
  std::vector<Gap> gaps;
  int64_t lines = 0;
  int64_t read = 0;     // files
  bool failed = false;  // something named could not be read at all
};

diagnosis::State& state_of(Pile& pile, size_t machine) {
  if (pile.states.size() <= machine) pile.states.resize(machine + 1);
  return pile.states[machine];
}

std::string progress_text(const std::string& path, int64_t done, int64_t total,
                          int64_t files) {
  std::string text = fmt::format("{}: {} ", path, done >> 20);
  if (total > 0) text += fmt::format("of {} ", total >> 20);
  text += "MB";
  if (files > 0) {
    text += fmt::format(", {} file{} before", files, files == 1 ? "" : "s");
  }
  return text;
}

// Often enough to be seen moving, seldom enough to cost nothing.
class Progress {
 public:
  void show(const std::string& path, int64_t done, int64_t total,
            int64_t files) {
    constexpr Millis kBetween = 100ms;
    const Boot now = BootClock::now();
    if (now - shown_ < kBetween) return;
    shown_ = now;
    line_.show(progress_text(path, done, total, files));
  }
  void clear() { line_.clear(); }

 private:
  WaitLine line_;
  Boot shown_ = BootClock::now();
};

void take(Pile& pile, const Result<logs::LogSummary>& summary) {
  if (!summary) {
    complain(summary.error().text);
    pile.gaps.push_back({"log", summary.error().text});
    pile.failed = true;
    return;
  }
  pile.read += summary->files;
  pile.lines += summary->lines;
  pile.gaps.insert(pile.gaps.end(), summary->gaps.begin(), summary->gaps.end());
}

void read_logs(const DoctorOptions& options,
               const diagnosis::Catalogue& catalogue, Pile& pile) {
  logs::LogReader reader(catalogue.patterns.literals(),
                         [&](size_t machine, const Evidence& evidence) {
                           diagnosis::fold(catalogue, state_of(pile, machine),
                                           evidence);
                         });
  Progress progress;
  for (const std::string& path : options.logs) {
    logs::LogOptions how;
    how.now = wall_now();
    how.deadline = BootClock::now() + kLongest;
    how.only_one = options.logs.size() == 1;
    how.progress = [&](int64_t done, int64_t total) {
      progress.show(path, done, total, pile.read);
    };
    const auto summary = reader.read(path, how);
    progress.clear();
    take(pile, summary);
  }
  const auto gaps = reader.finish();
  pile.gaps.insert(pile.gaps.end(), gaps.begin(), gaps.end());
  size_t machine = 0;
  for (const logs::LogReader::Machine& one : reader.machines()) {
    diagnosis::State& state = state_of(pile, machine++);
    pile.names.push_back(one.name);
    for (const Evidence& fact : one.facts)
      diagnosis::fold(catalogue, state, fact);
  }
}

// What the person at the keyboard says outranks what was read, so it is folded
// last. Of several machines it is said of each.
Result<void> add_given(const DoctorOptions& options,
                       const diagnosis::Catalogue& catalogue, Pile& pile) {
  state_of(pile, 0);
  pile.names.resize(pile.states.size());
  for (const std::string& text : options.facts) {
    const Evidence fact = TRY(logs::given_fact(text));
    for (diagnosis::State& state : pile.states)
      diagnosis::fold(catalogue, state, fact);
  }
  return {};
}

std::string fact_of(const diagnosis::State& state, std::string_view key) {
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
bool says_nothing(const Pile& pile, const diagnosis::State& state) {
  return pile.read > 0 && state.hits.empty() &&
         std::ranges::all_of(state.facts, [](const auto& fact) {
           return is_of_any_machine(fact.first);
         });
}

Diagnosis diagnose(const diagnosis::Catalogue& catalogue, const Pile& pile,
                   const diagnosis::State& state) {
  Diagnosis diagnosis =
      diagnosis::conclude(catalogue, state, pile.gaps, wall_now());
  if (says_nothing(pile, state)) {
    diagnosis.checks.passed = 0;
    diagnosis.checks.unknown.push_back(
        {"log",
         fmt::format("nothing in {} line{} spoke of GPUs", pile.lines,
                     pile.lines == 1 ? "" : "s"),
         true});
  }
  return diagnosis;
}

void put_on_host(Finding& finding, const std::string& host) {
  finding.host = host;
  const auto kind = finding.subject.kind;
  const bool whole =
      kind == Subject::Kind::node || kind == Subject::Kind::fabric;
  if (whole && finding.subject.name.empty()) finding.subject.name = host;
}

void append(Diagnosis& all, Diagnosis one, const std::string& host) {
  for (Finding& finding : one.findings) {
    put_on_host(finding, host);
    all.findings.push_back(std::move(finding));
  }
  all.checks.passed += one.checks.passed;
  all.checks.failed += one.checks.failed;
  for (UnknownCheck& check : one.checks.unknown) {
    check.why = fmt::format("{}: {}", host, check.why);
    all.checks.unknown.push_back(std::move(check));
  }
}

std::string name_of(const Pile& pile, size_t machine) {
  const std::string& name = pile.names[machine];
  return name.empty() ? "a machine without a name" : name;
}

// Each machine by itself; the worst finding of all comes first, those of one
// machine stay in their order.
Diagnosis diagnose_all(const diagnosis::Catalogue& catalogue,
                       const Pile& pile) {
  if (pile.states.size() == 1) {
    return diagnose(catalogue, pile, pile.states.front());
  }
  Diagnosis all;
  for (size_t i = 0; i < pile.states.size(); ++i) {
    append(all, diagnose(catalogue, pile, pile.states[i]), name_of(pile, i));
  }
  std::ranges::stable_sort(
      all.findings, std::greater<>(), [](const Finding& finding) {
        const bool fault = finding.severity == Severity::fault;
        return std::pair(finding.severity,
                         fault ? finding.confidence : Confidence::possible);
      });
  return all;
}

int answer_why_of(const DoctorOptions& options,
                  const diagnosis::Catalogue& catalogue, const Pile& pile) {
  std::vector<WhyMachine> machines;
  for (size_t i = 0; i < pile.states.size(); ++i) {
    const bool alone = pile.states.size() == 1;
    machines.push_back(
        {alone ? "" : name_of(pile, i), pile.states[i], pile.gaps});
  }
  return answer_why(options, catalogue, machines);
}

std::string in_words(const Pile& pile) {
  std::string words = fmt::format("{} log{}, {} lines", pile.read,
                                  pile.read == 1 ? "" : "s", pile.lines);
  if (pile.states.size() > 1) {
    words += fmt::format(", {} machines", pile.states.size());
  }
  return words;
}

std::string days_in_words(const std::string& days) {
  constexpr double kMillisInDay = 86'400'000;
  const auto number = to_double(days);
  return number ? to_words(
                      Millis(static_cast<Millis::rep>(*number * kMillisInDay)))
                : days + " d";
}

// What is said of the one machine there is.
void describe(const diagnosis::State& state, Patient& patient) {
  struct Row {
    std::string_view key;
    std::string_view before;
    std::string_view after;
  };
  static constexpr Row kRows[] = {{fact::kHostname, "host ", ""},
                                  {fact::kGpu, "", ""},
                                  {fact::kDriver, "driver ", ""},
                                  {fact::kModule, "", " module"},
                                  {fact::kUptimeDays, "up ", ""}};
  for (const Row& row : kRows) {
    const std::string value = fact_of(state, row.key);
    if (value.empty()) continue;
    const bool is_days = row.key == fact::kUptimeDays;
    patient.about.push_back(std::string(row.before) +
                            (is_days ? days_in_words(value) : value) +
                            std::string(row.after));
    patient.host.set(row.key, value);
  }
}

Patient patient_of(const DoctorOptions& options, const Pile& pile) {
  Patient patient;
  patient.name = options.logs.empty() ? "given facts" : in_words(pile);
  patient.host = Json::object();
  if (pile.states.size() == 1) {
    const std::string& name = pile.names.front();
    if (!name.empty()) patient.host.set("name", name);
    describe(pile.states.front(), patient);
    return patient;
  }
  Json names = Json::array();
  for (const std::string& name : pile.names) {
    if (!name.empty()) names.push(name);
  }
  patient.host.set("machines", std::move(names));
  return patient;
}

}  // namespace

int doctor_on_logs(const DoctorOptions& options, const Knowledge& knowledge) {
  const diagnosis::Catalogue& catalogue = knowledge.catalogue;
  const Boot started = BootClock::now();
  Pile pile;
  read_logs(options, catalogue, pile);
  if (const auto given = add_given(options, catalogue, pile); !given) {
    complain(given.error().text);
    return kWrongUsage;
  }
  if (asks_why(options)) return answer_why_of(options, catalogue, pile);
  Diagnosis diagnosis = diagnose_all(catalogue, pile);
  add_left_out(knowledge, diagnosis);
  Patient patient = patient_of(options, pile);
  patient.took = BootClock::now() - started;
  const Screen screen;
  if (options.common.json) {
    screen.print_raw(report_json(patient, diagnosis).dump(2) + "\n");
  } else {
    print_report(screen, patient, diagnosis, wall_now());
  }
  const int code = exit_code_of(diagnosis);
  // A file that could not be read may have held the answer.
  return pile.failed && code == kHealthy ? kUnknown : code;
}

}  // namespace gpuward::cli
