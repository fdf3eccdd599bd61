// What the look at a container comes to: whether it can open its devices, and
// who is in the way. Pure.
#pragma once

#include <string>

#include "model/container.h"

namespace gpuward::containers {

// The worst of all nodes: denied before unknown before allowed. Unknown where
// there are none.
NodeAccess::Now access_now(const Container& container);
// "systemd's program 109 (sd_devices) denies 195:0; runc's program 108 allows
// it"; empty where nothing is known of who denies.
std::string who_denies(const Container& container);
// systemd's list for its scope names every node by its numbers: there is
// nothing that systemd could be asked to add.
bool is_listed_whole(const Container& container);

}  // namespace gpuward::containers
