#include "kubelet/guard/settings.h"

#include <fmt/core.h>

namespace gpuward::kubelet::guard {
namespace {

constexpr Millis kShortest = 1ms;
constexpr Millis kKubeletsOwn = 30s;

Result<void> check_each(const PerResource& deadline, std::string_view name,
                        Millis longest) {
  const auto is_right = [&](Millis value) {
    return value >= kShortest && value <= longest;
  };
  bool all = is_right(deadline.usual);
  for (const auto& [resource, value] : deadline.of) all &= is_right(value);
  if (all) return {};
  return fail(Error::Kind::malformed,
              fmt::format("{} must lie between {} and {}", name,
                          to_words(kShortest), to_words(longest)));
}

}  // namespace

Millis PerResource::for_resource(const std::string& resource) const {
  const auto found = of.find(resource);
  return found == of.end() ? usual : found->second;
}

Result<void> set_deadline(PerResource& out, const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos) {
    out.usual = TRY(duration_from(text));
    return {};
  }
  const std::string resource = text.substr(0, equals);
  if (resource.find('/') == std::string::npos) {
    return fail(
        Error::Kind::malformed,
        fmt::format("'{}' is no resource: write vendor.com/name=2s", resource));
  }
  out.of[resource] = TRY(duration_from(text.substr(equals + 1)));
  return {};
}

Result<void> check(const GuardSettings& settings) {
  if (settings.kubelet_dir == settings.plugin_dir) {
    return fail(Error::Kind::malformed,
                "the plugin's directory must be another than the kubelet's: "
                "the guard stands between the two");
  }
  TRY_VOID(
      check_each(settings.preferred_deadline, "--preferred-deadline", 10min));
  TRY_VOID(
      check_each(settings.allocate_deadline, "--allocate-deadline", 10min));
  TRY_VOID(check_each(settings.prestart_deadline, "--prestart-deadline",
                      kKubeletsOwn - 1s));
  if (settings.allocate_failures < 1) {
    return fail(Error::Kind::malformed,
                "--allocate-failures must be 1 or more");
  }
  constexpr Millis kOftenest = 100ms;
  if (settings.options_deadline < kOftenest) {
    return fail(Error::Kind::malformed,
                "--options-deadline must be 100 ms or more");
  }
  if (settings.liveness_interval < kOftenest) {
    return fail(Error::Kind::malformed,
                "--liveness-interval must be 100 ms or more");
  }
  return {};
}

}  // namespace gpuward::kubelet::guard
