#include "base/wrap.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"

namespace gpuward {
namespace {

using Words = std::vector<std::string>;

bool continues(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

// The bytes of the first `columns` characters.
size_t bytes_of(std::string_view text, size_t columns) {
  size_t at = 0;
  while (at < text.size()) {
    if (!continues(text[at]) && columns-- == 0) break;
    ++at;
  }
  return at;
}

// Words, none of them longer than a line.
Words pieces_of(std::string_view text, size_t width) {
  Words pieces;
  for (std::string_view word : words(text)) {
    while (columns_of(word) > width) {
      const size_t end = bytes_of(word, width);
      pieces.emplace_back(word.substr(0, end));
      word.remove_prefix(end);
    }
    pieces.emplace_back(word);
  }
  return pieces;
}

size_t columns_of_line(const Words& line) {
  size_t columns = line.empty() ? 0 : line.size() - 1;
  for (const std::string& word : line) columns += columns_of(word);
  return columns;
}

void pull_down(std::vector<Words>& lines, size_t width) {
  if (lines.size() < 2) return;
  Words& last = lines.back();
  Words& above = lines[lines.size() - 2];
  if (last.size() != 1 || columns_of(last.front()) >= kShortWord) return;
  const bool fits =
      columns_of(above.back()) + 1 + columns_of(last.front()) <= width;
  if (above.size() < 3 || !fits) return;
  last.insert(last.begin(), std::move(above.back()));
  above.pop_back();
}

std::string joined(const Words& line) {
  std::string text;
  for (const std::string& word : line) {
    if (!text.empty()) text += ' ';
    text += word;
  }
  return text;
}

struct StandIn {
  std::string_view sign;
  std::string_view ascii;
};

constexpr StandIn kStandIns[] = {
    {"✖", "x"},   {"✔", "+"},    {"▲", "!"},  {"·", "-"},  {"×", "x"},
    {"…", "..."}, {"→", "->"},   {"—", "-"},  {"–", "-"},  {"•", "*"},
    {"’", "'"},   {"‘", "'"},    {"“", "\""}, {"”", "\""}, {"≤", "<="},
    {"≥", ">="},  {"°", " deg "}};

unsigned code_point(std::string_view character) {
  const auto first = static_cast<unsigned char>(character.front());
  unsigned value = character.size() == 1   ? first
                   : character.size() == 2 ? first & 0x1FU
                   : character.size() == 3 ? first & 0x0FU
                                           : first & 0x07U;
  for (const char byte : character.substr(1)) {
    value = value << 6U | (static_cast<unsigned char>(byte) & 0x3FU);
  }
  return value;
}

}  // namespace

size_t columns_of(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char byte) { return !continues(byte); }));
}

std::vector<std::string> wrap(std::string_view text, size_t width) {
  width = std::max<size_t>(width, 1);
  std::vector<Words> lines(1);
  size_t columns = 0;
  for (std::string& word : pieces_of(text, width)) {
    const size_t more = columns_of(word) + (lines.back().empty() ? 0 : 1);
    if (columns + more > width) {
      lines.emplace_back();
      columns = 0;
    }
    lines.back().push_back(std::move(word));
    columns = columns_of_line(lines.back());
  }
  pull_down(lines, width);
  std::vector<std::string> out;
  out.reserve(lines.size());
  for (const Words& line : lines) out.push_back(joined(line));
  return out;
}

std::string to_ascii(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t length = 1;
    while (length < text.size() && continues(text[length])) ++length;
    const std::string_view character = text.substr(0, length);
    text.remove_prefix(length);
    const auto* const known =
        std::ranges::find(kStandIns, character, &StandIn::sign);
    if (length == 1) {
      out += character;
    } else if (known != std::end(kStandIns)) {
      out += known->ascii;
    } else {
      out += fmt::format("\\u{{{:x}}}", code_point(character));
    }
  }
  return out;
}

}  // namespace gpuward
