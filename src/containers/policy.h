// What systemd would apply to a scope: DevicePolicy and DeviceAllow from its
// transient files and drop-ins, in systemd's order (systemd.unit(5), 252).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/host.h"
#include "model/container.h"

namespace gpuward::containers {

// Error::not_found where no such unit has files of its own.
Result<ScopePolicy> read_scope_policy(const host::Host& host,
                                      const std::string& unit);

// Whether the policy would let a node through with the read and write access
// of the grant, as systemd resolves entries: "/dev/char/195:0", "char-195",
// "char-nvidia*" by the names in `proc_devices`, paths by their node in `root`.
// One entry must give all of it: systemd's program asks rule by rule.
// `systemd` is its version, 0 where it is not known: before 240 an entry
// "/dev/char/195:0" is a path like any other, and does nothing without a link
// of that name.
bool allows(const ScopePolicy& policy, const Grant& grant,
            const host::Root& root, std::string_view proc_devices,
            int systemd = 0);

// Entries that name nothing there is, a path without a node or a driver that
// /proc/devices does not know: systemd takes them and they do nothing.
std::vector<std::string> entries_of_no_effect(const ScopePolicy& policy,
                                              const host::Root& root,
                                              std::string_view proc_devices,
                                              int systemd = 0);

}  // namespace gpuward::containers
