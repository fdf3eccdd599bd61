// The machine that doctor speaks of, out of what was collected: this one, or
// the one that a bundle came from.
#pragma once

#include "cli/report.h"
#include "examine/examine.h"

namespace gpuward::cli {

Patient patient_of(const Snapshot& snapshot, const examine::Gathered& gathered);

}  // namespace gpuward::cli
