#include "base/arguments.h"

#include "base/text.h"

namespace gpuward {

std::vector<std::string> with_empty_values(
    const std::vector<std::string>& words) {
  std::vector<std::string> out;
  bool is_over = false;
  for (const std::string& word : words) {
    is_over = is_over || word == "--";
    const bool is_empty =
        !is_over && word.starts_with("--") && word.find('=') == word.size() - 1;
    out.emplace_back(is_empty ? word.substr(0, word.size() - 1) : word);
    if (is_empty) out.emplace_back();
  }
  return out;
}

std::vector<std::string> with_help_last(std::vector<std::string> words) {
  if (words.size() > 1 && words[1] == "help") {
    words.erase(words.begin() + 1);
    words.emplace_back("--help");
  }
  return words;
}

std::string unexpected_argument(std::string_view word, std::string_view verb,
                                const std::vector<std::string>& options) {
  const std::string name(word.substr(0, word.find('=')));
  std::string text;
  if (!name.starts_with('-')) {
    text = "unexpected argument '" + printable(word, 100) + "'";
  } else {
    text = std::string(verb) + " has no option " + printable(name, 100);
    if (const auto guess = nearest(name, options)) {
      return text + ": did you mean " + *guess + "?";
    }
  }
  return text + ": see `" + std::string(verb) + " --help`";
}

}  // namespace gpuward
