#include "action/restart_container.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "containers/access.h"
#include "containers/find.h"
#include "containers/look.h"
#include "host/task.h"
#include "host/tool.h"
#include "model/container_arguments.h"

namespace gpuward::action {
namespace {

// It is stopped politely first, which takes 10 s where it does not listen.
constexpr Millis kDeadline = 60s;

bool is_alive(const host::Host& host, const Container& container) {
  return host::is_same_task(host.evidence, container.pid, container.start_time);
}

// As the runtimes make them; anything else could be an option.
bool is_plain_id(const std::string& id) {
  return !id.empty() && std::ranges::all_of(id, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

Result<Action::Checked> check(const host::Host& host, const Step& step) {
  const Container container = TRY(container_of(step.arguments));
  if (host.simulated) {
    return fail(Error::Kind::unsupported, "a simulated node has no containers");
  }
  if (!container.pod.empty()) {
    return fail(Error::Kind::unsupported,
                fmt::format("it belongs to a pod, whose owner must delete it: "
                            "kubectl delete pod -n {} {}",
                            container.pod_namespace, container.pod));
  }
  if (container.runtime != "docker" && container.runtime != "podman") {
    return fail(Error::Kind::unsupported,
                container.runtime + " has no command that restarts it");
  }
  if (!is_plain_id(container.id)) {
    return fail(Error::Kind::malformed, "\"" + container.id + "\" is no id");
  }
  if (!is_alive(host, container)) {
    return fail(Error::Kind::gone, "the container has ended");
  }
  return Action::Checked{};
}

Result<void> run(const host::Host&, const Step& step) {
  const Container container = TRY(container_of(step.arguments));
  const host::ToolResult result = TRY(
      host::run_tool({container.runtime, "restart", container.id}, kDeadline));
  if (result.exit_code == 0) return {};
  return fail(Error::Kind::system,
              fmt::format("{} restart: {}", container.runtime,
                          printable(trim(result.complaints), 300)));
}

Result<std::string> verify(const host::Host& host, const Step& step) {
  const Container before = TRY(container_of(step.arguments));
  if (is_alive(host, before)) {
    return fail(Error::Kind::system, "it was not restarted");
  }
  const containers::FoundContainers found = containers::find_containers(host);
  if (!found.is_whole) {
    return fail(Error::Kind::system, "whether it runs is not known");
  }
  const auto now =
      std::ranges::find(found.containers, before.id, &Container::id);
  if (now == found.containers.end()) {
    return fail(Error::Kind::system, "it does not run any more");
  }
  Container container = *now;
  TRY_VOID(containers::look_again(host, container));
  if (containers::access_now(container) != NodeAccess::Now::allowed) {
    const std::string who = containers::who_denies(container);
    return fail(Error::Kind::denied, "restarted, and its nodes do not open" +
                                         (who.empty() ? who : "; " + who));
  }
  return fmt::format("restarted (process {} now), tested from inside: {} open",
                     container.pid, nodes_in_words(container));
}

Result<void> undo(const host::Host& host, const Step& step, const Json&) {
  const Container container = TRY(container_of(step.arguments));
  if (is_alive(host, container)) return {};  // nothing was done
  return fail(Error::Kind::unsupported, "a restart cannot be undone");
}

}  // namespace

const Action& restart_container() {
  static constexpr Action kAction{.name = kRestartContainer,
                                  .what = "restarts a container",
                                  .ends_with_boot = true,
                                  .check = check,
                                  .run = run,
                                  .verify = verify,
                                  .undo = undo};
  return kAction;
}

}  // namespace gpuward::action
