// A fuzzing target: bytes from whoever is not to be trusted, into one parser.
// A wrong property aborts, as a sanitizer does.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support/temp_tree.h"

namespace gpuward::fuzz {

struct Target {
  std::string_view name;  // of its folder in corpus/ as well
  void (*run)(std::string_view bytes);
  // Inputs tried by ./dev test: a second or two.
  int runs;
};

// The targets of one file each.
std::span<const Target> base_targets();
std::span<const Target> bundle_targets();
std::span<const Target> container_targets();
std::span<const Target> knowledge_targets();
std::span<const Target> kubelet_targets();
std::span<const Target> machine_targets();
std::span<const Target> record_targets();
std::span<const Target> text_targets();

// What must hold whatever the bytes are.
void must(bool holds, const char* what);

// Cuts `bytes` at "\n====\n" into at most `most` parts: for parsers that take
// more than one text. A part that is missing is empty.
std::vector<std::string_view> parts(std::string_view bytes, size_t most);

}  // namespace gpuward::fuzz
