// gpuward repair: the plan, and with --apply its outcome.
#include "agent/repair.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <iterator>

#include "action/engine.h"
#include "action/why_not.h"
#include "base/text.h"
#include "cli/knowledge.h"
#include "cli/node.h"
#include "cli/options.h"
#include "cli/screen.h"
#include "examine/examine.h"
#include "host/task.h"
#include "model/json.h"

namespace gpuward::cli {
namespace {

using State = Outcome::State;

struct Report {
  agent::RepairPlan repair;
  std::vector<Outcome> interrupted, outcomes;
  bool applied = false;
};

std::string about(const Subject& subject) {
  const std::string words = gpuward::in_words(subject);
  return words.empty() ? "" : words + ": ";
}

std::string disruption_of(const Remedy& remedy) {
  if (remedy.disrupts == Remedy::Disrupts::nothing) return "";
  return fmt::format(" (disrupts the {})", name_of(remedy.disrupts));
}

void print_plan(const Screen& screen, const agent::RepairPlan& repair,
                bool apply) {
  for (const std::string& text : repair.well) {
    screen.print_wrapped(printable(text), {.hang = 2});
  }
  if (!repair.plan.steps.empty()) {
    screen.print(screen.paint(
        apply ? "plan:\n" : "plan (nothing is done without --apply):\n",
        Colour::bold));
  }
  for (size_t i = 0; i < repair.plan.steps.size(); ++i) {
    const Step& step = repair.plan.steps[i];
    const std::string line = fmt::format(
        "{}. {}{}   disrupts: {}{}", i + 1, about(step.subject),
        printable(step.text), name_of(step.disrupts),
        step.only_if_failed
            ? fmt::format("; only if step {} fails", *step.only_if_failed + 1)
            : "");
    screen.print_wrapped(line, {.indent = 2, .hang = 5});
  }
  screen.print_raw(repair.diff);
  for (const std::string& text : repair.warnings) {
    screen.print_wrapped(
        "mind: " + printable(text),
        {.hang = 2, .lead = "mind:", .colour = Colour::yellow});
  }
  for (const std::string& text : repair.then) {
    screen.print_wrapped("then, by you: " + printable(text), {.hang = 2});
  }
  for (const Refusal& refusal : repair.plan.refusals) {
    screen.print_wrapped(
        fmt::format("not done: {}{}: {}", about(refusal.subject), refusal.what,
                    refusal.why),
        {.hang = 2, .lead = "not done:", .colour = Colour::yellow});
  }
  for (const Finding& finding : repair.left_findings) {
    screen.print_wrapped(
        fmt::format("left to you: {}{}", about(finding.subject), finding.id),
        {.hang = 2});
    for (const Remedy& remedy : finding.remedies) {
      screen.print_wrapped(
          "- " + printable(remedy.text) + disruption_of(remedy),
          {.indent = 4, .hang = 6});
    }
  }
  for (const std::string& id : repair.left) {
    if (std::ranges::find(repair.left_findings, id, &Finding::id) !=
        repair.left_findings.end()) {
      continue;
    }
    screen.print_wrapped(
        fmt::format("left to you: {}: gpuward has no repair for it; `gpuward "
                    "explain {}` says what to do",
                    id, id),
        {.hang = 2});
  }
  for (const std::string& why : repair.unknown) {
    screen.print_wrapped(
        "not known: whether there is more to repair: " + printable(why),
        {.hang = 2, .lead = "not known:", .colour = Colour::yellow});
  }
}

void print_outcome(const Screen& screen, const Outcome& outcome) {
  const bool good =
      outcome.state == State::done || outcome.state == State::already;
  const std::string state(name_of(outcome.state));
  screen.print(
      fmt::format("{} {}{}\n",
                  screen.paint(state + ":", good ? Colour::green : Colour::red),
                  about(outcome.step.subject), printable(outcome.text)));
  std::fflush(stdout);
}

Json to_json_list(const std::vector<Outcome>& outcomes) {
  Json list = Json::array();
  for (const Outcome& one : outcomes) list.push(to_json(one));
  return list;
}

Json list_of(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) list.push(text);
  return list;
}

Json report_json(const Report& report) {
  Json out = Json::object();
  out.set("schema", 1);
  out.set("applied", report.applied);
  Json findings = Json::array();
  for (const Finding& one : report.repair.findings) findings.push(to_json(one));
  out.set("findings", std::move(findings));
  out.set("plan", to_json(report.repair.plan));
  out.set("left", list_of(report.repair.left));
  Json left = Json::array();
  for (const Finding& one : report.repair.left_findings) {
    left.push(to_json(one));
  }
  out.set("left_findings", std::move(left));
  out.set("well", list_of(report.repair.well));
  if (!report.repair.diff.empty()) out.set("diff", report.repair.diff);
  out.set("warnings", list_of(report.repair.warnings));
  out.set("then", list_of(report.repair.then));
  Json unknown = Json::array();
  for (const std::string& why : report.repair.unknown) unknown.push(why);
  out.set("unknown", std::move(unknown));
  out.set("interrupted", to_json_list(report.interrupted));
  out.set("outcomes", to_json_list(report.outcomes));
  return out;
}

int exit_code_of(const Report& report, bool asked_by_name) {
  int code = kHealthy;
  for (const Outcome& one : report.interrupted) {
    // Undone is as good as finished: the plan was made of what that left.
    if (one.state == State::failed) return kFault;
    if (one.state == State::refused) code = kWarning;
  }
  for (const Outcome& one : report.outcomes) {
    if (one.state == State::undone || one.state == State::failed) return kFault;
    if (one.state == State::refused) code = kWarning;
  }
  const bool refused = !report.repair.plan.refusals.empty() ||
                       (asked_by_name && !report.repair.left.empty());
  if (refused) return kWarning;
  const bool could_not_tell =
      report.repair.plan.steps.empty() && !report.repair.unknown.empty();
  return code == kHealthy && could_not_tell ? kUnknown : code;
}

// Whether an earlier repair was cut off; what to do about it, in words.
std::string interrupted_in_words(const host::Host& host) {
  auto ledger = ledger::Ledger::open_for_reading(host.state_dir);
  if (!ledger) return {};
  const auto operations = ledger->unfinished();
  if (!operations || operations->empty()) return {};
  return fmt::format(
      "an earlier repair was interrupted ({}): --apply tests it, and finishes "
      "or undoes it\n",
      operations->front().step.text);
}

// Opens the ledger, which `act` writes; what an earlier run began comes first.
Result<void> begin_to_act(
    const host::Host& host, const Screen& screen, bool json, Report& report,
    const std::function<void(ledger::Ledger&, action::Watcher&)>& act) {
  if (const auto why = action::why_not_to_act(host)) {
    return fail(Error::Kind::denied, *why);
  }
  const std::string boot_id = TRY(host::boot_id_of(host.self));
  ledger::Ledger ledger =
      TRY(ledger::Ledger::open_for_acting(host.state_dir, boot_id));
  action::Watcher watcher;
  if (!json) {
    watcher.ended = [&screen](const Outcome& one) {
      print_outcome(screen, one);
    };
  }
  auto finished = TRY(action::finish_interrupted(host, ledger, watcher));
  std::ranges::move(finished, std::back_inserter(report.interrupted));
  report.applied = true;
  if (act) act(ledger, watcher);
  return {};
}

Result<void> apply(const host::Host& host, const Screen& screen, bool json,
                   Report& report) {
  const Plan& plan = report.repair.plan;
  if (plan.steps.empty() && plan.refusals.empty()) return {};
  return begin_to_act(host, screen, json, report,
                      [&](ledger::Ledger& ledger, action::Watcher& watcher) {
                        report.outcomes =
                            action::carry_out(host, ledger, plan, watcher);
                      });
}

int nothing_was_done(const Report& report, bool json, const Error& error) {
  if (json) Screen().print_raw(report_json(report).dump(2) + "\n");
  complain("nothing was done: " + error.text);
  return kWarning;
}

int show_or_apply(const RepairOptions& options, const host::Host& host,
                  Report& report) {
  const Screen screen;
  const bool json = options.common.json;
  if (!json) print_plan(screen, report.repair, options.apply);
  if (!options.apply && !json) screen.print(interrupted_in_words(host));
  const bool nothing =
      report.repair.plan.steps.empty() && report.repair.plan.refusals.empty() &&
      report.repair.left.empty() && report.repair.well.empty() &&
      report.repair.unknown.empty();
  if (nothing && !json) screen.print("nothing is to be repaired here\n");
  if (options.apply) {
    const auto applied = apply(host, screen, json, report);
    if (!applied) return nothing_was_done(report, json, applied.error());
  }
  if (json) screen.print_raw(report_json(report).dump(2) + "\n");
  return exit_code_of(report, !options.targets.empty());
}

// As doctor looks, where the plan is of all that doctor would find.
Snapshot snapshot_for(const agent::RepairWish& wish,
                      const examine::Gathered& gathered, const host::Host& host,
                      const RepairOptions& options) {
  if (!agent::needs_probe(wish) || examine::has_no_nvidia_hardware(gathered)) {
    return examine::unprobed_snapshot(host, "not asked", wall_now());
  }
  WaitLine line;
  Look look = look_at(host, options.patience,
                      [&line](const Probe& probe, Millis waited) {
                        if (waited > 1s) line.show(waiting_for(probe, waited));
                      });
  line.clear();
  return std::move(look.snapshot);
}

int exit_code_of(const Error& planning) {
  const bool wrong_usage = planning.kind == Error::Kind::not_found ||
                           planning.kind == Error::Kind::malformed;
  return wrong_usage ? kWrongUsage : kUnknown;
}

}  // namespace

int repair(const RepairOptions& options) {
  const auto knowledge = load_knowledge();
  const auto host = open_host(options.common);
  if (!knowledge || !host) {
    complain(knowledge ? host.error().text : knowledge.error().text);
    return knowledge ? kWrongUsage : kUnknown;
  }
  complain_of_left_out(*knowledge);
  Report report;
  // Before the plan, which is made of what this leaves.
  if (options.apply && !interrupted_in_words(*host).empty()) {
    const auto finished =
        begin_to_act(*host, Screen(), options.common.json, report, {});
    if (!finished) {
      return nothing_was_done(report, options.common.json, finished.error());
    }
  }
  const agent::RepairWish wish{.targets = options.targets,
                               .allow_restart = options.restart,
                               .undo = options.undo};
  examine::Gathered gathered = examine::gather(*host);
  const Snapshot snapshot = snapshot_for(wish, gathered, *host, options);
  auto planned = agent::plan_repair(*host, knowledge->catalogue,
                                    std::move(gathered), snapshot, wish);
  if (!planned) {
    complain(planned.error().text);
    return exit_code_of(planned.error());
  }
  report.repair = std::move(*planned);
  return show_or_apply(options, *host, report);
}

}  // namespace gpuward::cli
