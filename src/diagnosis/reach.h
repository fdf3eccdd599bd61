// Where a fault can be found: on a live machine, in logs, or in both.
#pragma once

#include <span>
#include <string_view>

#include "diagnosis/catalogue.h"

namespace gpuward::diagnosis {

struct Reach {
  bool live = false;
  bool logs = false;
};

// `in_text`: the facts that are found in text. A rule counts where what it
// asks for can be there at all; with --fact, logs may tell more.
Reach reach_of(const Catalogue& catalogue, const Fault& fault,
               std::span<const std::string_view> in_text);

std::string_view in_words(Reach reach);  // "live, logs"

}  // namespace gpuward::diagnosis
