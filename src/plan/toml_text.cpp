#include <algorithm>
#include <array>
#include <cctype>

#include "base/json.h"
#include "base/toml.h"
#include "plan/config_text.h"

namespace gpuward::plan {
namespace {

constexpr size_t kMaxText = 1 << 20;
// Each costs a parse of the whole text.
constexpr size_t kMaxPlaces = 500;

bool is_bare(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' ||
         c == '-';
}

// The tree with one value changed; false where there is no boolean.
bool change(Json& at, const std::vector<std::string>& key, size_t depth,
            bool value) {
  if (depth == key.size()) {
    if (!at.is_bool()) return false;
    at = Json(value);
    return true;
  }
  Json inner = at[key[depth]];
  if (!change(inner, key, depth + 1, value)) return false;
  at.set(key[depth], std::move(inner));
  return true;
}

// Where the word stands on its own.
std::vector<size_t> places_of(std::string_view text, std::string_view word) {
  std::vector<size_t> places;
  for (size_t at = text.find(word); at != std::string_view::npos;
       at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    const bool starts = at == 0 || !is_bare(text[at - 1]);
    const bool ends = end == text.size() || !is_bare(text[end]);
    if (starts && ends) places.push_back(at);
  }
  return places;
}

}  // namespace

// Every place where the old value is written is tried: the one after whose
// change the text reads as wanted is the value's own. A scanner of our own
// would have to know all of TOML's notations, and could be wrong about one.
Result<std::string> set_toml_flag(std::string_view text,
                                  const std::vector<std::string>& key,
                                  bool value) {
  if (text.size() > kMaxText) {
    return fail(Error::Kind::unsupported, "the file is over 1 MiB");
  }
  Json wanted = TRY(parse_toml(text));
  const Json old = wanted;
  if (!change(wanted, key, 0, value)) {
    return fail(Error::Kind::not_found, "no true or false under that key");
  }
  if (wanted == old) return std::string(text);
  const std::string_view from = value ? "false" : "true";
  const std::string_view to = value ? "true" : "false";
  const std::vector<size_t> places = places_of(text, from);
  if (places.size() > kMaxPlaces) {
    return fail(Error::Kind::unsupported, "the file is too long to be edited");
  }
  for (const size_t place : places) {
    std::string changed(text);
    changed.replace(place, from.size(), to);
    const auto now = parse_toml(changed);
    if (now && *now == wanted) return changed;
  }
  return fail(Error::Kind::unsupported,
              "the value cannot be changed on its own");
}

}  // namespace gpuward::plan
