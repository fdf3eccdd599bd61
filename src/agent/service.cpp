#include "agent/service.h"

#include <algorithm>
#include <cstdio>

#include "evidence/boot.h"
#include "examine/examine.h"
#include "model/fields.h"
#include "probe/release.h"
#include "snapshot/merge.h"

namespace gpuward::agent {
namespace {

constexpr int kTimer = 1;
constexpr Millis kTick = 1s;
// A GPU whose persistence mode is off goes to sleep without clients, and each
// round would wake it for seconds.
constexpr Millis kSeldom = 5min;
constexpr Millis kLongestPause = 10min;
// Longer than any deadline: a round is given up by its calls, not as a whole.
constexpr Millis kRoundPatience = 10min;

bool sleeps_without_clients(const Snapshot& snapshot) {
  return std::ranges::any_of(snapshot.gpus, [](const Gpu& gpu) {
    return reading(gpu, field::kPersistence).value == Value(false);
  });
}

bool is_hung(const Snapshot& snapshot) {
  return std::ranges::any_of(snapshot.probes, [](const Probe& probe) {
    return probe.state == Probe::State::stuck ||
           probe.state == Probe::State::waiting;
  });
}

}  // namespace

Result<std::unique_ptr<Service>> Service::start(const host::Host& host,
                                                loop::Loop& loop,
                                                ServiceOptions options) {
  TRY_VOID(host::make_run_dir(host));
  std::unique_ptr<Service> service(new Service(host, loop, std::move(options)));
  Service* self = service.get();
  service->readers_ = TRY(Readers::listen(
      host, loop, [self](Millis patience) { return self->current(patience); },
      [self] {
        self->next_round_ = self->loop_.now();
        self->set_timer(self->next_round_);
      }));
  service->set_timer(loop.now());
  loop.on_long_turn([](const loop::Turn& turn) {
    std::fprintf(stderr, "gpuward agent: %s held up the loop for %s\n",
                 turn.what.c_str(), to_words(turn.took).c_str());
  });
  return service;
}

Service::Service(const host::Host& host, loop::Loop& loop,
                 ServiceOptions options)
    : host_(host), loop_(loop), options_(std::move(options)), xids_(host) {
  xids_.look_at_all();
  last_ =
      examine::unprobed_snapshot(host_, "no round is complete yet", wall_now());
}

Service::~Service() {
  loop_.cancel(kTimer);
  loop_.on_long_turn(nullptr);
  let_go(probe::Insist::no);
}

Millis Service::pause_after(int failures, Millis interval) {
  const int doublings = std::min(failures, 12);
  return std::min(interval * (1 << doublings),
                  std::max(kLongestPause, interval));
}

void Service::set_timer(Boot when) {
  // Fails only when memory ran out; systemd then starts us anew.
  if (const auto set = loop_.at(kTimer, when, [this] { tick(); }); !set) {
    std::fprintf(stderr, "gpuward agent: %s\n", set.error().text.c_str());
    loop_.end();
  }
}

void Service::let_go(probe::Insist insist) {
  stop_watching();
  if (surveyor_) surveyor_->dispose(insist);
  surveyor_.reset();
  if (session_) probe::let_go(host_, *session_, insist);
  session_.reset();
}

void Service::tick() {
  const Boot now = loop_.now();
  if (const auto released = probe::released_until(host_, wall_now())) {
    stay_away(in_words(*released), now);
  } else if (surveyor_) {
    step(*surveyor_);
  } else if (now >= next_round_) {
    begin_round();
  } else if (now >= next_write_) {
    publish_again();
  }
  readers_->answer_late(loop_.now());
  if (surveyor_) {
    set_timer(surveyor_->wake(loop_.now()));
  } else {
    set_timer(std::min(std::max(next_round_, now), loop_.now() + kTick));
  }
}

// While somebody else has the driver. Whether that is over is looked at with
// each tick; the file is written when it begins, and as often as it otherwise
// is between two rounds.
void Service::stay_away(const std::string& why, Boot now) {
  let_go(probe::Insist::yes);
  if (why != away_ || now >= next_write_) {
    publish(examine::unprobed_snapshot(host_, why, wall_now()));
  }
  away_ = why;
  readers_->answer_all(last_);
  next_round_ = now + kTick;
}

void Service::begin_round() {
  away_.clear();
  step(surveyor_.emplace(host_,
                         probe::SurveyOptions{.patience = kRoundPatience,
                                              .factor = options_.factor},
                         loop_.now(), std::exchange(session_, std::nullopt)));
}

void Service::step(probe::Surveyor& surveyor) {
  const Boot now = loop_.now();
  // A step may close what it read from, and open another under its number.
  stop_watching();
  if (surveyor.step(now)) return finish_round(surveyor, now);
  watch(surveyor);
  // A round that takes long must not make the file look like a dead agent's.
  if (now >= next_write_) publish(current());
}

void Service::finish_round(probe::Surveyor& surveyor, Boot now) {
  Snapshot snapshot = current();
  const bool hung = is_hung(snapshot);
  session_ = surveyor.keep();
  surveyor.dispose();
  surveyor_.reset();  // `surveyor` is no more
  // One round that comes back after a hang may be luck: the next one is soon,
  // whether or not it wakes a GPU.
  const bool recovering = !hung && failures_ > 0;
  failures_ = hung ? failures_ + 1 : 0;
  Millis pause = pause_after(failures_, options_.interval);
  if (!hung && !recovering && sleeps_without_clients(snapshot)) {
    if (session_) probe::let_go(host_, *session_, probe::Insist::no);
    session_.reset();
    pause = std::max(pause, kSeldom);
  }
  // A canary is looked at, not asked: that may be as often as a healthy round.
  const auto& task = snapshot.probes.front().task;
  if (hung && task && task->where == "kernel") pause = options_.interval;
  next_round_ = now + pause;
  examine::add_other_tasks(snapshot, host_);
  publish(std::move(snapshot));
  readers_->answer_all(last_);
}

// What is known now: of the round under way and, where that has nothing yet,
// of the last one, with its age.
Snapshot Service::current(Millis patience) const {
  if (!surveyor_) return last_;
  const Boot now = loop_.now();
  Snapshot fresh = examine::to_snapshot(
      host_, surveyor_->result_for(patience, now), wall_now());
  snapshot::keep_old_readings(fresh, last_);
  xids_.add_to(fresh);
  return fresh;
}

// Between two rounds: readings grow older, the file does not look like a dead
// agent's, and what the kernel's log has told meanwhile is in it.
void Service::publish_again() {
  Snapshot snapshot = last_;
  snapshot.taken_at = wall_now();
  const auto uptime = evidence::uptime_seconds(host_.evidence);
  snapshot.uptime_seconds =
      uptime ? std::optional<double>(*uptime) : std::nullopt;
  publish(std::move(snapshot));
}

void Service::publish(Snapshot snapshot) {
  last_ = std::move(snapshot);
  xids_.look();
  xids_.add_to(last_);
  next_write_ = loop_.now() + std::min(options_.interval, kTick * 5);
  auto written = snapshot::write_snapshot(host_, last_);
  // Somebody may have cleaned up /run under us.
  if (!written && host::make_run_dir(host_))
    written = snapshot::write_snapshot(host_, last_);
  if (!written) {
    std::fprintf(stderr, "gpuward agent: %s\n", written.error().text.c_str());
  }
}

void Service::watch(const probe::Surveyor& surveyor) {
  for (const int fd : surveyor.fds()) {
    if (!loop_.on_readable(fd, [this] { tick(); })) return;
    watched_.push_back(fd);
  }
}

// Before anything closes them.
void Service::stop_watching() {
  for (const int fd : watched_) loop_.remove(fd);
  watched_.clear();
}

}  // namespace gpuward::agent
