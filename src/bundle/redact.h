// What nobody outside of the machine may learn is cut out of a bundle:
// passwords, tokens, keys, and all that stands under a name that says so. Pure;
// linear in the text, whatever it holds.
//
// It errs on the side of silence: a harmless word behind "token=" goes as well.
// What diagnosis needs has no such names: Xid lines, PCI addresses, UUIDs of
// GPUs, ids of containers, hashes of commits and images stay.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"

namespace gpuward::bundle {

// What stands in the place of a secret.
inline constexpr std::string_view kLeftOut = "[left out]";

struct Redacted {
  std::string text;
  int64_t count = 0;  // places that were cut out
};
// Any text: a log, a configuration file (YAML, TOML, JSON, a unit), a command
// line, the output of a tool.
Redacted redact(std::string_view text);

// Every text of the document, and whatever stands under a secret's name.
Json redact(const Json& json, int64_t& count);

}  // namespace gpuward::bundle
