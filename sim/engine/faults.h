// Faults in words: the keys that scenario files and `sim inject` share, and the
// compact syntax of the latter.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sim/engine/scenario.h"
#include "sim/state.h"

namespace gpuward::simulator {

// Builds one row of the state's table of faults from its keys.
class FaultBuilder {
 public:
  explicit FaultBuilder(std::string_view symbol);

  // The keys: caller, not_caller, gpu, from_call, to_call, after, until,
  // return, delay, hang, die, hide. "-" and "_" are the same.
  static bool is_key(std::string_view key);
  static std::vector<std::string> keys();
  Result<void> set(std::string_view key, std::string_view value);

  // Fails where no action was given, or two were.
  Result<sim_fault> finish() const;

 private:
  Result<void> set_action(uint32_t action);
  Result<void> set_hang(std::string_view value);

  sim_fault fault_{};
  std::string symbol_;
  bool has_action_ = false;
  bool has_delay_ = false;
};

// One thing that `sim inject` does.
struct Injection {
  enum class Kind { fault, event };
  Kind kind = Kind::fault;
  sim_fault fault{};
  TimedEvent event;
};

// "nvmlInit* hang=futex", "lose-gpu=3", "xid=79 gpu=3 text=…",
// "set gpu=3 temperature=95"; several in a row: each begins with a word without
// "=", or with lose-gpu=, restore-gpu= or xid=. `words` may hold spaces.
Result<std::vector<Injection>> parse_injections(
    const std::vector<std::string>& words);

// "7: nvmlInit* hang=futex caller=nvidia-device-p*"
std::string describe(const sim_fault& fault);

// An index of a GPU, 0 … SIM_MAX_GPUS - 1.
Result<int> parse_gpu_index(std::string_view value);

// The page that `sim inject --help` prints.
std::string_view injection_help();

}  // namespace gpuward::simulator
