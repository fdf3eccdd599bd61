// Files of the machine: /proc, the kernel's records, configurations and units.
#include "base/text.h"
#include "evidence/command_flags.h"
#include "evidence/config_files.h"
#include "evidence/kmsg.h"
#include "evidence/kubelet_config.h"
#include "evidence/log_file.h"
#include "evidence/nvidia_nodes.h"
#include "evidence/packages.h"
#include "evidence/reloads.h"
#include "evidence/runtime_config.h"
#include "evidence/runtime_versions.h"
#include "evidence/snapshot_facts.h"
#include "evidence/source.h"
#include "evidence/tasks.h"
#include "evidence/unit_files.h"
#include "fuzz/target.h"
#include "host/law.h"
#include "host/task.h"
#include "host/walk.h"

namespace gpuward::fuzz {
namespace {

void proc(std::string_view bytes) {
  if (const auto stat = host::parse_task_stat(bytes)) {
    must(stat->comm.size() <= bytes.size(), "a name is a part");
  }
  // What is no text becomes U+FFFD, three bytes.
  must(evidence::frame_of(bytes).size() <= 3 * bytes.size() + 3,
       "a frame is a part");
  evidence::is_in_driver(evidence::frame_of(bytes));
  evidence::syscall_in(bytes);
  const evidence::Majors majors = evidence::character_majors(bytes);
  for (const auto& [name, number] : majors) {
    must(!name.empty(), "a driver has a name");
  }
  if (const auto numbers = evidence::device_numbers(bytes)) {
    must(evidence::device_numbers(in_words(*numbers)) == numbers,
         "numbers come back");
  }
  for (const auto line : split(bytes, '\n'))
    evidence::numbers_by_name(line, majors);
  evidence::pci_address(bytes);
}

void paths(std::string_view bytes) {
  const std::string path = host::normal_path(bytes);
  must(path.starts_with('/'), "a normal path is absolute");
  must(host::normal_path(path) == path, "a normal path stays");
  must(path.find("//") == std::string::npos, "no empty part");
  must(!(path + "/").contains("/../"), "no way up");
  // Law 1 in the places that it is about, whatever follows.
  const auto blocked = [](const std::string& one) {
    return host::why_it_may_block(one).has_value();
  };
  must(blocked(host::normal_path("/proc/driver/nvidia" + path)),
       "the driver's files are refused");
}

void kmsg(std::string_view bytes) {
  const evidence::KmsgRing ring = evidence::parse_kmsg_file(bytes);
  size_t text = 0;
  for (const evidence::KmsgRecord& record : ring.records)
    text += record.text.size();
  must(text <= bytes.size(), "records are no longer than their file");
  must(ring.records.size() + static_cast<size_t>(ring.malformed) <=
           bytes.size() + 1,
       "no more records than bytes");
  std::vector<evidence::JournalLine> lines;
  for (const auto line : split(bytes, '\n')) {
    if (const auto kernel = evidence::parse_kernel_line(line)) {
      must(kernel->text.size() <= line.size(), "a message is a part");
    }
    lines.push_back({Wall(Millis(1'770'000'000'000)), std::string(line)});
  }
  for (const evidence::Reload& reload : evidence::reloads_in(lines))
    in_words(reload);
}

void versions(std::string_view bytes) {
  evidence::plain_version(bytes);
  const auto both = parts(bytes, 2);
  const std::string version = evidence::version_in(both[0]);
  must(version.find_first_not_of("0123456789.") == std::string::npos,
       "a plain version is numbers");
  (void)evidence::links_needed(version, both[1]);
  evidence::package_version(both[0], "runc");
  evidence::flag_values(both[0], "--exec-opt");
  const std::vector<std::string> texts = {std::string(both[0]),
                                          std::string(both[1])};
  for (const std::string& command : evidence::exec_starts(texts)) {
    evidence::flag_values(command, "--config");
  }
  evidence::environments(texts);
}

void same_twice(const std::vector<evidence::CgroupDriver>& once,
                const std::vector<evidence::CgroupDriver>& twice) {
  must(once == twice, "a configuration reads the same twice");
  for (const evidence::CgroupDriver& driver : once) {
    must(driver.driver.empty() || driver.driver == "systemd" ||
             driver.driver == "cgroupfs",
         "a cgroup driver that there is");
    must(driver.driver.empty() == !driver.why.empty(),
         "what cannot be told has its reason");
    in_words(driver);
  }
}

const host::Root& empty_root() {
  static TempTree tree;
  static const host::Root root = *host::Root::open(tree.path());
  return root;
}

void runtimes(std::string_view bytes) {
  const auto each = parts(bytes, 3);
  evidence::ConfigFiles files(empty_root());
  files.put(std::string(evidence::kContainerdConfig), std::string(each[0]));
  files.put("/etc/containerd/conf.d/10.toml", std::string(each[1]));
  files.put(std::string(evidence::kDockerConfig), std::string(each[0]));
  files.put(std::string(evidence::kCrioConfig), std::string(each[0]));
  files.put(std::string(evidence::kCrioDropIns) + "/10.conf",
            std::string(each[1]));
  files.put("/etc/containers/containers.conf", std::string(each[0]));
  files.put("/etc/systemd/system/docker.service", std::string(each[2]));
  same_twice(evidence::read_docker_driver(files),
             evidence::read_docker_driver(files));
  same_twice(evidence::read_containerd_drivers(files),
             evidence::read_containerd_drivers(files));
  same_twice(evidence::read_crio_driver(files),
             evidence::read_crio_driver(files));
  same_twice(evidence::read_podman_driver(files),
             evidence::read_podman_driver(files));
  evidence::docker_live_restore(files);
}

void kubelet(std::string_view bytes) {
  static TempTree tree;
  static const host::Root root = *host::Root::open(tree.path());
  const auto each = parts(bytes, 3);
  tree.file("/var/lib/kubelet/config.yaml", each[0])
      .file("/var/lib/kubelet/kubeadm-flags.env", each[1])
      .file("/etc/systemd/system/kubelet.service", each[2]);
  evidence::ConfigFiles files(root);
  const evidence::KubeletConfig once = evidence::read_kubelet_config(files);
  must(once.present, "a kubelet's files are there");
  const evidence::KubeletConfig twice = evidence::read_kubelet_config(files);
  must(once.cgroup_driver == twice.cgroup_driver &&
           once.cpu_manager == twice.cpu_manager,
       "a configuration reads the same twice");
}

// Every source of a live machine that neither waits nor runs anything, over
// one tree in which the same bytes stand in many places.
void machine(std::string_view bytes) {
  static TempTree tree;
  static const host::Host host =
      *host::Host::open({tree.path(), tree.path() + "/run", {}});
  static constexpr const char* kFiles[] = {
      "/proc/uptime",
      "/proc/devices",
      "/proc/modules",
      "/proc/sys/kernel/random/boot_id",
      "/proc/sys/kernel/hostname",
      "/proc/1/comm",
      "/sys/module/nvidia/version",
      "/sys/module/nvidia/refcnt",
      "/sys/bus/pci/devices/0000:3b:00.0/vendor",
      "/sys/bus/pci/devices/0000:3b:00.0/class",
      "/sys/bus/pci/devices/0000:3b:00.0/device",
      "/sys/bus/pci/devices/0000:3b:00.0/numa_node",
      "/etc/os-release",
      "/etc/systemd/system/nvidia-persistenced.service",
      "/etc/systemd/system/nvidia-fabricmanager.service",
      "/var/lib/dpkg/status",
      "/dev/kmsg",
      "/var/log/kern.log",
      "/sys/firmware/efi/efivars/"
      "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
  };
  const auto each = parts(bytes, std::size(kFiles));
  for (size_t i = 0; i < each.size(); ++i) {
    tree.file(kFiles[i], each[i].empty() ? each[0] : each[i]);
  }
  for (const evidence::Source& source : evidence::sources()) {
    if (source.name == "tasks" || source.name == "kubelet-log") continue;
    const evidence::Collected collected = source.collect(host);
    for (const Gap& gap : collected.gaps) {
      must(!gap.why.empty(), "a gap has its reason");
    }
    for (const Evidence& evidence : collected.evidence) {
      must(evidence.source == source.name, "evidence names its source");
    }
  }
}

constexpr Target kTargets[] = {
    {"proc", proc, 20000},        {"paths", paths, 30000},
    {"kmsg", kmsg, 20000},        {"versions", versions, 15000},
    {"runtimes", runtimes, 2000}, {"kubelet", kubelet, 400},
    {"machine", machine, 60},
};

}  // namespace

std::span<const Target> machine_targets() { return kTargets; }

}  // namespace gpuward::fuzz
