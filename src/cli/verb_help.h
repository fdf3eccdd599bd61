// What --help says of a verb beside its options. One table, for --help and for
// the map that `gpuward` and `gpuward help` show.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace gpuward::cli {

struct VerbHelp {
  std::string_view verb;   // "doctor", "links"
  std::string_view group;  // what people want when they look for it
  // Two lines each: the command, and what it is for.
  std::string_view examples;
  std::string_view exit_codes;
  std::string_view page;  // of the documentation
};

std::span<const VerbHelp> verb_help();
// What stands below the options; empty for a verb without a row.
std::string help_footer(std::string_view verb);
// "Commands" for a verb without a row.
std::string help_group(std::string_view verb);

}  // namespace gpuward::cli
