#include "logs/given.h"

#include <fmt/core.h>

#include "base/text.h"
#include "model/facts.h"

namespace gpuward::logs {
Result<Evidence> given_fact(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return fail(Error::Kind::malformed,
                fmt::format("--fact takes KEY=VALUE, as in driver=570.158.01, "
                            "not '{}'",
                            text));
  }
  std::string_view key = trim(text.substr(0, equals));
  const std::string_view value = trim(text.substr(equals + 1));
  Evidence evidence;
  if (const size_t at = key.find('@'); at != std::string_view::npos) {
    evidence.subject = {Subject::Kind::gpu, to_lower(key.substr(at + 1))};
    key = key.substr(0, at);
  }
  const fact::Key* known = fact::find(key);
  if (known == nullptr) {
    return fail(Error::Kind::not_found,
                fmt::format("--fact: there is no fact '{}'{}", key,
                            fact::suggestion(key)));
  }
  if (value.empty()) {
    return fail(Error::Kind::malformed,
                fmt::format("--fact {}= has no value", key));
  }
  evidence.source = "given";
  evidence.key = std::string(key);
  auto read = fact::value_from(*known, value);
  if (!read) {
    return fail(Error::Kind::malformed, "--fact " + read.error().text);
  }
  evidence.value = std::move(*read);
  evidence.text = fmt::format("{} {} (given)", key, value);
  return evidence;
}

}  // namespace gpuward::logs
