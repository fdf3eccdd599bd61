// Lets a container have its device nodes again, while it runs: the nodes that
// host records grant it become entries of its scope's DeviceAllow
// (SetUnitProperties, runtime: no daemon-reload, gone with the scope). On
// cgroup v2 systemd's program then allows them; what the runtime's own program
// denies stays denied.
//
// Arguments: model/container_arguments.h. Undo: {"list": [["/dev/char/1:3",
// "rwm"], …]}, what the scope's list was before.
#pragma once

#include "action/action.h"
#include "host/systemd.h"
#include "model/container.h"

namespace gpuward::action {

const Action& restore_access();

// Its parts that are pure.

// What a scope that has `listed` is to be sent so that it has all of `grants`:
// exactly "/dev/char/MAJ:MIN" with the granted access. systemd replaces the
// access of an entry that is there, so that one keeps what it had besides.
host::DeviceAllow entries_for(const host::DeviceAllow& listed,
                              const std::vector<Grant>& grants);
// Whether the list has them already.
bool lists_all(const host::DeviceAllow& listed,
               const std::vector<Grant>& grants);
// The list without what was added to `former`; what others added meanwhile
// stays.
host::DeviceAllow taken_back(const host::DeviceAllow& listed,
                             const host::DeviceAllow& former,
                             const std::vector<Grant>& grants);

}  // namespace gpuward::action
