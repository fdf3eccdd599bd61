// Restarts the kubelet by systemd, where no admission completes by itself. No
// reload of systemd takes place; containers go on.
//
// Arguments: {unit, pid, start_time, plugins: [pid], waiting: ["ns/pod"]}. A
// restart cannot be undone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "action/action.h"

namespace gpuward::action {

const Action& restart_kubelet();

// What shows that the kubelet's loop came round, or nothing:
//   its log: the loop did something after it began that admission, or the pod
//   is spoken of, or has a folder;
//   a device plugin that was started since: only the kubelet's loop does that.
// `plugins`: the pids of those that ran before.
std::optional<std::string> completed_admission(const host::Host& host,
                                               const std::vector<int>& plugins);

}  // namespace gpuward::action
