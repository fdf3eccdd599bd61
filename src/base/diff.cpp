#include "base/diff.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace gpuward {
namespace {

constexpr size_t kContext = 3;
// Cells of the table of common subsequences: 16 MiB of memory, some 10 ms.
constexpr size_t kMaxCells = 4 << 20;

using Lines = std::vector<std::string_view>;

// With their ends, so that a missing last one counts as a difference.
Lines lines_of(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const size_t size = end == std::string_view::npos ? text.size() : end + 1;
    lines.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return lines;
}

struct Line {
  char mark = ' ';  // ' ', '-', '+'
  std::string_view text;
};

void add_all(std::vector<Line>& out, char mark, const Lines& lines,
             size_t first, size_t last) {
  for (size_t i = first; i < last; ++i) out.push_back({mark, lines[i]});
}

// The part that differs, by the longest common subsequence.
void add_difference(std::vector<Line>& out, const Lines& before,
                    const Lines& after) {
  const size_t rows = before.size();
  const size_t columns = after.size();
  if ((rows + 1) * (columns + 1) > kMaxCells) {
    add_all(out, '-', before, 0, rows);
    add_all(out, '+', after, 0, columns);
    return;
  }
  const size_t width = columns + 1;
  std::vector<uint32_t> common((rows + 1) * width);
  for (size_t i = rows; i-- > 0;) {
    for (size_t j = columns; j-- > 0;) {
      common[i * width + j] = before[i] == after[j]
                                  ? common[(i + 1) * width + j + 1] + 1
                                  : std::max(common[(i + 1) * width + j],
                                             common[i * width + j + 1]);
    }
  }
  size_t i = 0;
  size_t j = 0;
  while (i < rows && j < columns) {
    if (before[i] == after[j]) {
      out.push_back({' ', before[i++]});
      ++j;
    } else if (common[(i + 1) * width + j] >= common[i * width + j + 1]) {
      out.push_back({'-', before[i++]});
    } else {
      out.push_back({'+', after[j++]});
    }
  }
  add_all(out, '-', before, i, rows);
  add_all(out, '+', after, j, columns);
}

std::vector<Line> compare(const Lines& before, const Lines& after) {
  const size_t most = std::min(before.size(), after.size());
  size_t head = 0;
  while (head < most && before[head] == after[head]) ++head;
  size_t tail = 0;
  while (tail < most - head &&
         before[before.size() - 1 - tail] == after[after.size() - 1 - tail]) {
    ++tail;
  }
  std::vector<Line> out;
  add_all(out, ' ', before, 0, head);
  const auto middle = [&](const Lines& lines) {
    return Lines(lines.begin() + static_cast<std::ptrdiff_t>(head),
                 lines.end() - static_cast<std::ptrdiff_t>(tail));
  };
  add_difference(out, middle(before), middle(after));
  add_all(out, ' ', before, before.size() - tail, before.size());
  return out;
}

// "3,7"; an empty range names the line before it.
std::string range(size_t first, size_t count) {
  if (count == 1) return fmt::format("{}", first + 1);
  return fmt::format("{},{}", count == 0 ? first : first + 1, count);
}

struct Numbers {
  size_t before = 0;
  size_t after = 0;

  void pass(const Line& line) {
    if (line.mark != '+') ++before;
    if (line.mark != '-') ++after;
  }
};

void print_hunk(std::string& out, const std::vector<Line>& lines, size_t first,
                size_t last, const Numbers& start) {
  Numbers size;
  std::string body;
  for (size_t i = first; i < last; ++i) {
    size.pass(lines[i]);
    body += lines[i].mark;
    body += lines[i].text;
    if (!lines[i].text.ends_with('\n')) {
      body += "\n\\ No newline at end of file\n";
    }
  }
  out += fmt::format("@@ -{} +{} @@\n{}", range(start.before, size.before),
                     range(start.after, size.after), body);
}

}  // namespace

std::string unified_diff(std::string_view before, std::string_view after,
                         std::string_view from, std::string_view to) {
  if (before == after) return {};
  const std::vector<Line> lines = compare(lines_of(before), lines_of(after));
  std::string out = fmt::format("--- {}\n+++ {}\n", from, to);
  Numbers at;
  size_t i = 0;
  while (i < lines.size()) {
    // From the first change that is left, to where a long calm begins.
    size_t change = i;
    while (change < lines.size() && lines[change].mark == ' ') ++change;
    if (change == lines.size()) break;
    const size_t first = std::max(i, change - std::min(change, kContext));
    size_t last = change;
    for (size_t k = change; k < lines.size() && k <= last + 2 * kContext; ++k) {
      if (lines[k].mark != ' ') last = k;
    }
    const size_t end = std::min(lines.size(), last + 1 + kContext);
    for (; i < first; ++i) at.pass(lines[i]);
    print_hunk(out, lines, first, end, at);
    for (; i < end; ++i) at.pass(lines[i]);
  }
  return out;
}

}  // namespace gpuward
