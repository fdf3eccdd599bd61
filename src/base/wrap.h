// Lays text out for a terminal of a given width. Pure: nothing is asked of the
// locale or the terminal here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gpuward {

// Columns, not bytes: continuation bytes of UTF-8 take no place.
size_t columns_of(std::string_view text);

// Lines of at most `width` columns (at least 1), divided at white space. A word
// that is longer than a line is broken hard. A last line that would be one
// short word (less than kShortWord columns) gets the word before it as well,
// where the line above keeps two words or more. No text gives one empty line.
inline constexpr size_t kShortWord = 10;
std::vector<std::string> wrap(std::string_view text, size_t width);

// For a terminal that is not UTF-8: marks and punctuation get stand-ins, any
// other character that is not ASCII becomes \u{HEX}.
std::string to_ascii(std::string_view text);

}  // namespace gpuward
