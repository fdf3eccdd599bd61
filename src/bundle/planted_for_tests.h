// For tests: secrets in the forms in which machines hold them, and texts that
// look a little like secrets and are none.
#pragma once

#include <string>
#include <vector>

namespace gpuward::bundle {

struct Planted {
  std::string text;    // as it stands in a file
  std::string secret;  // what must not be seen
};
std::vector<Planted> planted_secrets();
std::vector<std::string> harmless_texts();

}  // namespace gpuward::bundle
