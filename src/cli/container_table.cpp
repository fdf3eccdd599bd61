#include "cli/container_table.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "cli/options.h"
#include "containers/access.h"
#include "containers/container_json.h"
#include "model/json.h"

namespace gpuward::cli {
namespace {

using Now = NodeAccess::Now;

std::string now_in_words(const Container& container) {
  if (container.privileged) return "all devices";
  if (container.grants.empty()) return "none given";
  const Now now = containers::access_now(container);
  if (container.frozen && now == Now::unknown) return "paused";
  return std::string(name_of(now));
}

std::string_view lasts_in_words(const Container& container) {
  if (containers::access_now(container) == Now::denied) return "-";
  switch (container.tomorrow) {
    case Tomorrow::safe:
      return "lasts";
    case Tomorrow::lost_at_reload:
      return "until a reload";
    case Tomorrow::lost_at_update:
      return "until an update";
    case Tomorrow::unknown:
      return "unknown";
  }
  return "";
}

// "nvidia0 nvidiactl": the column needs no /dev/.
std::string short_nodes(const Container& container) {
  constexpr std::string_view kDev = "/dev/";  // path: in a container
  constexpr size_t kMost = 6;
  std::string out;
  size_t count = 0;
  for (const Grant& grant : container.grants) {
    if (++count > kMost) break;
    const std::string_view path = grant.path;
    out += out.empty() ? "" : " ";
    out += path.starts_with(kDev) ? path.substr(kDev.size()) : path;
    if (grant.access.find('w') == std::string::npos) out += "(ro)";
  }
  if (container.grants.size() > kMost) {
    out += fmt::format(" +{}", container.grants.size() - kMost);
  }
  return out.empty() ? "-" : out;
}

Colour colour_of(const Container& container) {
  if (containers::access_now(container) == Now::denied) return Colour::red;
  const bool risk = container.tomorrow == Tomorrow::lost_at_reload ||
                    container.tomorrow == Tomorrow::lost_at_update;
  return risk ? Colour::yellow : Colour::plain;
}

std::vector<std::string> reasons(const Container& container) {
  std::vector<std::string> out;
  if (container.frozen) out.emplace_back("it is paused");
  if (containers::access_now(container) == Now::denied) {
    const std::string who = containers::who_denies(container);
    out.push_back(who.empty() ? "who denies it could not be read" : who);
  }
  for (const NodeAccess& node : container.nodes) {
    if (node.now != Now::unknown || node.why.empty()) continue;
    out.push_back(node.grant.path + ": " + node.why);
    break;
  }
  for (const NodeAccess& node : container.nodes) {
    if (node.present == false) {
      out.push_back(node.grant.path + " does not lie in its /dev");
    }
  }
  if (container.tomorrow != Tomorrow::safe && !container.tomorrow_why.empty()) {
    out.push_back(container.tomorrow_why);
  }
  for (const std::string& one : container.unresolved) out.push_back(one);
  if (container.asked_only) {
    out.emplace_back(
        "asks for GPUs (NVIDIA_VISIBLE_DEVICES) and was given none: not "
        "started with --gpus, NVIDIA's runtime or CDI");
  }
  return out;
}

}  // namespace

void print_containers(const Screen& screen,
                      const std::vector<Container>& containers,
                      const std::vector<Gap>& gaps) {
  if (containers.empty() && gaps.empty()) {
    screen.print_wrapped("no running container was given an NVIDIA device",
                         {.hang = 2});
  }
  size_t width = 9;
  size_t nodes = 12;
  for (const Container& one : containers) {
    width = std::clamp(one.label.size(), width, size_t{48});
    nodes = std::clamp(short_nodes(one).size(), nodes, size_t{40});
  }
  if (!containers.empty()) {
    screen.print(screen.paint(
        fmt::format("{:<{}}  {:<10}  {:<{}}  {:<11}  {}\n", "CONTAINER", width,
                    "RUNTIME", "NODES", nodes, "ACCESS NOW", "LASTS"),
        Colour::bold));
  }
  for (const Container& one : containers) {
    const std::string row = printable(
        fmt::format("{:<{}}  {:<10}  {:<{}}  {:<11}  {}", one.label, width,
                    one.runtime.empty() ? "?" : one.runtime, short_nodes(one),
                    nodes, now_in_words(one), lasts_in_words(one)));
    screen.print(screen.paint(row, colour_of(one)) + "\n");
    for (const std::string& why : reasons(one)) {
      screen.print_wrapped(printable(why, 600), {.indent = 4, .hang = 4});
    }
  }
  for (const Gap& gap : gaps) {
    screen.print_wrapped(
        fmt::format("? {}: {}", gap.source, printable(gap.why)), {.hang = 2});
  }
}

Json containers_json(const std::vector<Container>& containers,
                     const std::vector<Gap>& gaps) {
  Json out = Json::object();
  out.set("schema", 1);
  Json list = Json::array();
  for (const Container& one : containers) list.push(containers::to_json(one));
  out.set("containers", std::move(list));
  Json unread = Json::array();
  for (const Gap& gap : gaps) {
    Json one = Json::object();
    one.set("source", gap.source);
    one.set("why", gap.why);
    unread.push(std::move(one));
  }
  out.set("gaps", std::move(unread));
  return out;
}

int exit_code_of(const std::vector<Container>& containers,
                 const std::vector<Gap>& gaps) {
  bool risk = false;
  bool unknown = !gaps.empty();
  for (const Container& one : containers) {
    // What was given and is no known node could not be asked about.
    unknown = unknown || !one.unresolved.empty();
    if (one.grants.empty()) continue;
    const Now now = containers::access_now(one);
    if (now == Now::denied) return kFault;
    risk = risk || one.tomorrow == Tomorrow::lost_at_reload ||
           one.tomorrow == Tomorrow::lost_at_update;
    unknown = unknown || now == Now::unknown;
  }
  if (risk) return kWarning;
  return unknown ? kUnknown : kHealthy;
}

}  // namespace gpuward::cli
