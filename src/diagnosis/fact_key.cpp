#include "diagnosis/fact_key.h"

#include <fmt/core.h>

#include "model/facts.h"

namespace gpuward::diagnosis {

void check_fact_key(std::string_view key, int line, Complaints& complaints) {
  if (fact::find(key) != nullptr) return;
  const std::string near = fact::suggestion(key);
  complaints.add(
      line, fmt::format(
                "there is no fact '{}'{}", key,
                near.empty() ? "; src/model/facts.def has their keys" : near));
}

void check_fact_value(std::string_view key, const std::string& value, int line,
                      Complaints& complaints) {
  const fact::Key* known = fact::find(key);
  if (known == nullptr) return;  // is complained of as a key
  const auto read = fact::value_from(*known, value);
  if (!read) complaints.add(line, read.error().text);
}

void check_fact_is_number(std::string_view key, int line,
                          Complaints& complaints) {
  const fact::Key* known = fact::find(key);
  if (known == nullptr || known->type == fact::Type::number) return;
  complaints.add(line, fmt::format("'{}' is not a number: at-least and at-most "
                                   "never hold",
                                   key));
}

}  // namespace gpuward::diagnosis
