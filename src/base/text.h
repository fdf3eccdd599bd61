// Text: small things that the standard library lacks. Nothing allocates more
// than its result; nothing depends on the locale.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gpuward {

std::string_view trim(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);
// Words divided by any run of white space.
std::vector<std::string_view> words(std::string_view text);
std::string to_lower(std::string_view text);
bool equal_ignoring_case(std::string_view left, std::string_view right);

// The whole of `text` is a number, or nothing.
template <typename Number>
std::optional<Number> to_number(std::string_view text, int base = 10) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || rest != end || text.empty()) return std::nullopt;
  return value;
}
std::optional<double> to_double(std::string_view text);

// `*` matches any run of characters; everything else itself.
bool matches_glob(std::string_view pattern, std::string_view text);

// What may be shown on a terminal and put into JSON: bytes that are not UTF-8
// become U+FFFD, control characters (but not tab) become '?'. Cut at
// `max_bytes` on a character's edge, with "…" in place of the rest.
std::string printable(std::string_view text, size_t max_bytes = 4096);

// The nearest of `known` to a word that somebody mistyped, or nothing when
// none is near enough to be worth suggesting.
std::optional<std::string> nearest(std::string_view word,
                                   const std::vector<std::string>& known);

// "a, b and 3 more": a list within a sentence, cut after `most` words.
std::string some_of(const std::vector<std::string>& words, size_t most = 16);

}  // namespace gpuward
