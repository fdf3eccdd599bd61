#include "evidence/text/given.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "model/facts.h"

namespace gpuward {
namespace {

enum class Kind { text, number, flag };
struct Known {
  std::string_view key;
  Kind kind = Kind::text;
};

constexpr Known kKnown[] = {
    {fact::kDriver},
    {fact::kModule},
    {fact::kLibrary},
    {fact::kLibraryState},
    {fact::kModuleLoaded, Kind::flag},
    {fact::kModuleOnDisk},
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
    {fact::kMig},
    {fact::kPersistence},
    {fact::kPersistenced},
    {fact::kPersistencedFlag},
    {fact::kProbe},
    {fact::kProbeSymbol},
    {fact::kProbeTaskState},
    {fact::kProbeWchan},
    {fact::kProbeStack},
    {fact::kProbeSeconds, Kind::number},
    {fact::kProbeWhere},
    {fact::kProbeSlowest, Kind::number},
    {fact::kNvml},
    {fact::kRunc},
    {fact::kSystemd},
    {fact::kCgroup},
    {fact::kCgroupDriver},
    {fact::kDocker},
    {fact::kKubernetes},
    {fact::kDevicePlugin},
    {fact::kToolkit},
    {fact::kOs},
};

Result<Value> value_of(const Known& known, std::string_view text) {
  if (known.kind == Kind::flag) {
    if (text == "true" || text == "yes" || text == "1") return Value(true);
    if (text == "false" || text == "no" || text == "0") return Value(false);
    return fail(
        Error::Kind::malformed,
        fmt::format("--fact {} is true or false, not '{}'", known.key, text));
  }
  if (known.kind == Kind::text) return Value(std::string(text));
  if (const auto whole = to_number<int64_t>(text)) return Value(*whole);
  if (const auto number = to_double(text)) return Value(*number);
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

}  // namespace gpuward
