// Two texts as a unified diff, the way people know it from diff -u. Pure.
#pragma once

#include <string>
#include <string_view>

namespace gpuward {

// Empty where the texts are equal. `from` and `to` are what stands behind ---
// and +++. Three lines of context. Where very much differs the result is right
// but not the shortest.
std::string unified_diff(std::string_view before, std::string_view after,
                         std::string_view from, std::string_view to);

}  // namespace gpuward
