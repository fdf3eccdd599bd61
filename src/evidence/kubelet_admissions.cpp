#include "evidence/kubelet_admissions.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "host/task.h"
#include "model/facts.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "kubelet-log";
constexpr std::string_view kLoop = "\"SyncLoop ";
constexpr std::string_view kAdd = "\"SyncLoop ADD\"";
constexpr std::string_view kAdmit = "\"Topology Admit Handler\"";
constexpr size_t kMaxPods = 200;

// The device manager speaks of a pod while it is being admitted; a pod is said
// to be received before that.
constexpr std::array<std::string_view, 7> kDuringAdmission = {
    "\"Looking for needed resources\"",
    "\"Need devices to allocate for pod\"",
    "\"Issuing a GetPreferredAllocation call",
    "\"Making allocation request for device plugin\"",
    "\"Pods to be removed\"",
    "\"Receiving a new pod\"",
    "\"TopologyHints"};

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

template <typename Number>
std::optional<Number> number_at(std::string_view text, size_t from,
                                size_t size) {
  if (text.size() < from + size) return std::nullopt;
  return to_number<Number>(text.substr(from, size));
}

// "0730 20:39:03.752764"
std::optional<Millis> time_in(std::string_view text) {
  constexpr std::array<int, 12> kDaysBefore = {0,   31,  60,  91,  121, 152,
                                               182, 213, 244, 274, 305, 335};
  const auto month = number_at<size_t>(text, 0, 2);
  const auto day = number_at<int>(text, 2, 2);
  const auto hour = number_at<int>(text, 5, 2);
  const auto minute = number_at<int>(text, 8, 2);
  const auto second = number_at<int>(text, 11, 2);
  if (!month || !day || !hour || !minute || !second) return std::nullopt;
  if (*month < 1 || *month > 12 || *day > 31 || text[4] != ' ' ||
      text[7] != ':' || text[10] != ':') {
    return std::nullopt;
  }
  const auto millis = number_at<int>(text, 14, 3).value_or(0);
  const int days = kDaysBefore.at(*month - 1) + *day - 1;
  return std::chrono::hours(24 * days + *hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second) + Millis(millis);
}

// What stands between `before` and the next of `ends`.
std::string_view value_after(std::string_view text, std::string_view before,
                             std::string_view ends) {
  const size_t at = text.find(before);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = text.substr(at + before.size());
  return rest.substr(0, rest.find_first_of(ends));
}

// pods=[ns/a ns/b], pods=["ns/a","ns/b"]
std::set<std::string> pods_in(std::string_view message) {
  std::set<std::string> out;
  std::string list(value_after(message, "pods=[", "]"));
  std::ranges::replace_if(
      list, [](char c) { return c == '"' || c == ','; }, ' ');
  for (const std::string_view name : words(list)) {
    if (out.size() == kMaxPods) break;
    if (has(name, "/")) out.emplace(printable(name, 400));
  }
  return out;
}

// Of newer kubelets: podUID="…" podNamespace="ns" podName="a".
std::set<std::string> pod_in_admit(std::string_view message) {
  const auto space = value_after(message, "podNamespace=\"", "\"");
  const auto name = value_after(message, "podName=\"", "\"");
  if (space.empty() || name.empty()) return {};
  return {printable(fmt::format("{}/{}", space, name), 400)};
}

bool is_during_admission(std::string_view message) {
  return std::ranges::any_of(kDuringAdmission, [&](std::string_view part) {
    return has(message, part);
  });
}

// "ns/a" as a whole name, not as the beginning of "ns/ab".
bool names(std::string_view message, const std::string& pod) {
  for (size_t at = message.find(pod); at != std::string_view::npos;
       at = message.find(pod, at + 1)) {
    const size_t end = at + pod.size();
    constexpr std::string_view kAround = "\" ,[]()=:";
    const bool begins = at == 0 || has(kAround, message.substr(at - 1, 1));
    const bool ends =
        end >= message.size() || has(kAround, message.substr(end, 1));
    if (begins && ends) return true;
  }
  return false;
}

std::string in_words(const KubeletAdmissions::Admission& admission) {
  std::string pods;
  for (const std::string& pod : admission.pods) {
    pods += (pods.empty() ? "" : ", ") + pod;
  }
  if (!admission.seen) return "the kubelet's log tells of no admission";
  if (!admission.waits) return "the kubelet's loop goes on";
  return fmt::format(
      "the kubelet began to admit {} and did nothing else in its loop for {}",
      pods.empty() ? "a pod" : "pod " + printable(pods, 300),
      to_words(admission.silent));
}

bool is_kubelet(const host::Root& root, int pid) {
  const auto stat = host::task_stat(root, pid);
  if (!stat) return false;
  return std::ranges::any_of(
      std::array<std::string_view, 4>{"kubelet", "k3s", "rke2", "kubelite"},
      [&stat](std::string_view name) { return stat->comm.starts_with(name); });
}

// A folder that the kubelet makes for a pod once it has admitted it.
bool has_folder(const host::Root& root,
                const KubeletAdmissions::Admission& one) {
  if (!one.uid.empty() && root.exists("/var/lib/kubelet/pods/" + one.uid)) {
    return true;
  }
  const auto logs = root.list("/var/log/pods");
  if (!logs) return false;
  return std::ranges::all_of(one.pods, [&logs](const std::string& pod) {
    std::string prefix = pod + '_';
    std::ranges::replace(prefix, '/', '_');
    return std::ranges::any_of(*logs, [&prefix](const std::string& name) {
      return name.starts_with(prefix);
    });
  });
}

Evidence fact_of(const Evidence& line, std::string_view key, Value value,
                 std::string text) {
  Evidence out = line;
  out.source = kSource;
  out.key = key;
  out.value = std::move(value);
  out.text = std::move(text);
  return out;
}

}  // namespace

std::optional<KlogHead> klog_head(std::string_view line) {
  constexpr size_t kFarthest = 120;  // behind what syslog puts in front
  const std::string_view start = line.substr(0, kFarthest + 24);
  for (size_t at = 0; at + 22 < start.size(); ++at) {
    const char level = start[at];
    const bool is_level =
        level == 'I' || level == 'W' || level == 'E' || level == 'F';
    if (!is_level || (at > 0 && start[at - 1] != ' ')) continue;
    const auto time = time_in(start.substr(at + 1));
    if (!time) continue;
    const size_t close = line.find("] ", at);
    if (close == std::string_view::npos) return std::nullopt;
    const auto parts = words(line.substr(at, close - at));
    if (parts.size() < 4) return std::nullopt;
    const auto pid = to_number<int>(parts[2]);
    if (!pid) return std::nullopt;
    return KlogHead{*time, *pid, close + 2};
  }
  return std::nullopt;
}

void KubeletAdmissions::line(const Evidence& evidence) {
  const std::string_view text = evidence.text;
  const auto head = klog_head(text);
  if (!head) return;
  const std::string_view message = text.substr(head->body);
  // A kubelet that started anew begins from the beginning.
  if (!last_ || last_->pid != head->pid) {
    last_ = Admission{};
    last_->pid = head->pid;
    last_->since = evidence;
  }
  spoke_ = head->at;
  if (message.starts_with(kLoop) || message.starts_with(kAdmit)) {
    begin(evidence, *head, message);
  } else {
    progress(message);
  }
}

void KubeletAdmissions::begin(const Evidence& evidence, const KlogHead& head,
                              std::string_view message) {
  const Admission before = last_.value_or(Admission{});
  Admission next;
  next.pid = head.pid;
  next.since = evidence;
  next.seen = true;
  // One that waits holds the loop up: whatever the loop does next ends it.
  next.completed =
      before.completed || (before.waits && message.starts_with(kLoop));
  next.waits = message.starts_with(kAdd) || message.starts_with(kAdmit);
  if (message.starts_with(kAdd)) {
    next.pods = pods_in(message);
    next.waits = !next.pods.empty();
  }
  if (message.starts_with(kAdmit)) {
    next.pods = pod_in_admit(message);
    next.uid = printable(value_after(message, "podUID=\"", "\""), 100);
    // Older kubelets do not say whose admission this is: one of those before.
    if (next.pods.empty()) next.pods = before.pods;
  }
  last_ = std::move(next);
  began_ = head.at;
}

void KubeletAdmissions::progress(std::string_view message) {
  if (!last_ || !last_->waits || is_during_admission(message)) return;
  const bool by_uid = !last_->uid.empty() && has(message, last_->uid);
  const size_t before = last_->pods.size();
  std::erase_if(last_->pods, [message](const std::string& pod) {
    return names(message, pod);
  });
  const bool all_named = before > 0 && last_->pods.empty();
  if (!by_uid && !all_named) return;
  last_->waits = false;
  last_->completed = true;
}

std::optional<KubeletAdmissions::Admission> KubeletAdmissions::last(
    Wall now) const {
  if (!last_) return std::nullopt;
  Admission out = *last_;
  out.silent = std::max(0ms, spoke_ - began_);
  if (out.since.when) {
    out.silent = std::max(out.silent, now - *out.since.when);
  }
  return out;
}

Result<KubeletAdmissions::Admission> admission_in(
    const std::vector<Evidence>& lines, const host::Root& root, Wall now) {
  KubeletAdmissions admissions;
  for (const Evidence& line : lines) {
    if (line.key.empty() && line.source == kSource) admissions.line(line);
  }
  auto last = admissions.last(now);
  if (!last) {
    return fail(Error::Kind::not_found, "the kubelet's log says nothing");
  }
  if (!is_kubelet(root, last->pid)) {
    return fail(Error::Kind::not_found,
                "the kubelet that wrote this log does not run any more");
  }
  if (last->waits && has_folder(root, *last)) {
    last->waits = false;
    last->completed = true;
  }
  return *last;
}

std::vector<Evidence> admission_facts(const std::vector<Evidence>& lines,
                                      const host::Root& root, Wall now) {
  const auto last = admission_in(lines, root, now);
  if (!last) return {};
  const std::string text = in_words(*last);
  std::vector<Evidence> out;
  out.push_back(fact_of(last->since, fact::kKubeletAdmission,
                        std::string(last->waits ? "waits" : "goes on"), text));
  const int64_t seconds =
      last->waits
          ? std::chrono::duration_cast<std::chrono::seconds>(last->silent)
                .count()
          : 0;
  out.push_back(
      fact_of(last->since, fact::kKubeletAdmissionSeconds, seconds, text));
  if (last->waits && !last->pods.empty()) {
    out.push_back(fact_of(
        last->since, fact::kKubeletWaitingPod, *last->pods.begin(),
        "pod " + *last->pods.begin() + " waits in the kubelet's admission"));
  }
  return out;
}

}  // namespace gpuward::evidence
