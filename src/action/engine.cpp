#include "action/engine.h"

#include <fmt/core.h>

#include <set>

#include "action/why_not.h"
#include "host/task.h"

namespace gpuward::action {
namespace {

using State = Outcome::State;

bool worked(State state) {
  return state == State::done || state == State::already;
}

// One step, from its check to its outcome.
class Work {
 public:
  Work(const host::Host& host, ledger::Ledger& ledger, const Action& action,
       Step step)
      : host_(host), ledger_(ledger), action_(action) {
    outcome_.step = std::move(step);
  }

  Outcome from_start();
  // What stands in the ledger, from its stage on.
  Outcome from(const ledger::Operation& operation);

  // Where the ledger could not be written: nothing more may begin.
  const std::optional<Error>& ledger_failed() const { return ledger_failed_; }

 private:
  const Step& step() const { return outcome_.step; }
  Outcome refuse(const std::string& why);
  Outcome end(State state, std::string text);
  Outcome end_after_run(const Result<void>& run);
  Outcome take_back(const Error& why);
  Outcome nothing_left(const Error& why);
  void note(const Result<void>& written);

  const host::Host& host_;
  ledger::Ledger& ledger_;
  const Action& action_;
  Outcome outcome_;
  int64_t operation_ = 0;
  Json undo_;
  Boot began_ = BootClock::now();
  std::string after_;  // "finished after an interruption: "
  std::optional<Error> ledger_failed_;
};

void Work::note(const Result<void>& written) {
  if (!written && !ledger_failed_) ledger_failed_ = written.error();
}

Outcome Work::refuse(const std::string& why) {
  outcome_.state = State::refused;
  outcome_.text = why;
  note(ledger_.record_refusal({step().subject, step().text, why}));
  return outcome_;
}

Outcome Work::end(State state, std::string text) {
  outcome_.state = state;
  outcome_.took = BootClock::now() - began_;
  outcome_.text = after_ + std::move(text);
  note(ledger_.close(operation_, outcome_));
  if (ledger_failed_) {
    outcome_.text += "; that is not written down: " + ledger_failed_->text;
  }
  return outcome_;
}

Outcome Work::nothing_left(const Error& why) {
  return end(State::undone, why.text + ": nothing is left to undo");
}

Outcome Work::take_back(const Error& why) {
  // Not to be written down is no reason to leave the machine half changed: the
  // ledger knows that it was begun, and undoing bears being done twice.
  note(ledger_.advance(operation_, ledger::Stage::undoing, why.text));
  const auto undone = action_.undo(host_, step(), undo_);
  if (undone) return end(State::undone, why.text + "; taken back");
  const Error& error = undone.error();
  if (error.kind == Error::Kind::gone) return nothing_left(error);
  const std::string text =
      fmt::format("{}; taking it back failed too: {}", why.text, error.text);
  if (error.kind == Error::Kind::timeout || error.kind == Error::Kind::busy) {
    outcome_.state = State::failed;
    outcome_.took = BootClock::now() - began_;
    outcome_.text = after_ + text + "; the next repair tries that again";
    return outcome_;
  }
  return end(State::failed, text);
}

Outcome Work::end_after_run(const Result<void>& run) {
  if (!run && run.error().kind == Error::Kind::gone) {
    return nothing_left(run.error());
  }
  if (!run) return take_back(run.error());
  const auto verified = action_.verify(host_, step());
  if (verified) {
    return end(State::done, fmt::format("{} (took {})", *verified,
                                        to_words(BootClock::now() - began_)));
  }
  if (verified.error().kind == Error::Kind::gone) {
    return nothing_left(verified.error());
  }
  return take_back(verified.error());
}

Outcome Work::from_start() {
  auto checked = action_.check(host_, step());
  if (!checked) return refuse(checked.error().text);
  if (checked->already) {
    outcome_.state = State::already;
    outcome_.text = checked->text;
    return outcome_;
  }
  undo_ = std::move(checked->undo);
  const auto operation = ledger_.begin(step(), undo_);
  if (!operation) {
    // One that is too large says nothing of the next.
    if (operation.error().kind != Error::Kind::malformed) {
      ledger_failed_ = operation.error();
    }
    outcome_.text = operation.error().text;
    return outcome_;
  }
  operation_ = *operation;
  began_ = BootClock::now();
  const auto run = action_.run(host_, step());
  if (run) note(ledger_.advance(operation_, ledger::Stage::ran, ""));
  return end_after_run(run);
}

Outcome Work::from(const ledger::Operation& operation) {
  operation_ = operation.id;
  undo_ = operation.undo;
  after_ = "finished after an interruption: ";
  if (operation.stage == ledger::Stage::undoing) {
    return take_back({Error::Kind::system, 0, "it had not worked"});
  }
  return end_after_run({});
}

Outcome refused(const Step& step, std::string why) {
  return {State::refused, step, std::move(why), Millis{0}};
}

// A plan that is carried out.
class Round {
 public:
  Round(const host::Host& host, ledger::Ledger& ledger, const Plan& plan,
        std::span<const Action> known)
      : host_(host), ledger_(ledger), plan_(plan), known_(known) {}

  // Nothing for a step that is there for another one's failure only.
  std::optional<Outcome> next(size_t index, const Watcher& watcher);

 private:
  Outcome act(const Step& step);

  const host::Host& host_;
  ledger::Ledger& ledger_;
  const Plan& plan_;
  std::span<const Action> known_;
  std::vector<bool> worked_;
  std::set<Subject> failed_;
  std::optional<std::string> stopped_;
};

Outcome Round::act(const Step& step) {
  const Action* action = find_action(step.action, known_);
  if (action == nullptr) {
    return refused(step, "this gpuward knows no \"" + step.action + "\"");
  }
  Work work(host_, ledger_, *action, step);
  Outcome outcome = work.from_start();
  if (const auto& error = work.ledger_failed()) {
    stopped_ = "not begun: " + error->text;
  }
  return outcome;
}

std::optional<Outcome> Round::next(size_t index, const Watcher& watcher) {
  const Step& step = plan_.steps[index];
  const auto& earlier = step.only_if_failed;
  worked_.push_back(false);
  if (earlier && (*earlier >= index || worked_[*earlier])) {
    worked_.back() = true;
    return std::nullopt;
  }
  if (watcher.begins) watcher.begins(step);
  if (stopped_) return refused(step, *stopped_);
  if (!earlier && failed_.contains(step.subject)) {
    return refused(step, "an earlier step for it did not work");
  }
  Outcome outcome = act(step);
  worked_.back() = worked(outcome.state);
  if (!worked_.back()) failed_.insert(step.subject);
  return outcome;
}

std::vector<Outcome> refuse_all(const Plan& plan, const std::string& why,
                                const Watcher& watcher) {
  std::vector<Outcome> out;
  for (const Step& step : plan.steps) {
    if (step.only_if_failed) continue;
    out.push_back(refused(step, why));
    if (watcher.ended) watcher.ended(out.back());
  }
  return out;
}

Outcome finish(const host::Host& host, ledger::Ledger& ledger,
               const ledger::Operation& operation, const std::string& boot_id,
               std::span<const Action> known) {
  const Action* action = find_action(operation.step.action, known);
  if (action == nullptr) {
    return refused(operation.step,
                   "begun by another version of gpuward, not ended, and not "
                   "known to this one: left as it is");
  }
  if (action->ends_with_boot && operation.boot_id != boot_id) {
    Outcome outcome{State::undone, operation.step,
                    "it was interrupted, and the reboot ended it", Millis{0}};
    const auto closed = ledger.close(operation.id, outcome);
    if (!closed) outcome.text += "; " + closed.error().text;
    return outcome;
  }
  return Work(host, ledger, *action, operation.step).from(operation);
}

}  // namespace

const Action* find_action(std::string_view name,
                          std::span<const Action> among) {
  for (const Action& action : among) {
    if (action.name == name) return &action;
  }
  return nullptr;
}

std::vector<Outcome> carry_out(const host::Host& host, ledger::Ledger& ledger,
                               const Plan& plan, const Watcher& watcher,
                               std::span<const Action> known) {
  // By whoever cannot write them down: they are shown all the same.
  for (const Refusal& refusal : plan.refusals) {
    if (!ledger.record_refusal(refusal)) break;
  }
  if (plan.steps.empty()) return {};
  if (const auto why = why_not_to_act(host)) {
    return refuse_all(plan, *why, watcher);
  }
  const auto lock = ledger.lock_for_acting();
  if (!lock) return refuse_all(plan, lock.error().text, watcher);

  std::vector<Outcome> out;
  Round round(host, ledger, plan, known);
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    auto outcome = round.next(i, watcher);
    if (!outcome) continue;
    if (watcher.ended) watcher.ended(*outcome);
    out.push_back(std::move(*outcome));
  }
  return out;
}

Result<std::vector<Outcome>> finish_interrupted(const host::Host& host,
                                                ledger::Ledger& ledger,
                                                const Watcher& watcher,
                                                std::span<const Action> known) {
  if (const auto why = why_not_to_act(host)) {
    return fail(Error::Kind::denied, *why);
  }
  // Before the look: somebody who was killed may still have an entry on its
  // way to the disk.
  const ledger::ActingLock lock = TRY(ledger.lock_for_acting());
  const std::string boot_id = TRY(host::boot_id_of(host.self));
  std::vector<Outcome> out;
  for (const ledger::Operation& each : TRY(ledger.unfinished())) {
    if (watcher.begins) watcher.begins(each.step);
    out.push_back(finish(host, ledger, each, boot_id, known));
    if (watcher.ended) watcher.ended(out.back());
  }
  return out;
}

}  // namespace gpuward::action
