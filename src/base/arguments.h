// Words of a command line, before and after a parser has seen them. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gpuward {

// The words with "--name=" as two of them, "--name" and "": CLI11 takes the
// next word for the value otherwise (2.1.2). What stands after "--" is left as
// it is.
std::vector<std::string> with_empty_values(
    const std::vector<std::string>& words);

// `gpuward help links create` is `gpuward links create --help`; other words are
// left as they are.
std::vector<std::string> with_help_last(std::vector<std::string> words);

// What to say of a word that the verb does not take. `verb`: "gpuward doctor";
// `options`: those that it has, "--patience".
//
//   gpuward doctor has no option --patiance: did you mean --patience?
std::string unexpected_argument(std::string_view word, std::string_view verb,
                                const std::vector<std::string>& options);

}  // namespace gpuward
