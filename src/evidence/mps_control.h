// nvidia-cuda-mps-control, which runs CUDA's Multi-Process Service: whether it
// is where the driver's programs lie, and whether anything here needs it.
#pragma once

#include <string>
#include <string_view>

#include "evidence/source.h"

namespace gpuward::evidence {

// Facts mps_wanted, mps_control and mps_package; none where nothing wants it.
Collected collect_mps_control(const host::Host& host);

// "nvidia-compute-utils-570" for Ubuntu and branch 570; of Debian and the
// family of RHEL the package's name has no branch. Empty where it is not known.
// `has_server_branch`: Ubuntu's packages of the branch end in "-server".
std::string mps_package(std::string_view os_release, std::string_view branch,
                        bool has_server_branch);

}  // namespace gpuward::evidence
