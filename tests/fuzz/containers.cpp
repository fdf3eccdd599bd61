// What runtimes and users wrote about containers.
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"
#include "containers/cdi.h"
#include "containers/cgroups.h"
#include "containers/container_json.h"
#include "containers/device_rules.h"
#include "containers/device_verdict.h"
#include "containers/docker.h"
#include "containers/found_json.h"
#include "containers/grants.h"
#include "containers/inside_library.h"
#include "containers/kubernetes.h"
#include "containers/lxc.h"
#include "containers/names.h"
#include "containers/oci_spec.h"
#include "containers/policy.h"
#include "containers/programs.h"
#include "containers/runtime_state.h"
#include "containers/toolkit.h"
#include "containers/unit_file.h"
#include "fuzz/target.h"
#include "model/json.h"

namespace gpuward::fuzz {
namespace {

containers::HostNodes eight_gpus() {
  containers::HostNodes host;
  host.majors = {195, 510};
  for (unsigned i = 0; i < 8; ++i) {
    host.nodes.push_back({"/dev/nvidia" + std::to_string(i), {195, i}});
    host.gpus.push_back(
        {static_cast<int>(i),
         i,
         "GPU-00000000-0000-0000-0000-00000000000" + std::to_string(i),
         {}});
  }
  host.nodes.push_back({"/dev/nvidia-uvm", {510, 0}});
  host.nodes.push_back({"/dev/nvidiactl", {195, 255}});
  return host;
}

// Law 9: never more than a record of the host says, and of nothing else.
void check_grants(const containers::HostNodes& host,
                  const Container& container) {
  for (const Grant& grant : container.grants) {
    must(host.majors.contains(grant.major_number), "only NVIDIA's numbers");
    must(containers::tidy_access(grant.access) == grant.access,
         "access is of rwm");
    must(!grant.record.empty(), "a grant names its record");
  }
}

void oci_spec(std::string_view bytes) {
  const auto spec = containers::parse_oci_spec(bytes);
  if (!spec) return;
  static const containers::HostNodes kHost = eight_gpus();
  static const Result<containers::ToolkitConfig> kConfig =
      containers::ToolkitConfig{};
  for (const containers::DeviceRule& rule : spec->rules) {
    must(containers::tidy_access(rule.access) == rule.access,
         "a rule's access is of rwm");
  }
  Container container;
  containers::name_by_spec(*spec, container);
  containers::pod_container_of(*spec);
  for (const bool governed : {true, false}) {
    Container one = container;
    containers::grant_by_spec(*spec, "config.json", governed, kHost, one);
    if (governed) {
      for (const Grant& grant : one.grants) {
        const auto by_rule = containers::access_by(
            spec->rules, {grant.major_number, grant.minor_number});
        for (const char letter : grant.access) {
          must(by_rule.find(letter) != std::string::npos,
               "no access without a rule");
        }
      }
    }
    containers::grant_by_hook(*spec, kConfig, governed, kHost, one);
    containers::note_missing_cdi(*spec, one);
    check_grants(kHost, one);
  }
  containers::asks_for_gpus(*spec);
  containers::nodes_of_hook(*spec, *kConfig, kHost, true);
}

void docker(std::string_view bytes) {
  const auto both = parts(bytes, 2);
  containers::DockerRecord record;
  const bool first =
      containers::parse_docker_config(both[0], record).has_value();
  const bool second =
      containers::parse_docker_host_config(both[1], record).has_value();
  if (!first && !second) return;
  static const containers::HostNodes kHost = eight_gpus();
  Container container;
  containers::grant_by_docker(record, {}, kHost, container);
  check_grants(kHost, container);
}

void checkpoint(std::string_view bytes) {
  containers::PluginAnswer answer;
  (void)containers::parse_allocate_response(bytes, answer);
  must(answer.nodes.size() <= bytes.size(), "no more nodes than bytes");
  if (const auto raw = containers::from_base64(bytes)) {
    must(raw->size() <= bytes.size(), "base64 gets smaller");
  }
  const auto answers = containers::parse_checkpoint(bytes);
  if (!answers) return;
  for (const containers::PluginAnswer& each : *answers) {
    Container container;
    containers::note_checkpoint(each, container);
    must(container.grants.empty(), "a checkpoint grants nothing");
  }
}

void runtime_state(std::string_view bytes) {
  for (const auto& state : {containers::parse_runc_state(bytes),
                            containers::parse_crun_status(bytes)}) {
    if (state) must(state->pid > 0, "a state has a process");
  }
}

void device_rules(std::string_view bytes) {
  std::vector<containers::DeviceRule> rules;
  std::vector<std::string> list;
  for (const auto line : split(bytes, '\n')) {
    const bool allow = !line.starts_with('-');
    const auto rule =
        containers::parse_device_rule(line.substr(allow ? 0 : 1), allow);
    list.emplace_back(line);
    if (!rule) continue;
    must(rule->major_number.value_or(0) <= containers::kMaxMajor &&
             rule->minor_number.value_or(0) <= containers::kMaxMinor,
         "numbers that Linux has");
    must(containers::tidy_access(rule->access) == rule->access,
         "access is of rwm");
    rules.push_back(*rule);
  }
  const std::string access = containers::access_by(rules, {195, 0});
  must(containers::tidy_access(access) == access, "access is of rwm");
  const bool excepted = std::ranges::any_of(
      rules, [](const containers::DeviceRule& rule) { return !rule.allow; });
  if (containers::allow_everything(rules) && !excepted) {
    must(containers::may_open(access), "all is allowed");
  }
  const Grant grant{"/dev/nvidia0", 195, 0, "rw", "a record", "a file"};
  const auto lacking = containers::lacking_in(list, {grant});
  if (lacking) must(lacking->size() <= 1, "at most what was granted lacks");
}

void device_program(std::string_view bytes) {
  static_assert(sizeof(containers::Instruction) == 8);
  std::vector<containers::Instruction> program(bytes.size() /
                                               sizeof(containers::Instruction));
  if (!program.empty()) {
    std::memcpy(program.data(), bytes.data(),
                program.size() * sizeof(containers::Instruction));
  }
  for (const uint32_t minor_number : {0U, 255U}) {
    const containers::DeviceQuestion question{
        containers::kAskRead | containers::kAskWrite,
        containers::kCharacterDevice, 195, minor_number};
    must(verdict_of(program, question) == verdict_of(program, question),
         "a program gives the same answer twice");
  }
}

void found(std::string_view bytes) {
  const auto json = Json::parse(bytes);
  if (!json) return;
  const containers::FoundContainers once =
      containers::found_containers_of(*json);
  const containers::FoundContainers twice =
      containers::found_containers_of(to_json(once));
  must(twice.containers == once.containers && twice.gaps == once.gaps &&
           twice.is_whole == once.is_whole,
       "what was found comes back whole");
  for (const Container& container : once.containers) {
    nodes_in_words(container);
    in_words(container);
    containers::to_json(container);
  }
}

void names(std::string_view bytes) {
  const containers::TaskCgroups cgroups = containers::parse_task_cgroups(bytes);
  for (const std::string& path :
       {cgroups.devices, cgroups.unified, std::string(bytes)}) {
    if (const auto named = containers::container_of_cgroup(path)) {
      must(path.starts_with(named->path), "a container's cgroup is above");
      must(containers::container_of_cgroup(named->path) == named,
           "the same by its own path");
    }
    must(containers::scope_of(path).size() <= path.size(), "a scope is a part");
    must(containers::pod_uid_of(path).size() <= path.size() + 16,
         "a uid is a part");
  }
  containers::is_nvidia_cdi_name(bytes);
  unit_in_words(bytes);
  containers::short_id(std::string(bytes));
}

void lxc(std::string_view bytes) {
  const containers::LxcConfig config = containers::parse_lxc_config(bytes);
  static const containers::HostNodes kHost = eight_gpus();
  for (const bool v2 : {true, false}) {
    Container container;
    containers::grant_by_lxc(config, v2, kHost, container);
    check_grants(kHost, container);
  }
  for (const containers::UnitSetting& setting :
       containers::parse_unit_file(bytes)) {
    must(!setting.key.empty(), "a setting has a key");
  }
}

// Files by their places in a tree, since no pure function reads them.
void host_files(std::string_view bytes) {
  static TempTree tree;
  static const host::Root root = *host::Root::open(tree.path());
  const auto each = parts(bytes, 3);
  tree.file("/etc/cdi/nvidia.yaml", each[0])
      .file("/run/cdi/nvidia.json", each[1])
      .file("/etc/nvidia-container-runtime/config.toml", each[2])
      .file("/etc/docker/daemon.json", each[1]);
  std::vector<Gap> gaps;
  const containers::Cdi cdi = containers::Cdi::read(root, gaps);
  if (const containers::CdiDevice* device = cdi.find("nvidia.com/gpu=0")) {
    for (const containers::CdiNode& node : device->nodes) {
      must(!node.path.empty(), "a node has a path");
    }
  }
  (void)containers::read_toolkit_config(root);
  must(containers::docker_data_root(root).starts_with('/'),
       "a folder's whole path");
}

void policy(std::string_view bytes) {
  static TempTree tree;
  static const host::Host host =
      *host::Host::open({tree.path(), tree.path() + "/run", {}});
  const auto both = parts(bytes, 2);
  constexpr const char* kUnit = "docker-1.scope";
  tree.file("/run/systemd/transient/docker-1.scope", both[0])
      .file("/run/systemd/transient/docker-1.scope.d/50-DeviceAllow.conf",
            both[1])
      .file("/dev/nvidia0", "");
  const auto read = containers::read_scope_policy(host, kUnit);
  if (!read) return;
  constexpr std::string_view kDevices =
      "Character devices:\n195 nvidia\n510 nvidia-uvm\n\nBlock devices:\n";
  const Grant grant{"/dev/nvidia0", 195, 0, "rw", "a record", "a file"};
  for (const int version : {0, 239, 252}) {
    (void)containers::allows(*read, grant, host.evidence, kDevices, version);
    must(containers::entries_of_no_effect(*read, host.evidence, kDevices,
                                          version)
                 .size() <= read->allow.size(),
         "entries of no effect are entries");
  }
}

// A container mounts what it likes, where it likes.
void mounts(std::string_view bytes) {
  static TempTree tree;
  static const Fd root(::open(tree.path().c_str(), O_PATH | O_CLOEXEC));
  tree.file("/mountinfo", bytes).file("/usr/lib/libnvidia-ml.so.1", "");
  std::array<char, 32> version{};
  containers::inside::find_library(
      root.get(), (tree.path() + "/mountinfo").c_str(), version);
  must(std::ranges::find(version, '\0') != version.end(), "a text ends");
}

constexpr Target kTargets[] = {
    {"mounts", mounts, 2000},
    {"oci_spec", oci_spec, 6000},
    {"docker", docker, 8000},
    {"checkpoint", checkpoint, 20000},
    {"runtime_state", runtime_state, 5000},
    {"device_rules", device_rules, 20000},
    {"device_program", device_program, 5000},
    {"found", found, 6000},
    {"cgroup_names", names, 20000},
    {"lxc", lxc, 10000},
    {"host_files", host_files, 500},
    {"policy", policy, 500},
};

}  // namespace

std::span<const Target> container_targets() { return kTargets; }

}  // namespace gpuward::fuzz
