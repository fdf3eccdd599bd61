// The names and bounds that a bundle's writer and reader agree on.
#pragma once

#include <cstddef>
#include <string_view>

namespace gpuward::bundle {

inline constexpr std::string_view kIndexName = "index.json";
inline constexpr std::string_view kEvidenceName = "evidence.json";
// What the index begins with.
inline constexpr std::string_view kIndexMark = "\"gpuward\": \"bundle\"";

// Of all pieces together; packed it is a tenth of that as a rule, and never
// more.
inline constexpr size_t kMostUnpacked = size_t{64} << 20;
inline constexpr size_t kMostEvidenceBytes = size_t{16} << 20;

}  // namespace gpuward::bundle
