#include "containers/find.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "containers/aside.h"
#include "containers/candidates.h"
#include "containers/cdi.h"
#include "containers/docker.h"
#include "containers/found_json.h"
#include "containers/grants.h"
#include "containers/kubernetes.h"
#include "containers/lxc.h"
#include "containers/names.h"
#include "containers/toolkit.h"

namespace gpuward::containers {
namespace {

constexpr std::string_view kSource = "containers";
constexpr size_t kMaxSpec = 8 << 20;

// One search: what is read once for all containers, and what came of each.
class Finder {
 public:
  explicit Finder(const host::Host& host)
      : root_(host.evidence),
        hierarchy_(device_hierarchy(root_)),
        nodes_(read_host_nodes(host, out_.gaps)),
        toolkit_(read_toolkit_config(root_)),
        cdi_(Cdi::read(root_, out_.gaps)),
        docker_root_(docker_data_root(root_)),
        podman_(root_) {}

  FoundContainers run() {
    auto tasks = tasks_by_cgroup(root_, hierarchy_);
    if (!tasks) {
      gap(tasks.error().text);
      return finish();
    }
    tasks_ = std::move(*tasks);
    // procfs with hidepid shows a user nobody's tasks but his own.
    if (root_.is_machine() && !root_.exists("/proc/1")) ++denied_;
    std::vector<Gap> gaps;
    const auto candidates = find_candidates(root_, tasks_, gaps);
    for (const Gap& each : gaps) note_gap(each.why);
    for (const Candidate& each : candidates) look_at(each);
    return finish();
  }

 private:
  // Names of cgroups and files may hold what moves a terminal's cursor.
  void gap(const std::string& why) {
    out_.gaps.push_back({std::string(kSource), printable(why)});
  }
  // Every record that only root may read says the same.
  void note_gap(const std::string& why) {
    if (!is_root_ && (why.ends_with("Permission denied") ||
                      why.ends_with("Operation not permitted"))) {
      ++denied_;
    } else {
      gap(why);
    }
  }
  void note_gap(const Error& error) {
    if (!is_root_ && error.kind == Error::Kind::denied) {
      ++denied_;
    } else {
      gap(error.text);
    }
  }

  FoundContainers finish() {
    if (denied_ > 0) {
      gap("records of containers are not readable: run as root");
    }
    // A host without NVIDIA's nodes has none to give.
    if (!without_record_.empty() && !nodes_.nodes.empty()) {
      constexpr size_t kShown = 5;
      std::string names;
      for (size_t i = 0; i < std::min(kShown, without_record_.size()); ++i) {
        names += (i > 0 ? ", " : "") + short_id(without_record_[i]);
      }
      gap(fmt::format("no record says what {} running container{} given: {}{}",
                      without_record_.size(),
                      without_record_.size() == 1 ? " was" : "s were", names,
                      without_record_.size() > kShown ? ", …" : ""));
    }
    label_all(out_.containers);
    return std::move(out_);
  }

  void look_at(const Candidate& candidate) {
    Container container;
    container.id = candidate.id;
    container.cgroup_v2 = hierarchy_.v2;
    if (candidate.named) container.runtime = candidate.named->runtime;
    if (candidate.record) {
      container.oci_runtime = candidate.record->oci_runtime;
      if (container.runtime.empty()) {
        container.runtime = candidate.record->runtime;
      }
      if (container.runtime.empty()) {
        container.runtime = container.oci_runtime;
      }
    }
    if (!judge(candidate, container) || !matters(container)) return;
    if (!place(candidate, container)) return;  // ended meanwhile
    out_.containers.push_back(std::move(container));
  }

  bool matters(const Container& container) const {
    // All devices of a host without NVIDIA's are nothing to us.
    const bool has_all = container.privileged && !nodes_.nodes.empty();
    return !container.grants.empty() || !container.unresolved.empty() ||
           has_all || container.asked_only;
  }

  // Fills in what it was given; false where it is not to be listed.
  bool judge(const Candidate& candidate, Container& container) {
    if (candidate.only_claims_its_name) {
      without_record_.push_back(container.id);
      return false;
    }
    if (container.runtime == "lxc") return judge_lxc(container);
    const bool is_users = candidate.record && candidate.record->owner != 0;
    RuntimeRecord place = candidate.record.value_or(RuntimeRecord{});
    place.id = candidate.id;
    const auto found = find_spec_file(root_, place);
    const std::string file = found.value_or("");
    const auto text = found ? read_record(root_, place, file, kMaxSpec) : found;
    auto spec = text ? parse_oci_spec(*text)
                     : Result<OciSpec>(std::unexpected(text.error()));
    if (!spec) {
      if (spec.error().kind == Error::Kind::malformed) {
        spec = wrap(std::move(spec).error(), root_.outside(file));
      }
      return judge_without_spec(candidate, spec.error(), container);
    }
    container.rootless = is_users || spec->user_namespace;
    for (const std::string& complaint : spec->complaints) {
      gap(root_.outside(file) + ": " + complaint);
    }
    name_by_spec(*spec, container);
    if (pod_container_of(*spec).is_sandbox) return false;
    grant_by_spec(*spec, file, !is_users, nodes_, container);
    grant_by_hook(*spec, toolkit_, !is_users, nodes_, container);
    note_missing_cdi(*spec, container);
    container.asked_only = asks_for_gpus(*spec) && container.grants.empty() &&
                           container.unresolved.empty() &&
                           !container.privileged;
    if (matters(container)) name_by_files(file, container);
    return true;
  }

  void name_by_files(const std::string& spec_file, Container& container) {
    if (container.runtime == "podman") podman_.name(spec_file, container);
    if (container.runtime != "docker") return;
    const auto docker = read_docker(root_, docker_root_, container.id);
    if (docker) {
      name_by_docker(*docker, container);
    } else {
      note_gap(docker.error());
    }
  }

  static void name_by_docker(const DockerRecord& docker, Container& container) {
    constexpr size_t kMaxName = 300;
    container.name = printable(docker.name, kMaxName);
    container.image = printable(docker.image, kMaxName);
  }

  // No OCI specification: other records of the host stand in for it.
  bool judge_without_spec(const Candidate& candidate, const Error& error,
                          Container& container) {
    const bool is_absent = error.kind == Error::Kind::not_found;
    // Without root a folder that is closed looks like one that is not there.
    if (error.kind == Error::Kind::denied || (is_absent && denied_ > 0)) {
      return judge_unseen(container);
    }
    if (!is_absent) note_gap(error);
    if (container.runtime == "docker") {
      const auto docker = read_docker(root_, docker_root_, container.id);
      if (docker) {
        name_by_docker(*docker, container);
        grant_by_docker(*docker, cdi_, nodes_, container);
        return true;
      }
      if (docker.error().kind == Error::Kind::denied) {
        return judge_unseen(container);
      }
    }
    if (note_plugin_answers(candidate, container)) return true;
    // One that ended meanwhile took its records with it.
    const bool is_there = first_process(root_, candidate, tasks_).has_value();
    if (is_there && is_absent) {
      without_record_.push_back(container.id);
    }
    return false;
  }

  // Only root may know what it was given.
  bool judge_unseen(Container& container) {
    ++denied_;
    if (nodes_.nodes.empty()) return false;
    container.unresolved.emplace_back(
        "what it was given: only root may read its records");
    return true;
  }

  bool judge_lxc(Container& container) {
    container.name = printable(container.id, 300);
    const auto config = read_lxc_config(root_, container.id);
    if (config) {
      grant_by_lxc(*config, hierarchy_.v2, nodes_, container);
      return true;
    }
    if (config.error().kind == Error::Kind::denied) {
      return judge_unseen(container);
    }
    if (config.error().kind == Error::Kind::not_found) {
      without_record_.push_back(container.id);
    } else {
      gap(config.error().text);
    }
    return false;
  }

  // The kubelet's own record of its pod; false where it has none.
  bool note_plugin_answers(const Candidate& candidate, Container& container) {
    if (!candidate.named) return false;
    const std::string uid = pod_uid_of(candidate.named->path);
    if (uid.empty()) return false;
    for (const PluginAnswer& answer : checkpoint()) {
      if (answer.pod_uid == uid) note_checkpoint(answer, container);
    }
    return !container.unresolved.empty();
  }

  const std::vector<PluginAnswer>& checkpoint() {
    if (checkpoint_) return *checkpoint_;
    checkpoint_.emplace();
    const auto text = root_.read(kKubeletCheckpoint, kMaxSpec);
    if (!text) {
      if (text.error().kind != Error::Kind::not_found) note_gap(text.error());
      return *checkpoint_;
    }
    auto answers = parse_checkpoint(*text);
    if (answers) {
      checkpoint_ = std::move(*answers);
    } else {
      gap(root_.outside(kKubeletCheckpoint) + ": " + answers.error().text);
    }
    return *checkpoint_;
  }

  // Its first process and its cgroup; false where it has ended.
  bool place(const Candidate& candidate, Container& container) {
    const auto first = first_process(root_, candidate, tasks_);
    if (!first) return false;
    container.pid = first->pid;
    container.start_time = first->start_time;
    const auto cgroup = tasks_.cgroup_of.find(first->pid);
    if (cgroup != tasks_.cgroup_of.end()) container.cgroup = cgroup->second;
    if (container.cgroup.empty()) container.cgroup = "/";
    container.cgroup_folder = hierarchy_.folder + container.cgroup;
    container.unit =
        candidate.named ? candidate.named->unit : scope_of(container.cgroup);
    container.frozen =
        is_frozen(root_, hierarchy_, container.cgroup, container.pid);
    return true;
  }

  const host::Root& root_;  // the host's
  FoundContainers out_;
  DeviceHierarchy hierarchy_;
  HostNodes nodes_;
  Result<ToolkitConfig> toolkit_;
  Cdi cdi_;
  std::string docker_root_;
  PodmanNames podman_;
  TasksByCgroup tasks_;
  std::optional<std::vector<PluginAnswer>> checkpoint_;
  // Root is denied only what a user keeps from him (FUSE) or a security module
  // does: that says nothing of other records.
  const bool is_root_ = ::geteuid() == 0;
  int denied_ = 0;
  std::vector<std::string> without_record_;
};

}  // namespace

FoundContainers find_containers(const host::Host& host, Millis deadline) {
  const std::string evidence = host.evidence.directory();
  const std::string self = host.self.directory();
  const auto look = [&]() -> Json {
    // The child has no descriptor of ours.
    auto from = host::Root::open(evidence);
    auto own = host::Root::open(self);
    if (!from || !own) {
      const Error& why = from ? own.error() : from.error();
      return to_json(
          FoundContainers{{}, {{std::string(kSource), why.text}}, false});
    }
    const host::Host again{std::move(*from), std::move(*own), host.run_dir,
                           host.state_dir,   host.simulated,  host.driver_root};
    return to_json(Finder(again).run());
  };
  const auto found = do_aside(look, deadline);
  if (found) return found_containers_of(*found);
  return {{},
          {{std::string(kSource),
            "which containers run, and what they were given, is not known: " +
                found.error().text}},
          false};
}

}  // namespace gpuward::containers
