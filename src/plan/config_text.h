// Edits of configuration texts that leave every other byte as it is: comments,
// order, indentation, line ends. Pure.
//
// Each result has been read again: it gives the old values with only that one
// changed, else there is no result.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gpuward::plan {

// A boolean that stands in a TOML text, set to `value`. Error::not_found where
// no boolean stands under that key; Error::unsupported where it stands in a
// way that cannot be changed on its own.
Result<std::string> set_toml_flag(std::string_view text,
                                  const std::vector<std::string>& key,
                                  bool value);

// An option "NAME=VALUE" of the list "exec-opts" of Docker's daemon.json: put
// in the place of those of that name, else added; the list is made where it is
// missing. An empty text becomes a whole file. Error::malformed, with the
// place, for what is no JSON object.
Result<std::string> set_exec_option(std::string_view text,
                                    std::string_view name,
                                    std::string_view value);

}  // namespace gpuward::plan
