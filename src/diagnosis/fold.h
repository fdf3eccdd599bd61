// Evidence in, state out. Pure: no clock, no file, no process.
#pragma once

#include "diagnosis/catalogue.h"
#include "diagnosis/state.h"

namespace gpuward::diagnosis {

void fold(const Catalogue& catalogue, State& state, const Evidence& evidence);

// "0000:3b:00.0" from any form that logs have of it ("00000000:3B:00.0",
// "PCI:0000:3b:00"); the text as it is where it is none of them.
std::string gpu_address(std::string_view text);
// Seconds since boot from a kernel's stamp in the line: "[434189.944726]".
std::optional<double> kernel_stamp(std::string_view line);

}  // namespace gpuward::diagnosis
