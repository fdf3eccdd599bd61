#include "action/stop_container.h"

#include <fmt/core.h>
#include <time.h>

#include <algorithm>

#include "base/text.h"
#include "host/task.h"
#include "host/tool.h"
#include "plan/plan_kubelet.h"

namespace gpuward::action {
namespace {

// The runtime asks politely for five seconds first.
constexpr Millis kOneTool = 20s;
constexpr Millis kEnd = 10s;
constexpr Millis kBetweenLooks = 50ms;
constexpr std::string_view kPlugin = "nvidia-device-p";

struct Target {
  int pid = 0;
  uint64_t start_time = 0;
};

Target target_of(const Step& step) {
  return {static_cast<int>(step.arguments["pid"].as_integer()),
          static_cast<uint64_t>(step.arguments["start_time"].as_integer())};
}

// Nothing once it has ended. What has ended and is not yet waited for has.
std::optional<host::TaskStat> running(const host::Host& host,
                                      const Target& target) {
  const auto stat = host::task_stat(host.evidence, target.pid);
  if (!stat || stat->start_time != target.start_time || stat->state == 'Z' ||
      stat->state == 'X') {
    return std::nullopt;
  }
  return *stat;
}

// As the runtimes make them; anything else could be an option.
bool is_plain_id(std::string_view id) {
  constexpr size_t kShortest = 12;
  return id.size() >= kShortest && std::ranges::all_of(id, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::unexpected<Error> in_state_d() {
  return fail(Error::Kind::unsupported,
              "it is in state D, which no signal ends: drain and reboot");
}

Result<Action::Checked> check(const host::Host& host, const Step& step) {
  if (host.simulated) {
    return fail(Error::Kind::unsupported, "a simulated node has no containers");
  }
  const std::string id(step.arguments["id"].as_string());
  if (!is_plain_id(id)) {
    return fail(Error::Kind::malformed,
                "\"" + printable(id, 100) + "\" is no id of a container");
  }
  if (stop_commands(step.arguments).empty()) {
    return fail(Error::Kind::unsupported,
                fmt::format("there is no way to stop a container of \"{}\"",
                            step.arguments["runtime"].as_string()));
  }
  const auto stat = running(host, target_of(step));
  if (!stat) {
    return Action::Checked{
        .already = true, .undo = {}, .text = "it has ended already"};
  }
  if (!stat->comm.starts_with(kPlugin)) {
    return fail(Error::Kind::denied,
                fmt::format("process {} is {}, not NVIDIA's device plugin",
                            stat->pid, printable(stat->comm, 64)));
  }
  if (stat->state == 'D') return in_state_d();
  return Action::Checked{};
}

Result<void> run(const host::Host& host, const Step& step) {
  std::string tried;
  for (const auto& command : stop_commands(step.arguments)) {
    const auto done = host::run_tool(command, kOneTool);
    if (!done && done.error().kind == Error::Kind::not_found) {
      tried += (tried.empty() ? "" : ", ") + done.error().text;
      continue;
    }
    if (!done) return std::unexpected(done.error());
    // It may have ended while it was asked to.
    if (done->exit_code == 0 || !running(host, target_of(step))) return {};
    return fail(Error::Kind::system,
                fmt::format("{}: {}", command.front(),
                            printable(trim(done->complaints), 300)));
  }
  return fail(Error::Kind::not_found, tried);
}

Result<std::string> verify(const host::Host& host, const Step& step) {
  const Target target = target_of(step);
  const Boot deadline = BootClock::now() + kEnd;
  for (;;) {
    const auto stat = running(host, target);
    if (!stat) {
      return fmt::format("process {} of the device plugin has ended",
                         target.pid);
    }
    if (BootClock::now() >= deadline) {
      if (stat->state == 'D') return in_state_d();
      return fail(Error::Kind::system,
                  fmt::format("process {} goes on (state {})", target.pid,
                              stat->state));
    }
    const timespec pause{0, kBetweenLooks.count() * 1'000'000};
    ::nanosleep(&pause, nullptr);
  }
}

Result<void> undo(const host::Host& host, const Step& step, const Json&) {
  if (running(host, target_of(step))) return {};  // nothing was done
  return fail(Error::Kind::gone,
              "it has ended, and the kubelet starts it anew");
}

}  // namespace

std::vector<std::vector<std::string>> stop_commands(const Json& arguments) {
  const std::string id(arguments["id"].as_string());
  const std::string socket(arguments["socket"].as_string());
  const std::string_view runtime = arguments["runtime"].as_string();
  if (runtime == "docker") return {{"docker", "stop", "--time", "5", id}};
  if (runtime != "containerd" && runtime != "cri-o") return {};
  std::vector<std::vector<std::string>> out = {
      {"crictl", "--runtime-endpoint", "unix://" + socket, "--timeout", "15s",
       "stop", "--timeout", "5", id}};
  if (runtime == "containerd") {
    out.push_back({"ctr", "--address", socket, "--namespace", "k8s.io", "tasks",
                   "kill", "--signal", "SIGKILL", id});
  }
  return out;
}

const Action& stop_container() {
  static constexpr Action kAction{
      .name = plan::kStopContainer,
      .what = "stops the device plugin's container by its runtime",
      .ends_with_boot = true,
      .check = check,
      .run = run,
      .verify = verify,
      .undo = undo};
  return kAction;
}

}  // namespace gpuward::action
