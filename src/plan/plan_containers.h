// What would be done for containers that lost their GPU or will lose it. Pure:
// findings and what is known of the containers in, steps and refusals out.
#pragma once

#include <vector>

#include "model/container.h"
#include "model/finding.h"
#include "model/plan.h"

namespace gpuward::plan {

struct ContainerPlanning {
  // Where access cannot come back while the container runs, or the live repair
  // fails: restart it (docker and podman). Never one that still has access.
  bool allow_restart = false;
};

// For each container of a finding container-gpu-access-revoked or
// container-gpu-access-at-risk (its subject is the container's label): one
// step that restores access while it runs, or why not. Restarts come last.
Plan plan_containers(const std::vector<Finding>& findings,
                     const std::vector<Container>& containers,
                     const ContainerPlanning& options = {});

// Why access cannot be given while it runs, empty where it can; "re-create
// only: runc's program 108 denies 195:0".
std::string why_not_live(const Container& container);

}  // namespace gpuward::plan
