// What a scenario lets happen as time goes by; played by the keeper.
#pragma once

#include <set>
#include <vector>

#include "base/time.h"
#include "sim/engine/scenario.h"
#include "sim/engine/state_file.h"

namespace gpuward::simulator {

class Timeline {
 public:
  explicit Timeline(const Scenario& scenario);

  // Does what is due and says after how long to come again.
  Millis play(const std::string& node, StateFile& state);

 private:
  void play_events(const std::string& node, StateFile& state);
  void play_log(const std::string& node, StateFile& state);
  void play_disk(const std::string& node, StateFile& state);
  Millis until_next(const StateFile& state) const;

  std::vector<TimedEvent> events_;  // still to come, in order of time
  std::vector<LogLine> log_;
  Millis uptime_;            // at the node's start
  Millis written_;           // the log is written up to here
  std::set<uint32_t> held_;  // ids of the faults that wanted state D last time
};

}  // namespace gpuward::simulator
