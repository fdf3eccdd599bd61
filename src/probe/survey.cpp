#include "probe/survey.h"

#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "evidence/tasks.h"
#include "model/fields.h"
#include "probe/ending.h"

namespace gpuward::probe {
namespace {

// How often a record is looked at: nothing tells when it changes.
constexpr Millis kLook = 20ms;
// A prober that was asked to quit and is healthy needs far less.
constexpr Millis kDismissGrace = 300ms;
constexpr Millis kEndGrace = 100ms;
// A call must have lasted that long to be called late, however little patience
// the caller has.
constexpr Millis kLeastLate = 250ms;
constexpr const char* kDriverFile = "/proc/driver/nvidia/version";

// A GPU's frame comes twice: as soon as it is known who it is, and whole.
void take_gpu(std::vector<Gpu>& gpus, Gpu gpu) {
  const auto known = std::ranges::find(gpus, gpu.index, &Gpu::index);
  if (known != gpus.end()) {
    *known = std::move(gpu);
  } else {
    gpus.push_back(std::move(gpu));
  }
}

}  // namespace

// Who sits in a slot, as far as this survey is concerned.
struct Surveyor::Seat {
  explicit Seat(int slot, uint32_t left_out_gpus)
      : number(slot), left_out(left_out_gpus) {}

  int number;
  uint32_t left_out;
  std::optional<Session> session;  // ours
  std::optional<Holder> holder;    // somebody else's
  std::optional<Error> refused;    // no prober could be had
  uint64_t round_request = 0;
  uint64_t file_request = 0;
  bool round_done = false;
  bool file_done = false;
  // A prober without an owner that was ended here, in this call.
  std::optional<Progress> forsaken;
  // How its task stood when it was found to hang: looked at once.
  mutable std::optional<StuckTask> task;
  bool hung = false;  // the call in the record will not be waited for longer
  std::optional<NodeFrame> node;
  std::vector<Gpu> gpus;
  Reading driver_file;

  std::optional<Progress> progress() const {
    if (session) return session->progress();
    return holder ? holder->progress : std::nullopt;
  }
  // The call that the driver has not answered. Placement is no business of the
  // driver: systemd may be slow, and the prober gives up on it by itself.
  std::optional<Progress> driver_call() const {
    auto record = progress();
    if (!record || !record->in_call || record->call_class == CallClass::place) {
      return std::nullopt;
    }
    return record;
  }
  bool settled() const {
    return refused || hung || (round_done && file_done) ||
           (session && session->broken());
  }
};

Surveyor::Surveyor(const host::Host& host, SurveyOptions options, Boot now,
                   std::optional<Session> session)
    : host_(host), options_(std::move(options)), started_(now) {
  seats_[0] = std::make_unique<Seat>(1, 0);
  seats_[0]->session = std::move(session);
}

Surveyor::~Surveyor() = default;
Surveyor::Surveyor(Surveyor&&) noexcept = default;

// Takes the slot, or looks at who has it.
void Surveyor::sit_down(Seat& seat) {
  if (options_.only_look) {
    seat.holder = holder_of(host_, seat.number);
    if (!seat.holder) seat.refused = Error{{}, 0, "no prober is running"};
    return;
  }
  auto slot = take_slot(host_, seat.number);
  if (!slot && slot.error().kind == Error::Kind::busy) {
    seat.holder = holder_of(host_, seat.number);
    return;  // free by now: the next step takes it
  }
  if (!slot) {
    seat.refused = slot.error();
    return;
  }
  seat.holder.reset();
  auto session =
      Session::start(host_, std::move(*slot),
                     {.factor = options_.factor, .left_out = seat.left_out});
  if (session) {
    seat.session = std::move(*session);
  } else {
    seat.refused = session.error();
  }
}

void Surveyor::ask(Seat& seat, Session& session) {
  const auto round = session.ask({.kind = Request::Kind::round});
  const auto file =
      session.ask({.kind = Request::Kind::file, .target = kDriverFile});
  if (!round || !file) {
    // It has died meanwhile: what it was in is better news than a broken pipe.
    listen(seat, session);
    if (!session.broken()) seat.refused = round ? file.error() : round.error();
    return;
  }
  seat.round_request = *round;
  seat.file_request = *file;
}

void Surveyor::listen(Seat& seat, Session& session) {
  for (Frame& frame : session.receive()) {
    if (frame.node) seat.node = std::move(frame.node);
    if (frame.gpu) take_gpu(seat.gpus, std::move(*frame.gpu));
    if (frame.text) seat.driver_file = std::move(*frame.text);
    if (!frame.end) continue;
    seat.round_done = seat.round_done || frame.number == seat.round_request;
    seat.file_done = seat.file_done || frame.number == seat.file_request;
  }
}

// A call that is not back: hung once its own deadline has passed, or once it
// has lasted for as long as this caller would wait for anything.
void Surveyor::look_for_hang(Seat& seat, Boot now) const {
  const auto call = seat.driver_call();
  seat.hung = call && now - call->began >=
                          std::min(call->deadline,
                                   std::max(options_.patience, kLeastLate));
}

// Somebody else's prober: another caller's, or a canary.
void Surveyor::watch(Seat& seat, Boot now) {
  look_for_hang(seat, now);
  if (options_.only_look || !seat.holder || !seat.holder->progress) return;
  const Progress& left = *seat.holder->progress;
  // Nobody will end it: its owner is gone, or it is one that we ourselves left
  // behind. If it may be ended, that frees the slot for a fresh look; if not,
  // it is the canary.
  const bool ours = left.owner_pid == ::getpid();
  if ((seat.holder->owner_alive && !ours) || !left.in_call ||
      now - left.began < left.deadline) {
    return;
  }
  if (end_prober(host_, left.pid, left.start_time, kEndGrace)) {
    seat.hung = false;
    seat.forsaken = left;
    seat.holder.reset();
  }
}

// One GPU does not let the first prober go on: a second one asks the others.
// It joins before the first is given up, or it would have no time left.
bool Surveyor::second_opinion(Boot now) {
  if (seats_[1] != nullptr || options_.only_look) return false;
  const auto call = seats_[0]->driver_call();
  constexpr int kMostGpus = 32;  // bits of `left_out`
  if (!call || call->gpu < 0 || call->gpu >= kMostGpus) return false;
  const Millis suspicious =
      std::min(call->deadline, std::max(options_.patience / 2, kLeastLate));
  if (now - call->began < suspicious) return false;
  const uint32_t left_out = call->left_out | (uint32_t{1} << call->gpu);
  seats_[1] = std::make_unique<Seat>(2, left_out);
  return true;
}

void Surveyor::step(Seat& seat, Boot now) {
  if (!seat.session) sit_down(seat);
  if (seat.session) {
    Session& session = *seat.session;
    if (seat.round_request == 0) ask(seat, session);
    listen(seat, session);
    look_for_hang(seat, now);
  } else if (seat.holder) {
    watch(seat, now);
  }
}

bool Surveyor::step(Boot now) {
  bool settled = true;
  for (const auto& seat : seats_) {
    if (seat == nullptr || seat->settled()) continue;
    step(*seat, now);
    settled = settled && seat->settled();
  }
  // After the seats were looked at: one may just have turned out to hang.
  if (second_opinion(now)) settled = false;
  return settled || now >= end_of_patience();
}

std::vector<int> Surveyor::fds() const {
  std::vector<int> out;
  for (const auto& seat : seats_) {
    if (seat != nullptr && seat->session && !seat->settled()) {
      out.push_back(seat->session->fd());
    }
  }
  return out;
}

Boot Surveyor::wake(Boot now) const {
  return std::min(now + kLook, end_of_patience());
}

// What the record says, whoever wrote it.
void Surveyor::add_record(Probe& probe, const Progress& progress) {
  probe.boot_id = progress.boot_id;
  probe.pid = progress.pid;
  probe.start_time = progress.start_time;
  probe.calls = progress.calls;
  probe.slowest = progress.slowest;
  probe.slowest_symbol = progress.slowest_symbol;
  probe.placement = progress.placement;
  if (!progress.in_call) return;
  probe.symbol = progress.symbol;
  probe.gpu = progress.gpu;
  probe.deadline = progress.deadline;
  probe.since = progress.began_wall;
}

// A call that is not back is the news, whatever else there is to say.
Probe::State Surveyor::state_of(const Seat& seat,
                                const std::optional<Progress>& progress,
                                bool hung, Boot now) {
  if (hung && progress) {
    return now - progress->began >= progress->deadline ? Probe::State::stuck
                                                       : Probe::State::waiting;
  }
  if (seat.round_done) return Probe::State::answering;
  if (seat.refused) return Probe::State::not_run;
  if (seat.session && seat.session->broken()) return Probe::State::failed;
  const bool somebody_elses = seat.holder.has_value();
  if (somebody_elses && !(progress && progress->in_call)) {
    return Probe::State::not_run;
  }
  return Probe::State::slow;
}

std::string Surveyor::why_of(const Seat& seat) {
  if (seat.round_done) return {};
  if (seat.refused) return seat.refused->text;
  if (seat.session) {
    const auto& broken = seat.session->broken();
    return broken ? broken->text : "the round is not complete yet";
  }
  if (!seat.holder) return "no prober was started yet";
  const auto& progress = seat.holder->progress;
  if (!progress) {
    return "somebody else's probe holds the driver: " +
           seat.holder->why_unknown;
  }
  if (!progress->in_call) {
    return fmt::format(
        "probe {} of process {} holds the driver and is idle; "
        "that process does not answer",
        progress->pid, progress->owner_pid);
  }
  return fmt::format("probe {} of another caller is still at work",
                     progress->pid);
}

Probe Surveyor::describe(const Seat& seat, Millis patience, Boot now) const {
  Probe probe;
  probe.slot = seat.number;
  for (int i = 0; i < 32; ++i) {
    if ((seat.left_out >> i & 1U) != 0) probe.left_out.push_back(i);
  }
  const auto progress = seat.progress();
  if (progress) add_record(probe, *progress);
  const bool hung = is_late(seat, patience, now);
  probe.state = state_of(seat, progress, hung, now);
  if (!hung) {
    probe.why = why_of(seat);
    return probe;
  }
  if (!seat.task || seat.task->pid != probe.pid) {
    if (auto task = evidence::inspect_task(host_.self, probe.pid))
      seat.task = *task;
  }
  probe.task = seat.task;
  return probe;
}

// At the end of a reader's patience, a call that has taken most of it is the
// news, though its own deadline has not passed.
bool Surveyor::is_late(const Seat& seat, Millis patience, Boot now) {
  if (seat.hung) return true;
  const auto call = seat.driver_call();
  if (!call) return false;
  Boot began = call->began;
  // A call that an earlier prober did not come back from either.
  if (seat.forsaken && seat.forsaken->symbol == call->symbol &&
      seat.forsaken->gpu == call->gpu) {
    began = seat.forsaken->began;
  }
  return now - began >= std::max(patience / 2, kLeastLate);
}

void Surveyor::add_missing_gpus(Survey& survey) const {
  const auto call = seats_[0]->driver_call();
  const auto why = [&call](int gpu) {
    return call && call->gpu == gpu ? call->symbol + " has not come back"
                                    : std::string("not asked yet");
  };
  for (Gpu& gpu : survey.gpus) {
    if (call && call->gpu == gpu.index) {
      gpu.readings[std::string(field::kHandle)].why = why(gpu.index);
    }
  }
  const auto* count = std::get_if<int64_t>(&survey.gpu_count.value);
  if (survey.gpu_count.state != Reading::State::value || count == nullptr) {
    return;
  }
  constexpr int64_t kMostGpus = 1024;
  for (int i = 0; i < std::min(*count, kMostGpus); ++i) {
    if (std::ranges::find(survey.gpus, i, &Gpu::index) != survey.gpus.end()) {
      continue;
    }
    Gpu missing;
    missing.index = i;
    Reading& handle = missing.readings[std::string(field::kHandle)];
    handle.at = wall_now();
    handle.why = why(i);
    survey.gpus.push_back(std::move(missing));
  }
  std::ranges::sort(survey.gpus, {}, &Gpu::index);
}

Survey Surveyor::result(Boot now) const {
  const bool over = now >= end_of_patience();
  return result_for(over ? options_.patience : Millis::max(), now);
}

Survey Surveyor::result_for(Millis patience, Boot now) const {
  Survey out;
  for (const auto& seat : seats_) {
    if (seat == nullptr) continue;
    out.probes.push_back(describe(*seat, patience, now));
    // The second prober's word counts where the first had none.
    if (seat->node && out.init.state != Reading::State::value) {
      out.init = seat->node->init;
      out.driver_version = seat->node->driver_version;
      out.cuda_version = seat->node->cuda_version;
      out.nvml_version = seat->node->nvml_version;
      out.library_path = seat->node->library_path;
      out.gpu_count = seat->node->gpu_count;
    }
    if (out.driver_file.state != Reading::State::value) {
      out.driver_file = seat->driver_file;
    }
    for (const Gpu& gpu : seat->gpus) {
      if (std::ranges::find(out.gpus, gpu.index, &Gpu::index) ==
          out.gpus.end()) {
        out.gpus.push_back(gpu);
      }
    }
  }
  add_missing_gpus(out);
  return out;
}

Probe Surveyor::first_probe(Boot now) const {
  return describe(*seats_[0], Millis::max(), now);
}

std::optional<Session> Surveyor::keep() {
  Seat& seat = *seats_[0];
  const bool healthy = seat.session && !seat.session->broken() && !seat.hung &&
                       seat.round_done && seat.node &&
                       seat.node->init.state == Reading::State::value &&
                       seat.node->gpu_count.state == Reading::State::value;
  if (!healthy) return std::nullopt;
  auto session = std::move(seat.session);
  seat.session.reset();
  return session;
}

void Surveyor::dispose(Insist insist) {
  for (const auto& seat : seats_) {
    if (seat == nullptr || !seat->session) continue;
    let_go(host_, *seat->session, insist, seat->task);
    seat->session.reset();
  }
}

void let_go(const host::Host& host, Session& session, Insist insist,
            const std::optional<StuckTask>& seen) {
  const auto in_call = [&session] {
    const auto progress = session.progress();
    return progress && progress->in_call ? progress : std::nullopt;
  };
  // Between two calls it is asked to quit, and may hang in nvmlShutdown.
  if (!in_call() && session.dismiss(kDismissGrace)) return;
  // Before the call's own deadline it is only slow, and left to itself: with
  // its socket closed it ends after the call, or by its own watchdog.
  const auto progress = in_call();
  if (progress && (insist == Insist::yes ||
                   BootClock::now() - progress->began >= progress->deadline)) {
    end_prober(host, progress->pid, progress->start_time, kEndGrace, seen);
  }
  session.reap();
}

Survey run_survey(const host::Host& host, const SurveyOptions& options,
                  const OnWait& on_wait) {
  const Boot started = BootClock::now();
  Surveyor surveyor(host, options, started);
  Boot now = started;
  while (!surveyor.step(now)) {
    std::vector<pollfd> watched;
    for (const int fd : surveyor.fds()) watched.push_back({fd, POLLIN, 0});
    const Millis pause = std::max(surveyor.wake(now) - now, Millis(0));
    ::poll(watched.data(), watched.size(), static_cast<int>(pause.count()) + 1);
    now = BootClock::now();
    if (on_wait) on_wait(surveyor.first_probe(now), now - started);
  }
  Survey survey = surveyor.result(now);
  surveyor.dispose();
  return survey;
}

}  // namespace gpuward::probe
