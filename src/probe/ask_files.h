// Driver files and vendors' programs, asked of a prober outside of its rounds:
// what a bundle wants to have read once.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "host/host.h"
#include "model/reading.h"
#include "probe/protocol.h"

namespace gpuward::probe {

struct FilesAsked {
  // One for each request, in their order. Unknown, with the reason, where the
  // prober did not come back.
  std::vector<Reading> answers;
};

// Starts a prober in slot 1, asks one after another, and lets it go.
// Error::busy where somebody else's prober is at work or hangs: it is not
// multiplied (law 2). A call that does not come back within `patience` ends the
// asking; the prober is then left or ended as its state allows.
Result<FilesAsked> ask_files(const host::Host& host,
                             const std::vector<Request>& requests,
                             Millis patience, double factor);

}  // namespace gpuward::probe
