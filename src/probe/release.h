// `gpuward release`: nobody of ours touches the driver until a given time, so
// that a reset, a MIG change, a driver reload or an upgrade is not in our way
// nor we in its. A file in the run directory, which everybody who would probe
// looks at first; written by root alone, like the rest of that directory.
#pragma once

#include <optional>
#include <string>

#include "base/time.h"
#include "host/host.h"

namespace gpuward::probe {

struct Released {
  Wall until{};
  int by_pid = 0;

  bool operator==(const Released&) const = default;
};

// Nothing where probing is allowed.
std::optional<Released> released_until(const host::Host& host, Wall now);

Result<void> write_release(const host::Host& host, const Released& released);
Result<void> end_release(const host::Host& host);

// "released until 14:10:00 by process 4711: not probed"
std::string in_words(const Released& released);

}  // namespace gpuward::probe
