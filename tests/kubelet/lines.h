// A program that is led by lines: one command a line on stdin, one JSON object
// a line on stdout for each.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace gpuward::kubelet_test {

// "--name value …" of the command line; a name that is not `known` is an error.
// A known name that ends in '!' takes no value.
class Options {
 public:
  static Result<Options> parse(int argc, char** argv,
                               const std::vector<std::string>& known);
  bool has(const std::string& name) const { return values_.contains(name); }
  std::string text(const std::string& name, std::string otherwise = "") const;
  double number(const std::string& name, double otherwise) const;

 private:
  std::map<std::string, std::string> values_;
};

struct Line {
  std::vector<std::string> words;
  // The line from word `from` on, as it was written.
  std::string rest(size_t from) const;
  std::string word(size_t at) const {
    return at < words.size() ? words[at] : "";
  }
  // The word "key=value", or nothing.
  std::optional<std::string> value(std::string_view key) const;
  std::string text;
};

using Command = std::function<Json(const Line&)>;

// Until the end of stdin. An unknown command is answered {"error":…}.
void serve_lines(const std::map<std::string, Command>& commands);

// One line, whole, whatever other threads print.
void answer(const Json& json);

Json said_ok();
Json said_error(std::string text);

}  // namespace gpuward::kubelet_test
