#include <fmt/core.h>

#include "base/text.h"
#include "sim/engine/faults.h"
#include "sim/engine/fields.h"
#include "sim/engine/units.h"

namespace gpuward::simulator {
namespace {

using Words = std::vector<std::string>;

struct Pair {
  std::string_view key;
  std::string_view value;
};

Pair cut(std::string_view word) {
  const size_t at = word.find('=');
  if (at == std::string_view::npos) return {word, {}};
  return {word.substr(0, at), word.substr(at + 1)};
}

bool begins(std::string_view word) {
  const auto [key, value] = cut(word);
  return word.find('=') == std::string_view::npos || key == "lose-gpu" ||
         key == "restore-gpu" || key == "xid";
}

std::unexpected<Error> malformed(std::string text) {
  return fail(Error::Kind::malformed, std::move(text));
}

std::unexpected<Error> unknown(std::string_view what, std::string_view key,
                               const std::vector<std::string>& known) {
  std::string text = fmt::format("{} has no key '{}'", what, key);
  if (const auto guess = nearest(key, known)) {
    text += fmt::format("; did you mean '{}'?", *guess);
  }
  return malformed(std::move(text));
}

Result<Injection> parse_fault(const Words& group) {
  FaultBuilder builder(group[0]);
  if (!matches_glob("nvml*", group[0]) && group[0] != "*") {
    return malformed(fmt::format(
        "'{}' is neither a symbol like nvmlInit* nor lose-gpu=, restore-gpu=, "
        "xid= or set",
        group[0]));
  }
  for (size_t i = 1; i < group.size(); ++i) {
    const auto [key, value] = cut(group[i]);
    TRY_VOID(builder.set(key, value));
  }
  Injection out;
  out.fault = TRY(builder.finish());
  return out;
}

Result<Injection> parse_lost(const Words& group, TimedEvent::Kind kind) {
  if (group.size() > 1) return malformed("lose-gpu takes nothing but the GPU");
  Injection out{.kind = Injection::Kind::event};
  out.event.kind = kind;
  out.event.gpu = TRY(parse_gpu_index(cut(group[0]).value));
  return out;
}

Result<Injection> parse_xid(const Words& group) {
  Injection out{.kind = Injection::Kind::event};
  out.event.kind = TimedEvent::Kind::xid;
  const auto number = to_number<int>(cut(group[0]).value);
  if (!number || *number < 1) return malformed("xid needs its number: xid=79");
  out.event.xid = *number;
  for (size_t i = 1; i < group.size(); ++i) {
    const auto [key, value] = cut(group[i]);
    if (key == "gpu") {
      out.event.gpu = TRY(parse_gpu_index(value));
    } else if (key == "text") {
      out.event.text = value;
    } else {
      return unknown("an Xid", key, {"gpu", "text"});
    }
  }
  if (out.event.gpu < 0) return malformed("xid needs its GPU: gpu=3");
  return out;
}

Result<Injection> parse_set(const Words& group) {
  Injection out{.kind = Injection::Kind::event};
  out.event.kind = TimedEvent::Kind::set;
  sim_gpu scratch{};
  for (size_t i = 1; i < group.size(); ++i) {
    const auto [key, value] = cut(group[i]);
    if (key == "gpu") {
      out.event.gpu = TRY(parse_gpu_index(value));
      continue;
    }
    TRY_VOID(set_field(scratch, key, value));
    out.event.settings.emplace_back(key, value);
  }
  if (out.event.gpu < 0) return malformed("set needs its GPU: set gpu=3 …");
  if (out.event.settings.empty()) {
    return malformed("set needs a reading: set gpu=3 temperature=95");
  }
  return out;
}

Result<Injection> parse_group(const Words& group) {
  const std::string_view key = cut(group[0]).key;
  if (key == "lose-gpu") return parse_lost(group, TimedEvent::Kind::lose_gpu);
  if (key == "restore-gpu") {
    return parse_lost(group, TimedEvent::Kind::restore_gpu);
  }
  if (key == "xid") return parse_xid(group);
  if (key == "set") return parse_set(group);
  return parse_fault(group);
}

// "text=a b" stays whole when it came as one argument.
void add_words(const std::string& argument, Words& out) {
  if (argument.starts_with("text=")) {
    out.push_back(argument);
    return;
  }
  for (const std::string_view word : words(argument)) out.emplace_back(word);
}

}  // namespace

Result<std::vector<Injection>> parse_injections(const Words& arguments) {
  Words all;
  for (const std::string& argument : arguments) add_words(argument, all);
  std::vector<Words> groups;
  for (std::string& word : all) {
    if (groups.empty() || begins(word)) groups.emplace_back();
    groups.back().push_back(std::move(word));
  }
  std::vector<Injection> out;
  for (const Words& group : groups) out.push_back(TRY(parse_group(group)));
  if (out.empty()) return malformed("nothing to inject");
  return out;
}

std::string_view injection_help() {
  return R"(A fault is a symbol and what happens to its calls:
  nvmlInit* hang=futex                          wait in user space
  nvmlDeviceGetTemperature gpu=3 return=GPU_IS_LOST
  nvmlDeviceGet* delay=3s
  "nvmlInit* hang=d" "nvmlDeviceGetName die=true"   several at once

what happens    return=NAME   an NVML return code; with delay=3s: after it
                delay=3s      then answer as usual
                hang=futex    state S in futex
                hang=busy     a loop in user space
                hang=killable-d   state D that ends on SIGKILL
                hang=d        state D that survives SIGKILL (needs root)
                die=true      the client ends by SIGSEGV
                hide=true     FUNCTION_NOT_FOUND
to whom         gpu=3  caller=GLOB  not_caller=GLOB (over the client's comm)
when            from_call=5  to_call=9  (n-th matching call of a process)
                after=10s  until=1m     (since the node's start)

An event happens at once:
  lose-gpu=3   restore-gpu=3   xid=79 gpu=3 [text=…]
  set gpu=3 temperature=95 power=400W memory_used=3GiB
)";
}

}  // namespace gpuward::simulator
