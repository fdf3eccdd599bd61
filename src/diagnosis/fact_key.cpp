#include "diagnosis/fact_key.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "model/facts.h"

namespace gpuward::diagnosis {

void check_fact_key(std::string_view key, int line, Complaints& complaints) {
  const auto keys = fact::all_keys();
  if (std::ranges::find(keys, key) != keys.end()) return;
  const auto near = nearest(key, {keys.begin(), keys.end()});
  complaints.add(line,
                 fmt::format("there is no fact '{}'{}", key,
                             near ? "; did you mean '" + *near + "'?"
                                  : "; src/model/facts.h has their keys"));
}

}  // namespace gpuward::diagnosis
