// What diagnosis saw of a machine, as one JSON document: evidence.json of a
// bundle. `doctor --bundle` puts it through the same stages, so that the
// findings are the same elsewhere.
#pragma once

#include <functional>
#include <string>

#include "base/json.h"
#include "examine/examine.h"

namespace gpuward::bundle {

inline constexpr int kSchema = 1;
// The first member of each JSON file of ours: who reads a folder of logs knows
// by it that this is none.
inline constexpr std::string_view kMark = "gpuward";

struct Seen {
  examine::Gathered gathered;
  Snapshot snapshot;
  Wall now{};  // when it was diagnosed: times count back from here
};

Json to_json(const Seen& seen);
// Error::unsupported for the schema of a newer gpuward, Error::malformed, with
// the place, for what is none.
Result<Seen> seen_from_json(const Json& json);

// The part that is collected without a probe, on its way from the child that
// collects it.
Json to_json(const examine::Gathered& gathered);
Result<examine::Gathered> gathered_from_json(const Json& json);

// Leaves out lines until their texts take at most `most` bytes: first those
// that `matters` says nothing of, the oldest first. A gap for each source that
// lost some says how many. Of each source one line stays at least.
void bound_lines(evidence::Collection& collection, size_t most,
                 const std::function<bool(const std::string&)>& matters);

}  // namespace gpuward::bundle
