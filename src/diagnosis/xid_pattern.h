// The forms in which drivers print Xids, as one pattern: catalogue entries name
// numbers, and need not know the forms.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "matching/pattern_set.h"

namespace gpuward::diagnosis {

// Lines of any of the Xids `numbers` ("79"; empty: all), whose text after the
// number matches `says` too, where that is not empty. Captures: gpu, instance
// and compute (of MIG), xid, pid, name.
//
//   NVRM: Xid (PCI:0000:3b:00): 79, pid='<unknown>', name=<unknown>, TEXT
//   NVRM: Xid (PCI:0000:3b:00 GPU-I:05 GPU-CI:00): 94, pid=7, name=python, TEXT
//   NVRM: Xid (0000:3b:00): 13, TEXT                 (older drivers)
//   Xid (PCI:0000:3b:00.0): 79, TEXT                 (the trace point)
//   XidCriticalError: Xid=79 on Device=GPU-…         (NVIDIA's device plugin)
//   NVRM: Xid (PCI:...): 79, TEXT                    (by whom it was posted)
//   … True  …  XidError  Xid 79 on GPU …             (a condition of a node)
//   "isFatal":true,"message":"… (XID 79) …"          (monitors, in JSON)
//   Detected XID 79 for GPU 0                        (DCGM)
matching::Pattern xid_pattern(const std::vector<std::string>& numbers,
                              std::string_view says);

}  // namespace gpuward::diagnosis
