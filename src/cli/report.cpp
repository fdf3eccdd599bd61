#include "cli/report.h"

#include <fmt/core.h>

#include "base/text.h"
#include "base/wrap.h"
#include "cli/next.h"
#include "cli/options.h"
#include "containers/container_json.h"
#include "model/json.h"

namespace gpuward::cli {
namespace {

struct Mark {
  std::string_view sign;
  Colour colour;
};

Mark mark_of(Severity severity) {
  switch (severity) {
    case Severity::fault:
      return {"✖", Colour::red};
    case Severity::warning:
      return {"▲", Colour::yellow};
    case Severity::info:
      return {"·", Colour::plain};
  }
  return {"·", Colour::plain};
}

// "    label     text", further lines of the text under the first.
void print_row(const Screen& screen, std::string_view label,
               std::string_view text, std::string_view tail = {}) {
  constexpr size_t kIndent = 14;
  screen.print(fmt::format("    {:<10}", label));
  const std::string end = tail.empty() ? "" : fmt::format("[{}]", tail);
  screen.print_wrapped(fmt::format("{} {}", text, end),
                       {.indent = 0, .hang = kIndent, .tail = end});
}

std::string where_of(const Evidence& evidence) {
  if (evidence.file.empty()) return evidence.source;
  if (evidence.line == 0) return evidence.file;
  return fmt::format("{}:{}", evidence.file, evidence.line);
}

void print_rows(const Screen& screen, std::string_view label,
                const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    print_row(screen, label, text);
    label = "";
  }
}

std::string_view label_of(const Remedy& remedy) {
  return remedy.applies_by == Remedy::AppliesBy::repair ? "repair" : "do";
}

std::string in_words(const Remedy& remedy) {
  if (remedy.disrupts == Remedy::Disrupts::nothing) return remedy.text;
  return fmt::format("{} (disrupts the {})", remedy.text,
                     name_of(remedy.disrupts));
}

void print_since(const Screen& screen, const Finding& finding, Wall now) {
  if (!finding.since) return;
  const bool today = now - *finding.since < 24h;
  print_row(screen, "since",
            fmt::format("{} ago ({})", to_words(now - *finding.since),
                        today ? to_clock(*finding.since)
                              : to_iso(*finding.since).substr(0, 16) + "Z"));
}

// On one line where it fits; else the title goes on below the id.
void print_title(const Screen& screen, const Finding& finding,
                 const std::string& title) {
  const Mark mark = mark_of(finding.severity);
  const std::string_view sure = name_of(finding.confidence);
  const std::string line = fmt::format("{} {}   {}   {}", mark.sign, finding.id,
                                       printable(title), sure);
  screen.print("\n");
  if (columns_of(screen.shown(line)) <= screen.width()) {
    screen.print(
        fmt::format("{} {}   {}   {}\n", screen.paint(mark.sign, mark.colour),
                    screen.paint(finding.id, Colour::bold), printable(title),
                    screen.paint(sure, Colour::faint)));
    return;
  }
  screen.print(fmt::format("{} {}\n", screen.paint(mark.sign, mark.colour),
                           screen.paint(finding.id, Colour::bold)));
  const std::string end = fmt::format("[{}]", sure);
  screen.print_wrapped(fmt::format("{} {}", printable(title), end),
                       {.indent = 2, .hang = 2, .tail = end});
}

void print_finding(const Screen& screen, const Finding& finding, Wall now) {
  std::string title = finding.title;
  const bool is_named = finding.subject.kind == Subject::Kind::container &&
                        title.find(finding.subject.name) != std::string::npos;
  if (const std::string about = gpuward::in_words(finding.subject);
      !about.empty() && !is_named) {
    title = about + ": " + title;
  }
  if (!finding.host.empty() && finding.host != finding.subject.name) {
    title = finding.host + ": " + title;
  }
  print_title(screen, finding, title);
  print_since(screen, finding, now);
  std::string_view label = "because";
  for (const Evidence& evidence : finding.evidence) {
    std::string where = where_of(evidence);
    if (evidence.times > 1) where += fmt::format(", {} times", evidence.times);
    print_row(screen, label, printable(evidence.text, 400), where);
    label = "";
  }
  label = "follows";
  for (const Consequence& consequence : finding.consequences) {
    print_row(screen, label, printable(consequence.text), consequence.id);
    label = "";
  }
  if (finding.confidence != Confidence::certain) {
    print_rows(screen, "to settle", finding.settle);
  }
  // What is over needs no cure; --json has them all the same.
  if (finding.severity == Severity::info) return;
  for (const Remedy& remedy : finding.remedies) {
    print_row(screen, label_of(remedy), in_words(remedy));
  }
}

void print_checks(const Screen& screen, const Checks& checks) {
  std::string line = fmt::format(
      "\n{} {} passed", screen.paint("✔", Colour::green), checks.passed);
  if (checks.failed > 0) line += fmt::format("   ✖ {} failed", checks.failed);
  if (!checks.unknown.empty()) {
    line += fmt::format("   ? {} unknown:", checks.unknown.size());
  }
  screen.print(line + "\n");
  for (const UnknownCheck& check : checks.unknown) {
    print_row(screen, "?",
              fmt::format("{}: {}", check.id, printable(check.why)));
  }
}

size_t check_count(const Checks& checks) {
  return static_cast<size_t>(checks.passed + checks.failed) +
         checks.unknown.size();
}

}  // namespace

Json report_json(const Patient& patient, const Diagnosis& diagnosis) {
  Json out = Json::object();
  out.set("schema", 1);
  out.set("host", patient.host);
  out.set("verdict", name_of(verdict_of(diagnosis)));
  Json findings = Json::array();
  for (const Finding& finding : diagnosis.findings) {
    findings.push(to_json(finding));
  }
  out.set("findings", std::move(findings));
  out.set("checks", to_json(diagnosis.checks));
  Json probes = Json::array();
  for (const Probe& probe : patient.probes) probes.push(to_json(probe));
  out.set("probes", std::move(probes));
  Json tasks = Json::array();
  for (const StuckTask& task : patient.other_tasks) tasks.push(to_json(task));
  out.set("other_tasks", std::move(tasks));
  Json containers = Json::array();
  for (const Container& one : patient.containers)
    containers.push(containers::to_json(one));
  out.set("containers", std::move(containers));
  return out;
}

void print_report(const Screen& screen, const Patient& patient,
                  const Diagnosis& diagnosis, Wall now) {
  const std::string name = printable(patient.name);
  const Screen::Layout layout{.hang = 2, .lead = name, .colour = Colour::bold};
  std::string head = name;
  for (const std::string& about : patient.about) {
    head += " · " + printable(about);
  }
  if (!patient.has_hardware) {
    screen.print_wrapped(head, layout);
    screen.print_wrapped(
        "no NVIDIA hardware here: no such PCI device, no module, no device "
        "node",
        {});
    return;
  }
  head += fmt::format(" · {} checks in {}", check_count(diagnosis.checks),
                      to_words(patient.took));
  screen.print_wrapped(head, layout);
  for (const Finding& finding : diagnosis.findings) {
    print_finding(screen, finding, now);
  }
  print_checks(screen, diagnosis.checks);
  if (const auto next = next_command(diagnosis, patient.is_live)) {
    screen.print_wrapped("next: " + *next, {.hang = 2});
  }
}

int exit_code_of(const Diagnosis& diagnosis) {
  switch (verdict_of(diagnosis)) {
    case Verdict::healthy:
      return kHealthy;
    case Verdict::warning:
      return kWarning;
    case Verdict::fault:
      return kFault;
    case Verdict::unknown:
      return kUnknown;
  }
  return kUnknown;
}

}  // namespace gpuward::cli
