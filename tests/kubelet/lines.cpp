#include "kubelet/lines.h"

#include <stdio.h>

#include <algorithm>
#include <iostream>
#include <mutex>

#include "base/text.h"

namespace gpuward::kubelet_test {

Result<Options> Options::parse(int argc, char** argv,
                               const std::vector<std::string>& known) {
  Options out;
  for (int at = 1; at < argc; ++at) {
    const std::string name = argv[at];
    const bool flag = std::ranges::count(known, name + "!") != 0;
    if (!flag && std::ranges::count(known, name) == 0) {
      return fail(Error::Kind::malformed, "unknown option " + name);
    }
    if (!flag && at + 1 == argc) {
      return fail(Error::Kind::malformed, name + " needs a value");
    }
    out.values_[name] = flag ? "" : argv[++at];
  }
  return out;
}

std::string Options::text(const std::string& name,
                          std::string otherwise) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::move(otherwise) : found->second;
}

double Options::number(const std::string& name, double otherwise) const {
  const auto found = values_.find(name);
  return found == values_.end() ? otherwise
                                : to_double(found->second).value_or(otherwise);
}

std::string Line::rest(size_t from) const {
  size_t at = 0;
  for (size_t index = 0; index < from && index < words.size(); ++index) {
    at = text.find(words[index], at) + words[index].size();
  }
  return std::string(trim(std::string_view(text).substr(at)));
}

std::optional<std::string> Line::value(std::string_view key) const {
  const std::string start = std::string(key) + "=";
  for (const std::string& word : words) {
    if (word.starts_with(start)) return word.substr(start.size());
  }
  return std::nullopt;
}

void serve_lines(const std::map<std::string, Command>& commands) {
  std::string text;
  while (std::getline(std::cin, text)) {
    Line line{.text = text};
    for (const std::string_view word : words(text))
      line.words.emplace_back(word);
    if (line.words.empty()) continue;
    const auto found = commands.find(line.words[0]);
    answer(found == commands.end()
               ? said_error("unknown command " + line.words[0])
               : found->second(line));
  }
}

void answer(const Json& json) {
  static std::mutex mutex;
  const std::scoped_lock lock(mutex);
  ::puts(json.dump().c_str());
  ::fflush(stdout);
}

Json said_ok() {
  Json out = Json::object();
  out.set("ok", true);
  return out;
}

Json said_error(std::string text) {
  Json out = Json::object();
  out.set("error", std::move(text));
  return out;
}

}  // namespace gpuward::kubelet_test
