// Taking a bundle: everything that a report or a vendor asks for, in one
// archive, bounded in time and size, without secrets.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "bundle/seen.h"

namespace gpuward::bundle {

// All collecting together; with the vendor's report three minutes more.
inline constexpr Millis kLongest = 60s;

// What diagnosis collects without a probe, by a child: half of it lies on
// disks, which may not answer. `matters`: of a log that is too long, the lines
// that are kept. Where the child does not come back nothing is known, and a
// gap says why. Names no hardware then.
examine::Gathered gather_aside(
    const host::Host& host, Millis deadline,
    const std::function<bool(const std::string&)>& matters);

struct TakeOptions {
  std::string version;  // of this gpuward
  bool vendor_report = false;
  double factor = 1.0;  // of the prober's deadlines; for tests
  Boot until{};         // for all of it, but for the vendor's report
};

struct Taken {
  std::string name;    // "gpuward-bundle-HOST-20260125T041110Z", without an end
  std::string packed;  // the archive
  Json index;
  size_t pieces = 0;
  size_t missing = 0;
};

using OnCollector =
    std::function<void(std::string_view what, size_t number, size_t of)>;

// `doctor`: the report as `doctor --json` prints it.
Result<Taken> take(const host::Host& host, const Seen& seen, const Json& doctor,
                   const TakeOptions& options, const OnCollector& on_collector);

}  // namespace gpuward::bundle
