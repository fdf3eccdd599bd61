// A file of the source tree that was compiled into the program (the catalogue,
// the scenarios): see gpuward_embed in cmake/gpuward.cmake.
#pragma once

#include <span>
#include <string_view>

namespace gpuward {

struct EmbeddedFile {
  std::string_view name;  // "healthy-8xh100.yaml"
  std::string_view text;
};

}  // namespace gpuward
