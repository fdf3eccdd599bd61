// What somebody has to be asked for: the driver by the prober, programs of the
// machine, the ledger. And tasks, packages.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "bundle/pieces.h"
#include "evidence/packages.h"
#include "evidence/pci.h"
#include "evidence/task_files.h"
#include "evidence/tasks.h"
#include "host/tool.h"
#include "ledger/ledger.h"
#include "probe/turn.h"

namespace gpuward::bundle {
namespace {

constexpr std::string_view kDriverFolder = "/proc/driver/nvidia";

std::vector<probe::Request> driver_requests(const host::Host& host) {
  std::vector<std::string> paths;
  for (const char* name :
       {"version", "params", "registry", "suspend_depth",
        "capabilities/mig/config", "capabilities/mig/monitor"}) {
    paths.push_back(fmt::format("{}/{}", kDriverFolder, name));
  }
  constexpr size_t kMostGpus = 64;
  auto gpus = evidence::gpu_addresses(host.evidence)
                  .value_or(std::vector<std::string>());
  if (gpus.size() > kMostGpus) gpus.resize(kMostGpus);
  for (const std::string& gpu : gpus) {
    for (const char* name :
         {"information", "registry", "power", "numa_status"}) {
      paths.push_back(fmt::format("{}/gpus/{}/{}", kDriverFolder, gpu, name));
    }
    for (const char* name : {"current_link_speed", "current_link_width",
                             "max_link_speed", "max_link_width"}) {
      paths.push_back(fmt::format("/sys/bus/pci/devices/{}/{}", gpu, name));
    }
  }
  std::vector<probe::Request> out;
  for (std::string& path : paths) {
    out.push_back(
        {.kind = probe::Request::Kind::file, .target = std::move(path)});
  }
  return out;
}

bool was_not_there(const Reading& answer) {
  return answer.state == Reading::State::error && answer.code == ENOENT;
}

bool is_machine(const host::Host& host) {
  return host.evidence.is_machine() && !host.simulated;
}

struct ToolRow {
  std::string_view name;
  std::initializer_list<const char*> command;
};
// Without the commands of containers: whatever is secret may stand there.
constexpr const char* kColumns =
    "table {{.ID}}\t{{.Image}}\t{{.Status}}\t{{.CreatedAt}}\t{{.Names}}";
// Not `status`: it reads the command lines of processes, which can hang.
constexpr const char* kProperties =
    "--property=Id,LoadState,ActiveState,SubState,Result,UnitFileState,"
    "NeedDaemonReload,FragmentPath,DropInPaths,MainPID,ExecMainStatus,"
    "ExecMainStartTimestamp,StateChangeTimestamp,NRestarts,StatusText";
// None of them loads NVML or opens a device.
const ToolRow kTools[] = {
    {"docker-version", {"docker", "version"}},
    {"docker-info", {"docker", "info"}},
    {"docker-ps",
     {"docker", "ps", "--all", "--no-trunc", "--format", kColumns}},
    {"podman-ps",
     {"podman", "ps", "--all", "--no-trunc", "--format", kColumns}},
    {"containerd-version", {"ctr", "version"}},
    {"crictl-version", {"crictl", "version"}},
    {"crictl-ps", {"crictl", "ps", "--all"}},
    {"runc-version", {"runc", "--version"}},
    {"crun-version", {"crun", "--version"}},
    {"nvidia-ctk-version", {"nvidia-ctk", "--version"}},
    {"kubelet-version", {"kubelet", "--version"}},
    {"modinfo-nvidia", {"modinfo", "nvidia"}},
    {"dkms-status", {"dkms", "status"}},
    {"mokutil", {"mokutil", "--sb-state"}},
    {"systemctl-failed", {"systemctl", "--no-pager", "--failed"}},
    {"systemctl-show",
     {"systemctl", "--no-pager", kProperties, "show", "docker", "containerd",
      "kubelet", "nvidia-persistenced", "nvidia-fabricmanager"}},
};

std::string text_of(const host::ToolResult& result, const ToolRow& row) {
  std::string text = "$";
  for (const char* word : row.command) text += fmt::format(" {}", word);
  text += fmt::format("\n{}", result.output);
  if (!result.complaints.empty()) text += "\n" + result.complaints;
  return text + fmt::format("\nexit code {}\n", result.exit_code);
}

std::string task_line(const host::TaskStat& stat) {
  return fmt::format("{:>8} {:>8} {} {:>4} {}\n", stat.pid, stat.parent,
                     stat.state, stat.threads, printable(stat.comm));
}

std::string stack_text(const StuckTask& task) {
  std::string text =
      fmt::format("task {} of process {} ({}), state {}", task.tid, task.pid,
                  printable(task.comm), task.state);
  if (!task.syscall.empty()) text += ", system call " + task.syscall;
  if (!task.wchan.empty()) text += ", waits in " + task.wchan;
  text += "\n";
  for (const std::string& frame : task.stack) text += "  " + frame + "\n";
  if (task.stack.empty()) text += "  (no stack: run as root)\n";
  return text;
}

bool concerns_gpus(std::string_view package) {
  constexpr std::string_view kParts[] = {
      "nvidia",     "cuda",        "docker",
      "containerd", "runc",        "crun",
      "podman",     "cri-o",       "kubelet",
      "kubeadm",    "linux-image", "systemd",
      "dkms",       "nccl",        "datacenter-gpu-manager"};
  return std::ranges::any_of(kParts, [&](std::string_view part) {
    return package.find(part) != std::string_view::npos;
  });
}

Json entry_json(const ledger::LedgerEntry& entry) {
  Json json;
  json.set("id", entry.id);
  json.set("operation", entry.operation);
  json.set("at", to_iso(entry.at));
  json.set("boot_id", entry.boot_id);
  json.set("kind", entry.kind);
  json.set("what", entry.what);
  return json;
}

}  // namespace

Pieces collect_driver_files(const Job& job) {
  if (examine::has_no_nvidia_hardware(job.seen.gathered)) return {};
  const auto requests = driver_requests(job.host);
  const auto asked =
      probe::ask_in_turn(job.host, requests, job.left, job.factor);
  if (!asked) {
    return {{}, {{"files" + std::string(kDriverFolder), asked.error().text}}};
  }
  Pieces out;
  for (size_t i = 0; i < requests.size(); ++i) {
    const Reading& answer = asked->answers[i];
    if (answer.state == Reading::State::value) {
      std::string text = to_text(answer.value);
      if (text.empty()) continue;
      out.pieces.push_back({"files" + requests[i].target, std::move(text)});
    } else if (!was_not_there(answer)) {
      out.missing.push_back({"files" + requests[i].target, answer.why});
    }
  }
  return out;
}

Pieces collect_tools(const Job& job) {
  Pieces out;
  if (!is_machine(job.host)) {
    return {{},
            {{"tools", "the programs of " + job.host.evidence.directory() +
                           " cannot be run from here"}}};
  }
  constexpr Millis kOneTool = 3s;
  const Boot until = BootClock::now() + job.left;
  for (const ToolRow& row : kTools) {
    const std::string name = fmt::format("tools/{}.txt", row.name);
    const Millis left = until - BootClock::now();
    if (left <= 0ms) {
      out.missing.push_back({name, "not asked: the others took too long"});
      continue;
    }
    const auto result = host::run_tool({row.command.begin(), row.command.end()},
                                       std::min(kOneTool, left));
    if (result) {
      out.pieces.push_back({name, text_of(*result, row)});
    } else if (result.error().kind != Error::Kind::not_found) {
      out.missing.push_back({name, result.error().text});
    }
  }
  return out;
}

Pieces collect_tasks_of(const Job& job) {
  const host::Root& root = job.host.evidence;
  const auto names = root.list("/proc");
  if (!names) return {{}, {{"tasks.txt", in_words(names.error())}}};
  constexpr int kMostStacks = 200;
  constexpr int kMostThreads = 20000;
  const Boot until = BootClock::now() + job.left;
  int stacks = 0;
  int threads = 0;
  std::string waiting = "Tasks in state D, and those in the driver:\n";
  std::string all = "\nAll processes: pid, parent, state, threads, name\n";
  bool cut = false;
  for (const std::string& name : *names) {
    const auto pid = to_number<int>(name);
    if (!pid) continue;
    const auto stat = host::task_stat(root, *pid);
    if (stat) all += task_line(*stat);
    for (const int tid : evidence::threads_of(root, *pid)) {
      cut = cut || BootClock::now() >= until || ++threads > kMostThreads ||
            stacks >= kMostStacks;
      if (cut) break;
      const evidence::TaskFolder folder{*pid, tid};
      const auto thread = evidence::stat_of(root, folder);
      if (!thread || thread->state != 'D') continue;
      waiting += stack_text(evidence::describe(root, folder, *thread));
      ++stacks;
    }
  }
  for (const StuckTask& task : job.seen.gathered.tasks) {
    if (task.state != 'D') waiting += stack_text(task);
  }
  for (const Probe& probe : job.seen.snapshot.probes) {
    if (!probe.task) continue;
    waiting += "gpuward's own probe, in " + probe.symbol + ":\n";
    waiting += stack_text(*probe.task);
  }
  return {{{"tasks.txt", waiting + all, cut}}, {}};
}

Pieces collect_packages(const Job& job) {
  const auto status = evidence::read_dpkg_status(job.host.evidence);
  if (!status) {
    return {{},
            {{"packages.txt", "dpkg's list: " + in_words(status.error()) +
                                  "; rpm's is not read"}}};
  }
  std::string text;
  std::string_view package;
  for (const std::string_view line : split(*status, '\n')) {
    if (line.starts_with("Package: ")) package = line.substr(9);
    if (line.starts_with("Version: ") && concerns_gpus(package)) {
      text += fmt::format("{} {}\n", package, line.substr(9));
    }
  }
  if (text.empty()) return {};
  return {{{"packages.txt", std::move(text)}}, {}};
}

Pieces collect_ledger(const Job& job) {
  constexpr size_t kMostEntries = 500;
  auto ledger = ledger::Ledger::open_for_reading(job.host.state_dir, job.left);
  if (!ledger) {
    // Nothing was ever done: there is nothing to miss.
    if (ledger.error().kind == Error::Kind::not_found) return {};
    return {{}, {{"ledger.json", in_words(ledger.error())}}};
  }
  const auto entries = ledger->entries(kMostEntries);
  if (!entries) return {{}, {{"ledger.json", in_words(entries.error())}}};
  Json list = Json::array();
  for (const ledger::LedgerEntry& entry : *entries)
    list.push(entry_json(entry));
  Json json;
  json.set(kMark, "ledger");
  json.set("schema", kSchema);
  json.set("entries", std::move(list));
  return {{{"ledger.json", json.dump(1)}}, {}};
}

}  // namespace gpuward::bundle
