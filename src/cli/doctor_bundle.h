// gpuward doctor --bundle FILE: another machine, by what was seen of it there.
// Nothing local is read but the catalogue's additions.
#pragma once

#include <string>

#include "cli/knowledge.h"
#include "cli/options.h"

namespace gpuward::cli {

int doctor_on_bundle(const DoctorOptions& options, const Knowledge& knowledge,
                     const std::string& path);

}  // namespace gpuward::cli
