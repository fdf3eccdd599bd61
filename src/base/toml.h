// A TOML document as a Json tree: containerd's, CRI-O's and the NVIDIA
// toolkit's configuration. toml++ is used in toml.cpp alone.
#pragma once

#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace gpuward {

// The document as an object; its keys come in alphabetical order, which is how
// toml++ keeps them. Dates and times become text as written in TOML. Fails with
// Error::malformed and "line N: …".
Result<Json> parse_toml(std::string_view text);

}  // namespace gpuward
