#include "heal/heal.h"

#include <fmt/core.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "action/engine.h"
#include "action/why_not.h"
#include "containers/access.h"
#include "containers/look.h"
#include "examine/examine.h"
#include "heal/systemd_watch.h"
#include "host/task.h"
#include "plan/plan_containers.h"

namespace gpuward::heal {
namespace {

constexpr int kSweepTimer = 40;
constexpr int kSettleTimer = 41;
constexpr int kDueTimer = 42;
constexpr int kSystemdTimers = 43;  // two of them
// So many containers are looked at and healed before anything else has its
// turn: signals, and those that lost their GPU meanwhile.
constexpr size_t kAtOnce = 8;
constexpr Millis kSlowLook = 300ms;
// A scope is announced before its runtime has written its records.
constexpr Millis kFirstLooks[] = {30ms, 120ms, 400ms, 1s, 2s};

bool is_lost(const Container& container) {
  return containers::access_now(container) == NodeAccess::Now::denied;
}

bool is_at_risk(const Container& container) {
  return container.tomorrow == Tomorrow::lost_at_reload ||
         container.tomorrow == Tomorrow::lost_at_update;
}

std::string state_in_words(const Container& container) {
  if (is_lost(container)) {
    const std::string who = containers::who_denies(container);
    return "lost its GPU" + (who.empty() ? "" : ": " + who);
  }
  if (containers::access_now(container) == NodeAccess::Now::unknown) {
    const auto node = std::ranges::find_if(
        container.nodes,
        [](const NodeAccess& one) { return !one.why.empty(); });
    return "access not known" +
           (node == container.nodes.end() ? "" : ": " + node->why);
  }
  if (is_at_risk(container)) return "at risk: " + container.tomorrow_why;
  return "has access, and it lasts";
}

}  // namespace

struct Healer::Inside {
  const host::Host& host;
  const diagnosis::Catalogue& catalogue;
  loop::Loop& loop;
  Settings settings;
  Tell tell_;
  SystemdWatch systemd{host, loop, kSystemdTimers, heard()};
  std::set<std::string> due;   // containers to be looked at, by id
  std::set<std::string> slow;  // of them, whose last look took long
  std::vector<Container> known;
  std::set<std::string> changed;  // units, until they have settled
  size_t first_looks = 0;         // of kFirstLooks, that have taken place
  std::map<std::string, std::string> told;  // container id → its last words
  std::map<std::string, std::deque<Boot>> heals;  // by container id
  std::set<std::string> told_gaps;
  bool recovered = false;

  void tell(HealEvent::Kind kind, std::string text,
            const Container* container = nullptr) {
    HealEvent event;
    event.kind = kind;
    event.at = wall_now();
    event.text = std::move(text);
    if (container != nullptr) event.container = *container;
    tell_(event);
  }

  // Once for each new state of a container.
  void tell_once(HealEvent::Kind kind, const Container& container,
                 const std::string& text) {
    std::string& last = told[container.id];
    if (last == text) return;
    last = text;
    tell(kind, fmt::format("{}: {}", container.label, text), &container);
  }

  void set_timer(int timer, Millis in, void (Inside::*handler)()) {
    // A timer that cannot be set is a loop that is out of order; it then ends.
    const auto set = loop.at(timer, loop.now() + in,
                             [this, handler] { (this->*handler)(); });
    if (!set) loop.end();
  }

  // systemd

  SystemdWatch::Heard heard() {
    return {.reloaded =
                [this] {
                  tell(HealEvent::Kind::systemd, "systemd has reloaded");
                  look_at_all();
                },
            .missed =
                [this] {
                  // The known ones first, then those that came meanwhile.
                  look_at_all();
                  set_timer(kSweepTimer, 0ms, &Inside::sweep);
                },
            .scope = [this](const std::string& unit) { on_scope(unit); },
            .written =
                [this](const std::set<std::string>& units) {
                  look_at([&units](const Container& one) {
                    return units.contains(one.unit);
                  });
                },
            .lost =
                [this](const std::string& why) {
                  tell(HealEvent::Kind::systemd,
                       fmt::format("systemd tells less than it should ({}): "
                                   "looking every {}",
                                   why, to_words(settings.sweep)));
                }};
  }

  void on_scope(const std::string& unit) {
    changed.insert(unit);
    first_looks = 0;
    set_timer(kSettleTimer, kFirstLooks[0], &Inside::settle);
  }

  void settle() {
    const bool all_known =
        std::ranges::all_of(changed, [this](const auto& unit) {
          return std::ranges::find(known, unit, &Container::unit) !=
                 known.end();
        });
    if (all_known) {
      look_at(
          [this](const Container& one) { return changed.contains(one.unit); });
      changed.clear();
      return;
    }
    sweep_now();
    if (++first_looks < std::size(kFirstLooks)) {
      set_timer(kSettleTimer, kFirstLooks[first_looks], &Inside::settle);
    } else {
      changed.clear();  // scopes of no container, or of one without a GPU
    }
  }

  // Looking

  void look_at_all() {
    look_at([](const Container&) { return true; });
  }

  // At once, and not here: ten reloads on the bus are one look.
  void look_at(const std::function<bool(const Container&)>& wanted) {
    for (const Container& container : known) {
      if (wanted(container)) due.insert(container.id);
    }
    if (!due.empty()) set_timer(kDueTimer, 0ms, &Inside::look_at_due);
  }

  // Those whose looks take long (a file system in them that does not answer)
  // come last and one by one: they are not to keep the others waiting.
  std::set<std::string> next_due() const {
    std::set<std::string> next;
    for (const std::string& id : due) {
      if (!slow.contains(id) && next.size() < kAtOnce) next.insert(id);
    }
    if (next.empty() && !due.empty()) next.insert(*due.begin());
    return next;
  }

  bool is_there_still(Container& container) {
    const Boot began = loop.now();
    const auto looked = containers::look_again(host, container);
    if (loop.now() - began > kSlowLook) {
      slow.insert(container.id);
    } else {
      slow.erase(container.id);
    }
    return looked || looked.error().kind != Error::Kind::gone;
  }

  void look_at_due() {
    const std::set<std::string> next = next_due();
    std::vector<Container> still;
    for (Container& container : known) {
      if (next.contains(container.id) && !is_there_still(container)) {
        forget(container);
      } else {
        still.push_back(std::move(container));
      }
    }
    known = std::move(still);
    for (const std::string& id : next) due.erase(id);
    care_for_those(
        [&next](const Container& one) { return next.contains(one.id); });
    if (!due.empty()) set_timer(kDueTimer, 0ms, &Inside::look_at_due);
  }

  void forget(const Container& container) {
    tell(HealEvent::Kind::gone, container.label + ": has ended", &container);
    told.erase(container.id);
    heals.erase(container.id);
    slow.erase(container.id);
  }

  void sweep_now() {
    containers::ContainerLook look = containers::look_at_containers(host);
    tell_of_gaps(look.gaps);
    // A disk that does not answer ends no container.
    if (!look.is_whole) return;
    std::vector<Container> found = std::move(look.containers);
    for (const Container& one : known) {
      if (std::ranges::find(found, one.id, &Container::id) == found.end()) {
        forget(one);
      }
    }
    known = std::move(found);
    care_for_those([](const Container&) { return true; });
    if (!due.empty()) set_timer(kDueTimer, 0ms, &Inside::look_at_due);
  }

  void tell_of_gaps(const std::vector<Gap>& gaps) {
    std::set<std::string> now;
    for (const Gap& gap : gaps) {
      const std::string text =
          fmt::format("not looked at: {}: {}", gap.source, gap.why);
      now.insert(text);
      if (!told_gaps.contains(text)) tell(HealEvent::Kind::unknown, text);
    }
    told_gaps = std::move(now);
  }

  void sweep() {
    sweep_now();
    set_timer(kSweepTimer, settings.sweep, &Inside::sweep);
  }

  // Healing

  bool is_left_alone(const Container& container) {
    const auto mine = heals.find(container.id);
    if (mine == heals.end()) return false;
    std::deque<Boot>& times = mine->second;
    const Boot now = loop.now();
    while (!times.empty() && now - times.front() > settings.window) {
      times.pop_front();
    }
    return std::ssize(times) >= settings.most_heals;
  }

  void care_for_those(const std::function<bool(const Container&)>& wanted) {
    std::vector<Container> sick;
    for (const Container& one : known) {
      if (one.grants.empty() || !wanted(one)) continue;
      systemd.add(one.unit);
      const bool needs_care = is_lost(one) || is_at_risk(one);
      if (!needs_care || !settings.heal) {
        tell_once(HealEvent::Kind::seen, one, state_in_words(one));
      } else if (is_left_alone(one)) {
        tell_once(HealEvent::Kind::left, one, why_left_alone(one));
      } else if (sick.size() < kAtOnce) {
        sick.push_back(one);
      } else {
        due.insert(one.id);
      }
    }
    if (!sick.empty()) care_for(sick);
  }

  std::string why_left_alone(const Container& container) const {
    const std::string cause = container.tomorrow_why.empty()
                                  ? ""
                                  : " (" + container.tomorrow_why + ")";
    return fmt::format(
        "left alone: its access was taken away {} times in {}{}; whoever does "
        "that must be stopped first",
        settings.most_heals, to_words(settings.window), cause);
  }

  void care_for(const std::vector<Container>& sick) {
    const Plan plan = plan::plan_containers(
        examine::diagnose_containers(catalogue, sick), sick);
    for (const Refusal& refusal : plan.refusals) {
      if (const Container* one = find(sick, refusal.subject)) {
        tell_once(HealEvent::Kind::left, *one,
                  fmt::format("{}; not healed: {}", state_in_words(*one),
                              refusal.why));
      }
    }
    if (plan.steps.empty()) return;
    if (!settings.apply) {
      for (const Step& step : plan.steps) {
        if (const Container* one = find(sick, step.subject)) {
          tell_once(HealEvent::Kind::would, *one,
                    fmt::format("{}; would {} (--apply does it)",
                                state_in_words(*one), step.text));
        }
      }
      return;
    }
    apply(plan, sick);
  }

  static const Container* find(const std::vector<Container>& containers,
                               const Subject& subject) {
    const auto found =
        std::ranges::find(containers, subject.name, &Container::label);
    return found == containers.end() ? nullptr : &*found;
  }

  void apply(const Plan& plan, const std::vector<Container>& sick) {
    auto ledger = open_ledger();
    if (!ledger) {
      tell(HealEvent::Kind::systemd,
           "nothing is done, since it cannot be written down before: " +
               ledger.error().text);
      return;
    }
    const Plan only_steps{plan.steps, {}};
    const action::Watcher watcher{
        .begins = {},
        .ended = [&](const Outcome& outcome) { ended(outcome, sick); }};
    if (!std::exchange(recovered, true)) {
      const auto finished = action::finish_interrupted(host, *ledger, watcher);
      if (!finished) {
        recovered = false;
        tell(HealEvent::Kind::systemd,
             "nothing is done: what was interrupted cannot be finished: " +
                 finished.error().text);
        return;
      }
    }
    action::carry_out(host, *ledger, only_steps, watcher);
  }

  Result<ledger::Ledger> open_ledger() {
    const std::string boot_id = TRY(host::boot_id_of(host.self));
    return ledger::Ledger::open_for_acting(host.state_dir, boot_id);
  }

  // The first protection is none; after it, to have to protect again is as
  // much a sign of somebody who takes it away as to have to heal.
  void note_heal(const Container& before, const Outcome& outcome) {
    // systemd may be executing itself anew just now.
    if (outcome.state == Outcome::State::refused ||
        outcome.state == Outcome::State::already) {
      return;
    }
    const bool first = heals.try_emplace(before.id).second;
    if (first && !is_lost(before)) return;
    heals[before.id].push_back(loop.now());
  }

  void ended(const Outcome& outcome, const std::vector<Container>& sick) {
    const Container* before = find(sick, outcome.step.subject);
    if (before == nullptr) return;
    note_heal(*before, outcome);
    const auto mine = std::ranges::find(known, before->id, &Container::id);
    const bool looked =
        mine != known.end() && containers::look_again(host, *mine);
    // For what no list of systemd's prevents (a legacy container and updates)
    // that is so at each look.
    if (outcome.state == Outcome::State::already && looked) {
      tell_once(HealEvent::Kind::seen, *mine, state_in_words(*mine));
      return;
    }
    HealEvent event;
    event.kind = HealEvent::Kind::outcome;
    event.at = wall_now();
    event.text = fmt::format("{}: {}: {} ({})", before->label,
                             is_lost(*before) ? "heal" : "protect",
                             name_of(outcome.state), outcome.text);
    event.outcome = outcome;
    // What is refused is tried at each look, and said once.
    const bool refused = outcome.state == Outcome::State::refused;
    if (refused && told[before->id] == outcome.text) return;
    if (looked) {
      event.container = *mine;
      told[mine->id] = refused ? outcome.text : state_in_words(*mine);
    }
    tell_(event);
  }
};

Healer::Healer(const host::Host& host, const diagnosis::Catalogue& catalogue,
               loop::Loop& loop, Settings settings, Tell tell)
    : inside_(std::make_unique<Inside>(host, catalogue, loop, settings,
                                       std::move(tell))) {}
Healer::~Healer() = default;

Result<void> Healer::start() {
  if (inside_->settings.heal && inside_->settings.apply) {
    if (const auto why = action::why_not_to_act(inside_->host)) {
      return fail(Error::Kind::denied, *why);
    }
  }
  inside_->sweep();
  inside_->systemd.start();
  return {};
}

const std::vector<Container>& Healer::containers() const {
  return inside_->known;
}

}  // namespace gpuward::heal
