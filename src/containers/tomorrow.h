// Whether a container's access lasts. Pure.
//
// Facts: runc's and systemd's lists are two; who is realised last wins on v1,
// both must allow on v2. Measured with systemd 252 and 257, docker 20.10 and
// 26.1, runc 1.1.5 and 1.1.15, crun 1.8 and 1.21 (docs/containers.md).
#pragma once

#include <string>
#include <vector>

#include "model/container.h"

namespace gpuward::containers {

struct Surroundings {
  int systemd = 0;                  // 252; 0: not known
  bool static_cpu_manager = false;  // the kubelet rewrites rules each 10 s
  // Nodes of the container that the scope's policy does not let through.
  std::vector<std::string> not_allowed;  // "195:0"
  // Why the container has a scope and no policy; empty where it was read.
  std::string no_policy_why;
};

// Fills in `tomorrow` and `tomorrow_why`, a sentence for people.
void judge_tomorrow(Container& container, const Surroundings& surroundings);

}  // namespace gpuward::containers
