#include "containers/candidates.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "base/text.h"
#include "host/task.h"

namespace gpuward::containers {
namespace {

constexpr std::string_view kSource = "containers";

bool lies_below(std::string_view path, std::string_view folder) {
  if (folder.empty()) return false;
  return path == folder ||
         (path.starts_with(folder) && path.substr(folder.size())[0] == '/');
}

// Whoever may write the record may also put processes there.
bool is_of_user(std::string_view cgroup, unsigned uid) {
  return lies_below(cgroup, fmt::format("/user.slice/user-{}.slice", uid));
}

std::string cgroup_of(const TasksByCgroup& tasks, int pid) {
  const auto found = tasks.cgroup_of.find(pid);
  return found == tasks.cgroup_of.end() ? "/" : found->second;
}

std::string_view path_of(const Candidate& candidate) {
  return candidate.named ? std::string_view(candidate.named->path) : "";
}

class Joiner {
 public:
  Joiner(const host::Root& root, const TasksByCgroup& tasks,
         std::vector<Gap>& gaps)
      : root_(root), tasks_(tasks), gaps_(gaps) {}

  std::vector<Candidate> run() {
    for (const auto& [cgroup, pids] : tasks_.tasks) {
      const auto named = container_of_cgroup(cgroup);
      if (!named) continue;
      Candidate& found = by_path_[named->path];
      found.id = named->id;
      found.named = *named;
      found.tasks.insert(found.tasks.end(), pids.begin(), pids.end());
    }
    for (auto& [path, candidate] : by_path_) {
      by_id_.emplace(candidate.id, &candidate);
    }
    auto records = list_runtime_records(root_, gaps_);
    // Root's first: what they know no user can speak about.
    std::ranges::stable_sort(records, {}, &RuntimeRecord::owner);
    for (RuntimeRecord& record : records) attach(std::move(record));
    for (auto& [path, candidate] : by_path_) {
      candidate.only_claims_its_name =
          path.starts_with("/user.slice/") && !is_vouched_for(candidate);
      out_.push_back(std::move(candidate));
    }
    return std::move(out_);
  }

 private:
  void attach(RuntimeRecord record) {
    const auto [from, to] = by_id_.equal_range(record.id);
    if (from == to) {
      add_by_state(std::move(record));
      return;
    }
    Candidate* chosen = nullptr;
    for (auto each = from; each != to; ++each) {
      Candidate& candidate = *each->second;
      if (candidate.record || !may_speak(record, path_of(candidate))) {
        continue;
      }
      if (chosen == nullptr) chosen = &candidate;
      // Whoever may make cgroups (a service of a user's, a container that no
      // name gives away) may give one the name of somebody's container.
      if (std::distance(from, to) > 1 && is_meant(record, candidate)) {
        chosen = &candidate;
        break;
      }
    }
    if (chosen != nullptr) chosen->record = std::move(record);
  }

  bool is_meant(const RuntimeRecord& record, const Candidate& candidate) const {
    const auto state = read_running_state(root_, record);
    return state &&
           lies_below(cgroup_of(tasks_, state->pid), path_of(candidate));
  }

  static bool may_speak(const RuntimeRecord& record, std::string_view cgroup) {
    return record.owner == 0 || is_of_user(cgroup, record.owner);
  }

  bool is_vouched_for(const Candidate& candidate) const {
    return candidate.record && is_meant(*candidate.record, candidate);
  }

  // Its cgroup has a name of somebody's choice: plain runc, ctr.
  void add_by_state(RuntimeRecord record) {
    const auto state = read_running_state(root_, record);
    if (!state) {
      const Error::Kind kind = state.error().kind;
      if (kind != Error::Kind::gone && kind != Error::Kind::not_found) {
        gaps_.push_back({std::string(kSource), state.error().text});
      }
      return;
    }
    const std::string cgroup = cgroup_of(tasks_, state->pid);
    if (!may_speak(record, cgroup)) return;
    // Within another container (a task of which the record speaks falsely, or
    // one of its own runtimes): that one is known by its cgroup.
    if (container_of_cgroup(cgroup)) return;
    const auto same_task = [&state](const Candidate& other) {
      return other.state && other.state->pid == state->pid;
    };
    if (std::ranges::any_of(out_, same_task)) return;
    Candidate made;
    made.id = record.id;
    made.record = std::move(record);
    made.state = *state;
    out_.push_back(std::move(made));
  }

  const host::Root& root_;      // the caller's
  const TasksByCgroup& tasks_;  // the caller's
  std::vector<Gap>& gaps_;      // the caller's
  std::map<std::string, Candidate> by_path_;
  std::multimap<std::string, Candidate*> by_id_;
  std::vector<Candidate> out_;
};

}  // namespace

std::vector<Candidate> find_candidates(const host::Root& root,
                                       const TasksByCgroup& tasks,
                                       std::vector<Gap>& gaps) {
  return Joiner(root, tasks, gaps).run();
}

Result<FirstProcess> first_process(const host::Root& root,
                                   const Candidate& candidate,
                                   const TasksByCgroup& tasks) {
  if (candidate.state) {
    return FirstProcess{candidate.state->pid, candidate.state->start_time};
  }
  if (candidate.record) {
    const auto state = read_running_state(root, *candidate.record);
    if (state && lies_below(cgroup_of(tasks, state->pid), path_of(candidate))) {
      return FirstProcess{state->pid, state->start_time};
    }
  }
  std::optional<FirstProcess> oldest;
  for (const int pid : candidate.tasks) {
    const auto stat = host::task_stat(root, pid);
    if (!stat) continue;
    if (!oldest || stat->start_time < oldest->start_time ||
        (stat->start_time == oldest->start_time && pid < oldest->pid)) {
      oldest = FirstProcess{pid, stat->start_time};
    }
  }
  if (!oldest) return fail(Error::Kind::gone, candidate.id + " has ended");
  return *oldest;
}

}  // namespace gpuward::containers
