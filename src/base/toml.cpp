#include "base/toml.h"

#include <fmt/core.h>

// Nothing to link, and no exceptions: a failed parse is a value.
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/impl/preprocessor.h>
// toml++ 3.3 asserts, and with NDEBUG assumes, that a key follows "[[", while
// its parser has an error for what else may stand there: "[[[" must reach it.
#undef TOML_ASSERT_ASSUME
#define TOML_ASSERT_ASSUME(expression) static_assert(true)
#include <toml++/toml.h>

#include <algorithm>
#include <sstream>

#include "base/text.h"

namespace gpuward {
namespace {

constexpr int kMaxDepth = 100;
// Each dot of a key is a table in a table, which toml++ takes apart by
// recursion. No line of a real configuration comes near.
constexpr long kMaxDotsInALine = 2000;

Result<Json> convert(const toml::node& node, int depth);

template <typename Value>
std::string written(const Value& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

Result<Json> convert_table(const toml::table& table, int depth) {
  Json out = Json::object();
  for (const auto& [key, value] : table) {
    out.set(key.str(), TRY(convert(value, depth + 1)));
  }
  return out;
}

Result<Json> convert_array(const toml::array& array, int depth) {
  Json out = Json::array();
  for (const toml::node& item : array) out.push(TRY(convert(item, depth + 1)));
  return out;
}

Result<Json> convert(const toml::node& node, int depth) {
  if (depth > kMaxDepth) {
    return fail(Error::Kind::malformed,
                fmt::format("line {}: nested too deeply",
                            static_cast<unsigned>(node.source().begin.line)));
  }
  if (const auto* table = node.as_table()) return convert_table(*table, depth);
  if (const auto* array = node.as_array()) return convert_array(*array, depth);
  if (const auto* text = node.as_string()) return Json(text->get());
  if (const auto* number = node.as_integer()) return Json(number->get());
  if (const auto* number = node.as_floating_point()) return Json(number->get());
  if (const auto* flag = node.as_boolean()) return Json(flag->get());
  if (const auto* date = node.as_date()) return Json(written(date->get()));
  if (const auto* time = node.as_time()) return Json(written(time->get()));
  if (const auto* both = node.as_date_time()) return Json(written(both->get()));
  return Json();
}

}  // namespace

Result<Json> parse_toml(std::string_view text) {
  int line_number = 0;
  for (const std::string_view line : split(text, '\n')) {
    ++line_number;
    if (std::ranges::count(line, '.') > kMaxDotsInALine) {
      return fail(Error::Kind::malformed,
                  fmt::format("line {}: nested too deeply", line_number));
    }
  }
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return fail(Error::Kind::malformed,
                fmt::format("line {}: {}",
                            static_cast<unsigned>(error.source().begin.line),
                            printable(error.description(), 500)));
  }
  return convert(parsed.table(), 0);
}

}  // namespace gpuward
