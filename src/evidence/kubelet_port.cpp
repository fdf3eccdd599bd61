#include "evidence/kubelet_port.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "host/unprivileged.h"
#include "model/facts.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = kKubeletPortSource;
constexpr uint16_t kReadOnly = 10255;
constexpr uint16_t kAuthenticated = 10250;
constexpr std::string_view kTokenOfPod =
    "/var/run/secrets/kubernetes.io/serviceaccount/token";
constexpr Millis kPatience = 2s;
// To start, and to end at its own deadline.
constexpr Millis kAround = 300ms;
constexpr size_t kMaxTable = 256 << 10;
constexpr size_t kMaxToken = 16 << 10;
constexpr size_t kShown = 5;

bool reaches_loopback(std::string_view address) {
  if (address.find_first_not_of('0') == std::string_view::npos) return true;
  return address.ends_with("0100007F") || address.ends_with("7F000001");
}

std::vector<Listener> all_listeners(const host::Root& root) {
  std::vector<Listener> out;
  for (const std::string_view file : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    const auto text = root.read(file, kMaxTable);
    if (!text) continue;
    const auto some = parse_listeners(*text);
    out.insert(out.end(), some.begin(), some.end());
  }
  return out;
}

// What can be said of a port.
struct Port {
  bool listens = false;
  bool loopback = false;  // by a listener that 127.0.0.1 reaches
  bool trusted = false;   // each of those is root's, or our own
};
Port look_at(const std::vector<Listener>& listeners, uint16_t number) {
  Port out;
  out.trusted = true;
  for (const Listener& each : listeners) {
    if (each.port != number) continue;
    out.listens = true;
    if (!each.loopback) continue;
    out.loopback = true;
    out.trusted = out.trusted && (each.uid == 0 || each.uid == ::geteuid());
  }
  return out;
}

void add_gap(Collected& out, std::string why) {
  out.gaps.push_back({std::string(kSource), std::move(why)});
}

Result<std::string> read_token(const host::Root& self) {
  const char* named = ::getenv("GPUWARD_KUBELET_TOKEN_FILE");
  const std::string file = named != nullptr ? named : std::string(kTokenOfPod);
  auto token = self.read(file, kMaxToken);
  if (token && !trim(*token).empty()) return std::string(trim(*token));
  if (named != nullptr) {
    return fail(Error::Kind::not_found,
                fmt::format("{} holds no token", printable(file, 200)));
  }
  return fail(Error::Kind::not_found,
              "no token: name a file that holds one (rights to nodes/proxy, or "
              "nodes/healthz and nodes/pods) in $GPUWARD_KUBELET_TOKEN_FILE");
}

void ask(Collected& out, const host::Host& host, uint16_t port,
         const std::string& token) {
  const bool tls = port != kReadOnly;
  const auto said =
      host::run_unprivileged({"gpuward-ask-kubelet",
                              {std::to_string(port), tls ? "tls" : "plain",
                               std::to_string(kPatience.count())},
                              token,
                              kPatience + kAround});
  const auto json =
      said ? Json::parse(*said) : Result<Json>(std::unexpected(said.error()));
  if (!json) {
    add_gap(out, json.error().text);
    return;
  }
  const auto started = host.evidence.list("/var/log/pods");
  Collected facts =
      kubelet_facts(*json, port, started.value_or(std::vector<std::string>{}));
  out.evidence = std::move(facts.evidence);
  out.gaps = std::move(facts.gaps);
}

void add_syncloop(Collected& out, const Json& said, uint16_t port) {
  const std::string_view error = said["error"].as_string();
  const std::string where =
      fmt::format("the kubelet's /healthz/syncloop (port {})", port);
  if (said["kind"].as_string() == name_of(Error::Kind::timeout)) {
    out.evidence.push_back(node_fact(kSource, fact::kKubeletSyncloop, "late",
                                     where + " does not answer in time"));
    return;
  }
  const int64_t status = said["status"].as_integer();
  if (!error.empty() || (status != 200 && status != 500)) {
    add_gap(out, error.empty()
                     ? fmt::format("{} answers {}", where, status)
                     : fmt::format("{}: {}", where, printable(error, 200)));
    return;
  }
  out.evidence.push_back(node_fact(
      kSource, fact::kKubeletSyncloop, status == 200 ? "ok" : "failed",
      fmt::format("{} says: {}", where,
                  printable(said["text"].as_string(), 200))));
}

void add_pods(Collected& out, const Json& said,
              const std::vector<std::string>& started) {
  if (!said["error"].is_null()) {
    // One reason is enough.
    if (out.gaps.empty()) {
      add_gap(out, fmt::format("the kubelet's /pods: {}",
                               printable(said["error"].as_string(), 200)));
    }
    return;
  }
  std::string names;
  int64_t count = 0;
  for (const Json& pod : said["unstarted"].as_array()) {
    const std::string name = printable(pod.as_string(), 300);
    if (std::ranges::find(started, name) != started.end()) continue;
    if (++count <= static_cast<int64_t>(kShown)) {
      names += (names.empty() ? "" : ", ") + name;
    }
  }
  out.evidence.push_back(node_fact(
      kSource, fact::kKubeletUnstartedPods, count,
      count == 0 ? "the kubelet has begun with each of its pods"
                 : fmt::format("{} pods that the kubelet has for a minute or "
                               "longer, without a status and without a "
                               "container: {}",
                               count, names)));
  const int64_t rejected = said["rejected"].as_integer();
  out.evidence.push_back(
      node_fact(kSource, fact::kKubeletRejectedPods, rejected,
                fmt::format("{} pods that ask for GPUs were rejected by the "
                            "kubelet (UnexpectedAdmissionError)",
                            rejected)));
}

}  // namespace

std::vector<Listener> parse_listeners(std::string_view text) {
  constexpr std::string_view kListens = "0A";
  std::vector<Listener> out;
  for (const std::string_view line : split(text, '\n')) {
    const auto parts = words(line);
    if (parts.size() < 8 || parts[3] != kListens) continue;
    const size_t colon = parts[1].find(':');
    if (colon == std::string_view::npos) continue;
    const auto port = to_number<uint16_t>(parts[1].substr(colon + 1), 16);
    const auto uid = to_number<unsigned>(parts[7]);
    if (!port || !uid) continue;
    out.push_back({*port, *uid, reaches_loopback(parts[1].substr(0, colon))});
  }
  return out;
}

Collected kubelet_facts(const Json& said, uint16_t port,
                        const std::vector<std::string>& started) {
  Collected out;
  add_syncloop(out, said["syncloop"], port);
  add_pods(out, said["pods"], started);
  return out;
}

namespace {

Collected ask_where_it_listens(const host::Host& host) {
  Collected out;
  if (!host.evidence.is_machine()) return out;
  const auto listeners = all_listeners(host.evidence);
  const Port open = look_at(listeners, kReadOnly);
  if (open.loopback && open.trusted) {
    ask(out, host, kReadOnly, "");
    return out;
  }
  const Port port = look_at(listeners, kAuthenticated);
  if (!port.listens) return out;
  if (!port.loopback || !port.trusted) {
    add_gap(out, port.loopback
                     ? "who listens at port 10250 of loopback is not root: it "
                       "is told no token"
                     : "the kubelet does not listen on loopback: not asked");
    return out;
  }
  const auto token = read_token(host.self);
  if (!token) {
    add_gap(out, token.error().text);
    return out;
  }
  ask(out, host, kAuthenticated, *token);
  return out;
}

}  // namespace

Collected collect_kubelet_port(const host::Host& host) {
  Collected out = ask_where_it_listens(host);
  const bool told = std::ranges::any_of(out.evidence, [](const Evidence& each) {
    return each.key == fact::kKubeletSyncloop;
  });
  if (!told) {
    out.evidence.push_back(node_fact(kSource, fact::kKubeletSyncloop,
                                     "not asked",
                                     "the kubelet's loop by its own word: not "
                                     "asked"));
  }
  return out;
}

}  // namespace gpuward::evidence
