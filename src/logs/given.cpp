#include "logs/given.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "model/facts.h"
#include "model/nvml_returns.h"

namespace gpuward::logs {
namespace {

enum class Kind { text, number, flag, version, nvml_return };
struct Known {
  std::string_view key;
  Kind kind = Kind::text;
  std::string_view words = {};  // "on, off": the only values of a text
};

constexpr Known kKnown[] = {
    {fact::kDriver, Kind::version},
    {fact::kModule, Kind::text, "open, proprietary"},
    {fact::kLibrary, Kind::version},
    {fact::kLibraryState, Kind::text, "found, absent"},
    {fact::kModuleLoaded, Kind::flag},
    {fact::kModuleOnDisk, Kind::version},
    {fact::kDeviceMajor, Kind::number},
    {fact::kDeviceNodes, Kind::number},
    {fact::kGpu},
    {fact::kPciGpus, Kind::number},
    {fact::kPciDriver},
    {fact::kNvmlGpus, Kind::number},
    {fact::kExpectedGpus, Kind::number},
    {fact::kUptimeDays, Kind::number},
    {fact::kKernel},
    {fact::kHungTask},
    {fact::kHungInDriver, Kind::flag},
    {fact::kHostname},
    {fact::kMig, Kind::text, "off, on, all, mixed"},
    {fact::kPersistence, Kind::text, "on, off"},
    {fact::kPersistenced, Kind::text, "running, absent, stopped"},
    {fact::kPersistencedFlag},
    {fact::kProbe, Kind::text,
     "answering, slow, waiting, stuck, failed, not-run"},
    {fact::kProbeSymbol},
    {fact::kProbeTaskState, Kind::text, "R, S, D, T, t, Z, X, I"},
    {fact::kProbeWchan},
    {fact::kProbeStack},
    {fact::kProbeSeconds, Kind::number},
    {fact::kProbeWhere, Kind::text, "kernel, user"},
    {fact::kProbeSlowest, Kind::number},
    {fact::kNvml, Kind::nvml_return},
    {fact::kRecoveryAction},
    {fact::kRunc},
    {fact::kSystemd},
    {fact::kCgroup, Kind::text, "v1, v2"},
    {fact::kCgroupDriver, Kind::text, "systemd, cgroupfs"},
    {fact::kDocker},
    {fact::kKubernetes},
    {fact::kDevicePlugin},
    {fact::kToolkit},
    {fact::kOs},
};

std::vector<std::string> words_of(std::string_view list) {
  std::vector<std::string> words;
  for (const std::string_view one : split(list, ',')) {
    words.emplace_back(trim(one));
  }
  return words;
}

Result<Value> word_of(const Known& known, std::string_view text) {
  const auto words = words_of(known.words);
  if (std::ranges::find(words, text) != words.end()) {
    return Value(std::string(text));
  }
  return fail(Error::Kind::malformed,
              fmt::format("--fact {} is one of {}, not '{}'", known.key,
                          known.words, text));
}

// "570.158.01"; a branch alone says too little.
Result<Value> version_of(const Known& known, std::string_view text) {
  const auto parts = split(text, '.');
  const auto is_number = [](std::string_view part) {
    return !part.empty() &&
           part.find_first_not_of("0123456789") == std::string_view::npos;
  };
  if (parts.size() >= 2 && std::ranges::all_of(parts, is_number)) {
    return Value(std::string(text));
  }
  return fail(Error::Kind::malformed,
              fmt::format("--fact {} is a version such as 570.158.01, not '{}'",
                          known.key, text));
}

Result<Value> return_of(const Known& known, std::string_view text) {
  if (const NvmlReturn* one = find_nvml_return(text)) {
    return Value(std::string(one->name));
  }
  std::vector<std::string> names;
  for (const NvmlReturn& one : nvml_returns()) names.emplace_back(one.name);
  const auto near = nearest(text, names);
  return fail(
      Error::Kind::malformed,
      fmt::format("--fact {} is a return of NVML such as SUCCESS or "
                  "GPU_IS_LOST, not '{}'{}",
                  known.key, text,
                  near ? "; did you mean '" + *near + "'?" : std::string()));
}

Result<Value> value_of(const Known& known, std::string_view text) {
  if (known.kind == Kind::version) return version_of(known, text);
  if (known.kind == Kind::nvml_return) return return_of(known, text);
  if (!known.words.empty()) return word_of(known, text);
  if (known.kind == Kind::flag) {
    if (text == "true" || text == "yes" || text == "1") return Value(true);
    if (text == "false" || text == "no" || text == "0") return Value(false);
    return fail(
        Error::Kind::malformed,
        fmt::format("--fact {} is true or false, not '{}'", known.key, text));
  }
  if (known.kind == Kind::text) return Value(std::string(text));
  const auto whole = to_number<int64_t>(text);
  if (whole && *whole >= 0) return Value(*whole);
  const auto number = to_double(text);
  if (number && std::isfinite(*number)) {
    if (*number >= 0) return Value(*number);
    return fail(
        Error::Kind::malformed,
        fmt::format("--fact {} is not below 0, as '{}' is", known.key, text));
  }
  return fail(Error::Kind::malformed,
              fmt::format("--fact {} is a number, not '{}'", known.key, text));
}

std::unexpected<Error> no_such_key(std::string_view key) {
  std::vector<std::string> keys;
  for (const Known& known : kKnown) keys.emplace_back(known.key);
  const auto near = nearest(key, keys);
  return fail(
      Error::Kind::not_found,
      fmt::format("--fact: there is no fact '{}'{}", key,
                  near ? "; did you mean '" + *near + "'?" : std::string()));
}

}  // namespace

Result<Evidence> given_fact(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return fail(Error::Kind::malformed,
                fmt::format("--fact takes KEY=VALUE, as in driver=570.158.01, "
                            "not '{}'",
                            text));
  }
  std::string_view key = trim(text.substr(0, equals));
  const std::string_view value = trim(text.substr(equals + 1));
  Evidence evidence;
  if (const size_t at = key.find('@'); at != std::string_view::npos) {
    evidence.subject = {Subject::Kind::gpu, to_lower(key.substr(at + 1))};
    key = key.substr(0, at);
  }
  const auto known = std::ranges::find(kKnown, key, &Known::key);
  if (known == std::end(kKnown)) return no_such_key(key);
  if (value.empty()) {
    return fail(Error::Kind::malformed,
                fmt::format("--fact {}= has no value", key));
  }
  evidence.source = "given";
  evidence.key = std::string(key);
  evidence.value = TRY(value_of(*known, value));
  evidence.text = fmt::format("{} {} (given)", key, value);
  return evidence;
}

}  // namespace gpuward::logs
