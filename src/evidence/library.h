// Where drivers put libnvidia-ml.so.1. Used by the source "library" and by
// whoever starts the prober.
#pragma once

#include "evidence/source.h"

namespace gpuward::evidence {

struct Library {
  std::string path;    // libnvidia-ml.so.1 as our machine names it: to load
  std::string inside;  // the same, as the machine under the root names it
  // Of the file behind the links: "570.158.01"; empty if its name has none.
  std::string version;

  bool operator==(const Library&) const = default;
};

// Looks below `driver_root` (a path inside the evidence root, for instance
// /run/nvidia/driver) or, where that is empty, in all the usual places.
// Error::not_found if there is none; another error where a place could not be
// looked at, so that it is not known.
Result<Library> find_library(const host::Host& host,
                             std::string_view driver_root);

// Facts library and library_state.
Collected collect_library(const host::Host& host);

}  // namespace gpuward::evidence
