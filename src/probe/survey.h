// A survey: everything that probing can say about the node within a patience,
// with at most two probers on the node whoever else is asking (design, law 2).
//
// A state machine that never waits: call step() whenever one of fds() is
// readable or wake() has come, until it says done. `doctor` drives it with
// poll (run_survey), the agent from its event loop.
//
//   slot 1 free ─▶ our prober ─▶ round complete ─▶ done
//     │                 └─▶ a call does not come back ─▶ judged by its deadline
//     │                       └─ of one GPU ─▶ slot 2, leaving that GPU out
//     └ held ─▶ watch its record: freed ─▶ take it; hung ─▶ that is the
//     evidence
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/host.h"
#include "model/snapshot.h"
#include "probe/session.h"

namespace gpuward::probe {

struct SurveyOptions {
  // How long the caller waits for an answer, whatever the driver does.
  Millis patience = 10s;
  double factor = 1.0;     // of the deadlines; for tests
  bool only_look = false;  // at who holds the slots; start nothing
};

struct Survey {
  Reading init;
  Reading driver_version;
  Reading cuda_version;
  Reading nvml_version;
  Reading library_path;
  Reading gpu_count;
  Reading driver_file;    // /proc/driver/nvidia/version, read by the prober
  std::vector<Gpu> gpus;  // by index; one not answering has no reading but why
  std::vector<Probe> probes;

  bool operator==(const Survey&) const = default;
};

// Whether a call that is only slow yet is waited for no longer: somebody wants
// the driver for himself.
enum class Insist { no, yes };

// Ends a prober of ours as its state allows: asks it to quit, or where it does
// not come back from a call, see ending.h. Waits half a second at most.
void let_go(const host::Host& host, Session& session, Insist insist,
            const std::optional<StuckTask>& seen = std::nullopt);

class Surveyor {
 public:
  // `host` must outlive it. `session`: a healthy prober of an earlier survey.
  // `now`: when its patience begins.
  Surveyor(const host::Host& host, SurveyOptions options, Boot now,
           std::optional<Session> session = std::nullopt);
  ~Surveyor();
  Surveyor(Surveyor&&) noexcept;

  // True once there is nothing more to wait for.
  bool step(Boot now);
  // Sockets to be polled for reading until the next step.
  std::vector<int> fds() const;
  // When step() wants to be called at the latest.
  Boot wake(Boot now) const;

  // What is known now. Complete once step() returned true.
  Survey result(Boot now) const;
  // The same for somebody whose own patience is over now.
  Survey result_for(Millis patience, Boot now) const;
  Probe first_probe(Boot now) const;

  // The healthy prober of slot 1, to be kept; nothing if there is none.
  std::optional<Session> keep();
  // Ends or leaves what is still there, by its state: see slot.h and law 2.
  // Waits at most about a second, for a prober that is on its way out.
  void dispose(Insist insist = Insist::no);

 private:
  struct Seat;
  void step(Seat& seat, Boot now);
  void sit_down(Seat& seat);
  static void ask(Seat& seat, Session& session);
  static void listen(Seat& seat, Session& session);
  void watch(Seat& seat, Boot now);
  void look_for_hang(Seat& seat, Boot now) const;
  bool second_opinion(Boot now);
  static bool is_late(const Seat& seat, Millis patience, Boot now);
  Probe describe(const Seat& seat, Millis patience, Boot now) const;
  static void add_record(Probe& probe, const Progress& progress);
  static Probe::State state_of(const Seat& seat,
                               const std::optional<Progress>& progress,
                               bool hung, Boot now);
  static std::string why_of(const Seat& seat);
  void add_missing_gpus(Survey& survey) const;
  Boot end_of_patience() const { return started_ + options_.patience; }

  const host::Host& host_;
  SurveyOptions options_;
  Boot started_;
  std::array<std::unique_ptr<Seat>, kSlots> seats_;
};

// What is being waited for, for a terminal.
using OnWait = std::function<void(const Probe& probe, Millis waited)>;

// Drives one to its end, then disposes of it.
Survey run_survey(const host::Host& host, const SurveyOptions& options,
                  const OnWait& on_wait);

}  // namespace gpuward::probe
