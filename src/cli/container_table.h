// Containers with NVIDIA devices, for people and as JSON.
#pragma once

#include <vector>

#include "base/json.h"
#include "cli/screen.h"
#include "model/container.h"

namespace gpuward::cli {

void print_containers(const Screen& screen,
                      const std::vector<Container>& containers,
                      const std::vector<Gap>& gaps);
// {"schema": 1, "containers": […], "gaps": […]}
Json containers_json(const std::vector<Container>& containers,
                     const std::vector<Gap>& gaps);
// kFault where one is denied, kUnknown where one cannot be told, kWarning where
// one will be, else kHealthy; the worst counts.
int exit_code_of(const std::vector<Container>& containers,
                 const std::vector<Gap>& gaps);

}  // namespace gpuward::cli
