#include "ask/pods.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"

namespace gpuward::ask {
namespace {

constexpr Millis kLong = 60s;
constexpr size_t kMostNamed = 100;

bool asks_for_nvidia(const Json& pod) {
  for (const std::string_view kind : {"containers", "initContainers"}) {
    for (const Json& container : pod["spec"][kind].as_array()) {
      const auto& limits = container["resources"]["limits"].as_object();
      const bool asks = std::ranges::any_of(limits, [](const auto& limit) {
        return limit.first.starts_with("nvidia.com/");
      });
      if (asks) return true;
    }
  }
  return false;
}

// When the kubelet was given it, to the second.
std::optional<Wall> seen_at(const Json& pod) {
  constexpr size_t kSeconds = 19;  // "2025-07-30T20:39:03"
  const std::string_view text =
      pod["metadata"]["annotations"]["kubernetes.io/config.seen"].as_string();
  // Behind the seconds comes a zone; all but UTC would need to be reckoned.
  if (text.size() < kSeconds || !text.ends_with('Z')) return std::nullopt;
  return from_iso(std::string(text.substr(0, kSeconds)) + ".000Z");
}

bool is_unstarted(const Json& pod, Wall now) {
  const Json& status = pod["status"];
  if (!status["startTime"].is_null()) return false;
  const std::string_view phase = status["phase"].as_string("Pending");
  if (phase != "Pending") return false;
  // A static pod's copy in the API server is not what the kubelet runs.
  const auto seen = seen_at(pod);
  return seen && now - *seen >= kLong;
}

std::string name_of(const Json& pod) {
  const Json& meta = pod["metadata"];
  return printable(
      fmt::format("{}_{}_{}", meta["namespace"].as_string(),
                  meta["name"].as_string(), meta["uid"].as_string()),
      600);
}

}  // namespace

Result<PodsSeen> read_pods(std::string_view text, Wall now) {
  const auto json = Json::parse(text);
  if (!json || (*json)["kind"].as_string() != "PodList") {
    return fail(Error::Kind::malformed, "not a list of pods");
  }
  PodsSeen out;
  for (const Json& pod : (*json)["items"].as_array()) {
    ++out.all;
    if (is_unstarted(pod, now) && out.unstarted.size() < kMostNamed) {
      out.unstarted.push_back(name_of(pod));
    }
    const bool rejected =
        pod["status"]["phase"].as_string() == "Failed" &&
        pod["status"]["reason"].as_string() == "UnexpectedAdmissionError";
    if (rejected && asks_for_nvidia(pod)) ++out.rejected;
  }
  return out;
}

Json to_json(const PodsSeen& pods) {
  Json out = Json::object();
  out.set("all", pods.all);
  out.set("rejected", pods.rejected);
  Json unstarted = Json::array();
  for (const std::string& name : pods.unstarted) unstarted.push(name);
  out.set("unstarted", std::move(unstarted));
  return out;
}

}  // namespace gpuward::ask
