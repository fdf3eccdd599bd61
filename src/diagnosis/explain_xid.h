// `explain` for Xids and SXids.
#pragma once

#include "diagnosis/explain.h"
#include "diagnosis/xid_line.h"

namespace gpuward::diagnosis {

// By number, or of a line, with what its own words say.
Explanation explain_xid(const Catalogue& catalogue, const XidLine& line);

}  // namespace gpuward::diagnosis
