#include "sim/engine/faults.h"

#include <fmt/core.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"
#include "sim/engine/fields.h"
#include "sim/engine/symbols.h"
#include "sim/engine/units.h"

namespace gpuward::simulator {
namespace {

constexpr std::array<std::string_view, 12> kKeys = {
    "caller", "not_caller", "gpu",   "from_call", "to_call", "after",
    "until",  "return",     "delay", "hang",      "die",     "hide"};

struct Hang {
  std::string_view name;
  uint32_t action;
};
constexpr std::array<Hang, 4> kHangs = {{{"futex", SIM_HANG_FUTEX},
                                         {"busy", SIM_HANG_BUSY},
                                         {"killable-d", SIM_HANG_D},
                                         {"d", SIM_HANG_D_HARD}}};

std::string with_underscores(std::string_view key) {
  std::string out(key);
  for (char& c : out) {
    if (c == '-') c = '_';
  }
  return out;
}

std::unexpected<Error> malformed(std::string text) {
  return fail(Error::Kind::malformed, std::move(text));
}

Result<uint32_t> parse_count(std::string_view key, std::string_view value) {
  const auto number = to_number<uint32_t>(value);
  if (number && *number > 0) return *number;
  return malformed(
      fmt::format("'{}' must be a whole number from 1, not '{}'", key, value));
}

// A task's comm has 15 characters: "nvidia-device-plugin*" would match none.
std::string_view as_comm(std::string_view glob) {
  const size_t literal = std::min(glob.find('*'), glob.size());
  return literal >= 15 ? glob.substr(0, 15) : glob;
}

Result<bool> parse_flag(std::string_view key, std::string_view value) {
  if (value == "true" || value == "yes" || value == "on" || value.empty()) {
    return true;
  }
  return malformed(fmt::format("'{}' takes no value but true", key));
}

// A glob that no exported name matches would wait for ever in silence.
Result<void> check_symbol(const std::string& glob) {
  const std::vector<std::string> names(symbols().begin(), symbols().end());
  // The same match as the library's.
  for (const std::string& name : names) {
    if (::fnmatch(glob.c_str(), name.c_str(), 0) == 0) return {};
  }
  std::string text = fmt::format("'{}' is no symbol of NVML", glob);
  if (const auto guess = nearest(glob, names)) {
    text += fmt::format("; did you mean '{}'?", *guess);
  }
  return malformed(std::move(text));
}

}  // namespace

Result<int> parse_gpu_index(std::string_view value) {
  const auto number = to_number<int>(value);
  if (number && *number >= 0 && *number < SIM_MAX_GPUS) return *number;
  return malformed(fmt::format("'{}' is no GPU index: write 0 … {}", value,
                               SIM_MAX_GPUS - 1));
}

FaultBuilder::FaultBuilder(std::string_view symbol) : symbol_(symbol) {
  fault_.gpu = -1;
  fault_.from_call = 1;
  fault_.to_ms = -1;
}

bool FaultBuilder::is_key(std::string_view key) {
  const std::string wanted = with_underscores(key);
  for (const std::string_view known : kKeys) {
    if (known == wanted) return true;
  }
  return false;
}

std::vector<std::string> FaultBuilder::keys() {
  return {kKeys.begin(), kKeys.end()};
}

Result<void> FaultBuilder::set_action(uint32_t action) {
  if (has_action_) {
    return malformed("only one of return, hang, die and hide can happen");
  }
  has_action_ = true;
  fault_.action = action;
  return {};
}

Result<void> FaultBuilder::set_hang(std::string_view value) {
  for (const Hang& hang : kHangs) {
    if (hang.name == value) return set_action(hang.action);
  }
  return malformed(fmt::format(
      "there is no hang '{}'; there are futex, busy, killable-d and d", value));
}

Result<void> FaultBuilder::set(std::string_view raw, std::string_view value) {
  const std::string key = with_underscores(raw);
  if (key == "caller") {
    return copy_text(fault_.caller, sizeof fault_.caller, as_comm(value), key);
  }
  if (key == "not_caller") {
    return copy_text(fault_.not_caller, sizeof fault_.not_caller,
                     as_comm(value), key);
  }
  if (key == "gpu") {
    fault_.gpu = TRY(parse_gpu_index(value));
  } else if (key == "from_call") {
    fault_.from_call = TRY(parse_count(key, value));
  } else if (key == "to_call") {
    fault_.to_call = TRY(parse_count(key, value));
  } else if (key == "after") {
    fault_.from_ms = TRY(parse_duration(value)).count();
  } else if (key == "until") {
    fault_.to_ms = TRY(parse_duration(value)).count();
  } else if (key == "return") {
    fault_.code = TRY(parse_return(value));
    return set_action(SIM_RETURN);
  } else if (key == "delay") {
    fault_.delay_ms = TRY(parse_duration(value)).count();
    has_delay_ = true;
  } else if (key == "hang") {
    return set_hang(value);
  } else if (key == "die" || key == "hide") {
    TRY(parse_flag(key, value));
    return set_action(key == "die" ? SIM_DIE : SIM_HIDE);
  } else {
    std::string text = fmt::format("a fault has no key '{}'", raw);
    if (const auto guess = nearest(key, keys())) {
      text += fmt::format("; did you mean '{}'?", *guess);
    }
    return malformed(std::move(text));
  }
  return {};
}

Result<sim_fault> FaultBuilder::finish() const {
  sim_fault fault = fault_;
  TRY_VOID(check_symbol(symbol_));
  TRY_VOID(copy_text(fault.symbol, sizeof fault.symbol, symbol_, "symbol"));
  if (!has_action_ && !has_delay_) {
    return malformed(fmt::format(
        "'{}' needs what happens: return, delay, hang, die or hide", symbol_));
  }
  if (!has_action_) fault.action = SIM_DELAY;
  if (has_delay_ && has_action_ && fault.action != SIM_RETURN) {
    return malformed("a delay goes with return, or stands alone");
  }
  if (fault.to_call != 0 && fault.to_call < fault.from_call) {
    return malformed("to_call lies before from_call");
  }
  if (fault.to_ms >= 0 && fault.to_ms <= fault.from_ms) {
    return malformed("until must lie after 'after'");
  }
  fault.used = 1;
  return fault;
}

std::string describe(const sim_fault& fault) {
  std::string out = fmt::format("{}: {}", fault.id, fault.symbol);
  switch (fault.action) {
    case SIM_RETURN:
      out += " return=" + name_of_return(fault.code);
      break;
    case SIM_DIE:
      out += " die=true";
      break;
    case SIM_HIDE:
      out += " hide=true";
      break;
    default:
      break;
  }
  for (const Hang& hang : kHangs) {
    if (hang.action == fault.action) out += fmt::format(" hang={}", hang.name);
  }
  if (fault.delay_ms != 0) out += fmt::format(" delay={}ms", fault.delay_ms);
  if (fault.gpu >= 0) out += fmt::format(" gpu={}", fault.gpu);
  if (fault.caller[0] != 0) out += fmt::format(" caller={}", fault.caller);
  if (fault.not_caller[0] != 0) {
    out += fmt::format(" not_caller={}", fault.not_caller);
  }
  if (fault.from_call > 1) out += fmt::format(" from_call={}", fault.from_call);
  if (fault.to_call != 0) out += fmt::format(" to_call={}", fault.to_call);
  if (fault.from_ms != 0) out += fmt::format(" after={}ms", fault.from_ms);
  if (fault.to_ms >= 0) out += fmt::format(" until={}ms", fault.to_ms);
  return out;
}

}  // namespace gpuward::simulator
