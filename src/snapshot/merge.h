// Old readings under new: a GPU that does not answer now keeps what it said
// last, with its age, and says that it does not answer. Pure.
#pragma once

#include "model/snapshot.h"

namespace gpuward::snapshot {

void keep_old_readings(Snapshot& fresh, const Snapshot& old);

}  // namespace gpuward::snapshot
