// `gpuward agent`, first form: owns the prober, writes the snapshot file,
// answers on read.sock.
//
// Thread: one, the loop's. The driver's hangs are the prober's; this one only
// looks at sockets, clocks and its own files.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/kernel_xids.h"
#include "agent/readers.h"
#include "host/host.h"
#include "loop/loop.h"
#include "probe/survey.h"

namespace gpuward::agent {

struct ServiceOptions {
  Millis interval = 15s;
  double factor = 1.0;
};

class Service {
 public:
  // `host` and `loop` must outlive it.
  static Result<std::unique_ptr<Service>> start(const host::Host& host,
                                                loop::Loop& loop,
                                                ServiceOptions options);
  // Lets the prober go; a stuck one is left to itself.
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // How long to the next round after `failures` probes in a row that had to be
  // ended: growing, since each of them is a shock to a sick driver.
  static Millis pause_after(int failures, Millis interval);

 private:
  Service(const host::Host& host, loop::Loop& loop, ServiceOptions options);
  void tick();
  void begin_round();
  void step(probe::Surveyor& surveyor);
  void finish_round(probe::Surveyor& surveyor, Boot now);
  void let_go(probe::Insist insist);
  void publish(Snapshot snapshot);
  void publish_again();
  void stay_away(const std::string& why, Boot now);
  Snapshot current(Millis patience = Millis::max()) const;
  void watch(const probe::Surveyor& surveyor);
  void stop_watching();
  void set_timer(Boot when);

  const host::Host& host_;
  loop::Loop& loop_;
  ServiceOptions options_;
  std::unique_ptr<Readers> readers_;
  std::optional<probe::Surveyor> surveyor_;
  std::optional<probe::Session> session_;  // healthy, between two rounds
  std::vector<int> watched_;
  KernelXids xids_;
  Snapshot last_;
  Boot next_round_{};
  Boot next_write_{};
  int failures_ = 0;
  std::string away_;  // why the driver is left alone, as published
};

}  // namespace gpuward::agent
