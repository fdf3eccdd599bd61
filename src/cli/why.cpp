#include "cli/why.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "cli/screen.h"
#include "model/json.h"

namespace gpuward::cli {
namespace {

constexpr size_t kStep = 4;  // of indentation
constexpr size_t kShownNames = 4;

struct Question {
  std::string id;
  bool why_not = false;
};

struct Answer {
  Question question;
  std::string machine;
  diagnosis::Why why;
};

std::vector<Question> questions(const DoctorOptions& options) {
  std::vector<Question> all;
  for (const std::string& id : options.why) all.push_back({id, false});
  for (const std::string& id : options.why_not) all.push_back({id, true});
  return all;
}

struct Mark {
  std::string_view sign;
  Colour colour;
};

Mark mark_of(diagnosis::Truth truth) {
  switch (truth) {
    case diagnosis::Truth::yes:
      return {"✔", Colour::green};
    case diagnosis::Truth::no:
      return {"✖", Colour::red};
    case diagnosis::Truth::unknown:
      return {"?", Colour::yellow};
  }
  return {"?", Colour::yellow};
}

// `sign text [tail]`, `indent` columns in, wrapped under the text.
void print_row(const Screen& screen, size_t indent, std::string_view sign,
               Colour colour, std::string_view text,
               const std::string& tail = {}) {
  const std::string end = tail.empty() ? "" : "[" + tail + "]";
  screen.print_wrapped(fmt::format("{} {} {}", sign, text, end),
                       {.indent = indent,
                        .hang = indent + (sign.empty() ? 0 : 2),
                        .lead = sign,
                        .colour = colour,
                        .tail = end});
}

// "kern.log:12, 2026-01-25 04:11:10Z"
std::string where_of(const Evidence& evidence) {
  std::string words = evidence.file.empty() ? evidence.source : evidence.file;
  if (!evidence.file.empty() && evidence.line != 0) {
    words += fmt::format(":{}", evidence.line);
  }
  if (!evidence.when) return words;
  std::string time = to_iso(*evidence.when).substr(0, 19);
  std::ranges::replace(time, 'T', ' ');
  return fmt::format("{}, {}Z", words, time);
}

// Of evidence about one GPU or container, whose it is.
std::string text_of(const Evidence& evidence) {
  std::string text = printable(evidence.text, 400);
  if (evidence.times > 1) text += fmt::format(" ({} times)", evidence.times);
  const std::string about = gpuward::in_words(evidence.subject);
  const bool told = evidence.key.empty() || about.empty() ||
                    text.find(evidence.subject.name) != std::string::npos;
  return told ? text : about + ": " + text;
}

// "probe is stuck (not known)"
std::string with_missing(const diagnosis::Reason& reason, std::string words) {
  for (const std::string& one : reason.missing) {
    const bool bare = one.ends_with("' is not known");
    words += fmt::format(" ({})", bare ? "not known" : one);
  }
  return words;
}

void print_reason(const Screen& screen, const diagnosis::Reason& reason,
                  size_t indent) {
  const Mark mark = mark_of(reason.truth);
  std::string text = with_missing(reason, reason.words);
  if (!reason.means.empty()) text += ": " + reason.means;
  print_row(screen, indent, mark.sign, mark.colour, printable(text));
  for (const Evidence& one : reason.evidence) {
    print_row(screen, indent + kStep, "", Colour::plain, text_of(one),
              where_of(one));
  }
  for (const diagnosis::Reason& part : reason.parts) {
    print_reason(screen, part, indent + kStep);
  }
}

std::string lacking_in_words(const diagnosis::Reason& rule) {
  std::string words;
  for (const diagnosis::Reason* one : diagnosis::lacking(rule)) {
    if (!words.empty()) words += "; ";
    words += with_missing(*one, one->words);
  }
  return words;
}

std::string name_of_rule(const diagnosis::Why::ForSubjects& subject,
                         size_t index) {
  const diagnosis::RuleReason& rule = subject.rules[index];
  std::string words =
      fmt::format("rule {} of {} ({}, {})", index + 1, subject.rules.size(),
                  name_of(rule.severity), name_of(rule.confidence));
  if (!rule.title.empty()) words += fmt::format(": {}", rule.title);
  return words;
}

void print_rule(const Screen& screen,
                const diagnosis::Why::ForSubjects& subject, size_t index) {
  const diagnosis::Reason& when = subject.rules[index].when;
  const Mark mark = mark_of(when.truth);
  print_row(screen, kStep, mark.sign, mark.colour,
            printable(name_of_rule(subject, index)));
  if (when.kind != diagnosis::Reason::Kind::all) {
    return print_reason(screen, when, 2 * kStep);
  }
  for (const diagnosis::Reason& part : when.parts) {
    print_reason(screen, part, 2 * kStep);
  }
}

// Where one holds, the others only with what they lack: those before it say
// why it is not surer, those after it were not asked for.
void print_rules(const Screen& screen,
                 const diagnosis::Why::ForSubjects& subject) {
  if (!subject.held) {
    for (size_t i = 0; i < subject.rules.size(); ++i) {
      print_rule(screen, subject, i);
    }
    return;
  }
  print_rule(screen, subject, *subject.held);
  for (size_t i = 0; i < *subject.held; ++i) {
    const diagnosis::Reason& when = subject.rules[i].when;
    const Mark mark = mark_of(when.truth);
    print_row(
        screen, kStep, mark.sign, mark.colour,
        printable(fmt::format("{}; it lacks: {}", name_of_rule(subject, i),
                              lacking_in_words(when))));
  }
}

std::string any_of(Subject::Kind kind) {
  if (kind == Subject::Kind::fabric) return {};
  return kind == Subject::Kind::gpu ? "any GPU"
                                    : fmt::format("any {}", name_of(kind));
}

std::string names_of(const std::vector<Subject>& subjects) {
  std::string words;
  for (size_t i = 0; i < std::min(subjects.size(), kShownNames); ++i) {
    const Subject& one = subjects[i];
    const bool nameless = one.name.empty() && one.kind != Subject::Kind::node;
    if (!words.empty()) words += ", ";
    words += nameless ? any_of(one.kind) : gpuward::in_words(one);
  }
  if (subjects.size() > kShownNames) {
    words += fmt::format(" and {} more", subjects.size() - kShownNames);
  }
  return words;
}

// Of the rules that do not hold, the one that lacks least.
size_t nearest_rule(const diagnosis::Why::ForSubjects& subject) {
  if (subject.open) return *subject.open;
  size_t best = 0;
  for (size_t i = 1; i < subject.rules.size(); ++i) {
    if (diagnosis::lacking(subject.rules[i].when).size() <
        diagnosis::lacking(subject.rules[best].when).size()) {
      best = i;
    }
  }
  return best;
}

std::string verdict_in_words(const Answer& answer) {
  const std::string name = answer.machine.empty()
                               ? answer.why.id
                               : answer.machine + ": " + answer.why.id;
  switch (answer.why.answer) {
    case diagnosis::Why::Answer::found:
      return fmt::format("{} was found: {}", name, answer.why.title);
    case diagnosis::Why::Answer::not_found:
      return fmt::format("{} was not found: {}", name, answer.why.title);
    case diagnosis::Why::Answer::open:
      return fmt::format("{} was not found, and could be there: {}", name,
                         answer.why.title);
    case diagnosis::Why::Answer::not_applicable:
      return fmt::format("{} is no check here: {}", name, answer.why.title);
  }
  return name;
}

diagnosis::Truth truth_of(diagnosis::Why::Answer answer) {
  if (answer == diagnosis::Why::Answer::found) return diagnosis::Truth::yes;
  return answer == diagnosis::Why::Answer::open ? diagnosis::Truth::unknown
                                                : diagnosis::Truth::no;
}

void print_answer(const Screen& screen, const Answer& answer) {
  const Mark mark = mark_of(truth_of(answer.why.answer));
  print_row(screen, 0, mark.sign, mark.colour,
            printable(verdict_in_words(answer)));
  if (!answer.why.explained_by.empty()) {
    print_row(screen, 2, "", Colour::plain,
              fmt::format("explained by {}: doctor lists it there, among what "
                          "follows",
                          answer.why.explained_by));
  }
  if (answer.why.answer == diagnosis::Why::Answer::not_applicable &&
      answer.why.applies) {
    print_row(screen, 2, "", Colour::plain, "it is looked for only where:");
    print_reason(screen, *answer.why.applies, kStep);
  }
  for (const diagnosis::Why::ForSubjects& subject : answer.why.subjects) {
    const std::string names = names_of(subject.subjects);
    if (!names.empty()) print_row(screen, 2, "", Colour::plain, names);
    const bool one_rule = subject.rules.size() == 1 &&
                          answer.why.answer != diagnosis::Why::Answer::found;
    if (!subject.held && !one_rule) {
      const size_t rule = nearest_rule(subject);
      print_row(
          screen, 2, "", Colour::plain,
          printable(fmt::format("nearest is rule {}; it lacks: {}", rule + 1,
                                lacking_in_words(subject.rules[rule].when))));
    }
    // Of a fault that was found, others than those that have it in short.
    const bool in_short =
        answer.why.answer == diagnosis::Why::Answer::found && !subject.held;
    if (!in_short) print_rules(screen, subject);
  }
}

Json to_json(const diagnosis::Reason& reason) {
  Json json;
  constexpr std::string_view kKinds[] = {"condition", "all", "any", "not"};
  json.set("kind", kKinds[static_cast<size_t>(reason.kind)]);
  json.set("truth", name_of(reason.truth));
  json.set("words", reason.words);
  if (!reason.means.empty()) json.set("means", reason.means);
  Json evidence = Json::array();
  for (const Evidence& one : reason.evidence) {
    evidence.push(gpuward::to_json(one));
  }
  if (!reason.evidence.empty()) json.set("evidence", std::move(evidence));
  Json missing = Json::array();
  for (const std::string& one : reason.missing) missing.push(one);
  if (!reason.missing.empty()) json.set("missing", std::move(missing));
  Json parts = Json::array();
  for (const diagnosis::Reason& part : reason.parts) parts.push(to_json(part));
  if (!reason.parts.empty()) json.set("parts", std::move(parts));
  return json;
}

Json to_json(const diagnosis::Why::ForSubjects& subject) {
  Json json;
  Json subjects = Json::array();
  for (const Subject& one : subject.subjects) {
    subjects.push(gpuward::to_json(one));
  }
  json.set("subjects", std::move(subjects));
  json.set("found", subject.held.has_value());
  if (subject.held) json.set("rule", static_cast<int64_t>(*subject.held + 1));
  Json rules = Json::array();
  for (const diagnosis::RuleReason& rule : subject.rules) {
    Json one;
    one.set("confidence", name_of(rule.confidence));
    one.set("severity", name_of(rule.severity));
    one.set("when", to_json(rule.when));
    rules.push(std::move(one));
  }
  json.set("rules", std::move(rules));
  return json;
}

Json to_json(const Answer& answer) {
  Json json;
  json.set("id", answer.why.id);
  json.set("asked", answer.question.why_not ? "why-not" : "why");
  if (!answer.machine.empty()) json.set("host", answer.machine);
  json.set("answer", name_of(answer.why.answer));
  json.set("title", answer.why.title);
  if (!answer.why.explained_by.empty()) {
    json.set("explained_by", answer.why.explained_by);
  }
  if (answer.why.applies) json.set("applies", to_json(*answer.why.applies));
  Json subjects = Json::array();
  for (const diagnosis::Why::ForSubjects& one : answer.why.subjects) {
    subjects.push(to_json(one));
  }
  json.set("subjects", std::move(subjects));
  return json;
}

// Of all machines in the pile together: found is found on any.
int exit_code_of(const Question& question, const std::vector<Answer>& answers) {
  bool found = false;
  bool open = false;
  for (const Answer& one : answers) {
    if (one.question.id != question.id) continue;
    found = found || one.why.answer == diagnosis::Why::Answer::found;
    open = open || one.why.answer == diagnosis::Why::Answer::open;
  }
  if (found) return question.why_not ? kWarning : kHealthy;
  if (open) return kUnknown;
  return question.why_not ? kHealthy : kWarning;
}

}  // namespace

bool asks_why(const DoctorOptions& options) {
  return !options.why.empty() || !options.why_not.empty();
}

Result<void> check_asked(const DoctorOptions& options,
                         const diagnosis::Catalogue& catalogue) {
  const diagnosis::State nothing;
  for (const Question& one : questions(options)) {
    TRY(diagnosis::why(catalogue, nothing, {}, one.id));
  }
  return {};
}

int answer_why(const DoctorOptions& options,
               const diagnosis::Catalogue& catalogue,
               const std::vector<WhyMachine>& machines) {
  std::vector<Answer> answers;
  int code = kHealthy;
  for (const Question& question : questions(options)) {
    for (const WhyMachine& machine : machines) {
      auto one =
          diagnosis::why(catalogue, machine.state, machine.gaps, question.id);
      if (!one) {
        complain(one.error().text);
        return kWrongUsage;
      }
      answers.push_back({question, machine.name, std::move(*one)});
    }
    code = std::max(code, exit_code_of(question, answers));
  }
  const Screen screen;
  if (!options.common.json) {
    for (const Answer& one : answers) print_answer(screen, one);
    return code;
  }
  Json out = Json::object();
  out.set("schema", 1);
  Json list = Json::array();
  for (const Answer& one : answers) list.push(to_json(one));
  out.set("why", std::move(list));
  screen.print_raw(out.dump(2) + "\n");
  return code;
}

}  // namespace gpuward::cli
