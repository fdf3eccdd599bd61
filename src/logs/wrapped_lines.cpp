#include "logs/wrapped_lines.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "logs/line_head.h"

namespace gpuward::logs {
namespace {

constexpr size_t kLookedAt = size_t{1} << 20;
constexpr size_t kMostInBlock = 256;
constexpr size_t kLongestJoined = 4096;
constexpr int kMostParts = 12;
// Nobody wraps at less, and no window that people copy from is wider.
constexpr size_t kNarrowest = 30;
// A full line of a log is not taken for one below this.
constexpr size_t kFull = 50;
constexpr size_t kWidest = 250;

bool is_alnum(char c) { return std::isalnum(static_cast<unsigned char>(c)); }

size_t columns_of(std::string_view line) {
  constexpr unsigned char kMask = 0xC0;
  constexpr unsigned char kContinued = 0x80;
  return static_cast<size_t>(std::ranges::count_if(line, [](char c) {
    return (static_cast<unsigned char>(c) & kMask) != kContinued;
  }));
}

// Without what mail, trackers and the wrapping itself put in front.
std::string_view without_margin(std::string_view line) {
  while (true) {
    const auto text =
        line.substr(std::min(line.find_first_not_of(" \t"), line.size()));
    if (text.starts_with("> ") || text == ">") {
      line = text.substr(1);
    } else if (text.starts_with("&gt; ")) {
      line = text.substr(5);
    } else {
      return text;
    }
  }
}

// Begins like a line of its own, not like the rest of another one.
bool is_marked(std::string_view text) {
  constexpr std::string_view kMarks[] = {
      "- ",  "* ",  "# ",  "## ", "### ", "|",     "+-",
      "+=",  "```", "---", "===", "___",  "***",   "$ ",
      "~~~", "•",   "{",   "}",   "=> ",  "NVRM:", "GPU 0000"};
  return std::ranges::any_of(
      kMarks, [&](std::string_view mark) { return text.starts_with(mark); });
}

// "NVRM: Xid (PCI:0000:3b:00" and all other beginnings of an Xid's line that
// end before the comma behind the number.
bool ends_within_xid(std::string_view text) {
  constexpr size_t kMost = 48;
  const size_t at = text.rfind("Xid");
  if (at == std::string_view::npos || text.size() - at > kMost) return false;
  const auto tail = text.substr(at + 3);
  const bool plain = std::ranges::all_of(tail, [](char c) {
    return is_alnum(c) || c == ' ' || c == '(' || c == ')' || c == ':' ||
           c == '.' || c == '-';
  });
  return plain && (tail.empty() || trim(tail).empty() ||
                   tail.find('(') != std::string_view::npos);
}

// "<4>"; a name may be "<unknown>".
bool is_priority(std::string_view text) {
  return text.size() > 1 && text[0] == '<' && text[1] >= '0' && text[1] <= '9';
}

std::string_view first_word(std::string_view text) {
  return text.substr(0, text.find(' '));
}

// Windows have 80 columns or more; what writes mail breaks earlier.
constexpr size_t kTerminal = 80;

}  // namespace

WrappedLines::Piece WrappedLines::piece(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  Piece piece;
  piece.text = line;
  piece.columns = columns_of(line);
  const auto text = without_margin(line);
  piece.marked = is_marked(text);
  const LineHead head = line_head(text, {});
  piece.has_head = head.when.has_value() || head.body > 0 ||
                   text.starts_with("NVRM:") || is_priority(text);
  return piece;
}

// Whether a literal stands in the joined text that stands in neither part.
bool WrappedLines::spans(std::string_view left, std::string_view between,
                         std::string_view right) const {
  constexpr size_t kNear = 48;
  constexpr auto kNone = std::string_view::npos;
  left = left.substr(left.size() - std::min(left.size(), kNear));
  right = right.substr(0, kNear);
  for (size_t at = gate_.find(left); at != kNone; at = gate_.find(left)) {
    left.remove_prefix(at + 1);
  }
  while (gate_.find(right) != kNone) right.remove_suffix(1);
  // A letter or two beside a seam prove nothing.
  constexpr size_t kLeast = 3;
  if (left.size() < kLeast || right.size() < kLeast) return false;
  std::string joined(left);
  joined += between;
  joined += right;
  return gate_.find(joined) != kNone;
}

bool WrappedLines::belongs(const Piece& left, const Piece& part,
                           const Piece& right, std::string_view rest) const {
  const auto end = trim(left.text);
  if (ends_within_xid(end)) return true;
  if (spans(end, "", rest) || spans(end, " ", rest)) return true;
  if (right.marked || !left.has_head || end.ends_with('.')) return false;
  // What follows a line that is full, and would not have fitted on it.
  return part.columns >= kFull && part.columns <= width_ &&
         part.columns + 1 + first_word(rest).size() > width_;
}

const char* WrappedLines::seam(const Piece& left, const Piece& part,
                               const Piece& right) const {
  // An Xid's address is followed by its number in all forms, however short the
  // line was.
  const auto before = trim(left.text);
  const bool open = before.ends_with("):") && ends_within_xid(before);
  if (right.has_head || (part.columns < kNarrowest && !open)) return nullptr;
  const auto rest = without_margin(right.text);
  if (rest.empty() || !belongs(left, part, right, rest)) return nullptr;
  const auto end = trim(left.text);
  if (left.text.ends_with(' ')) return " ";
  // A terminal breaks anywhere, and keeps the blank it broke at.
  if (part.columns == width_ && right.text.starts_with(' ') &&
      !right.text.starts_with("  ")) {
    return " ";
  }
  const bool close = spans(end, "", rest);
  if (close != spans(end, " ", rest)) return close ? "" : " ";
  constexpr std::string_view kNoBlankAfter = "=([/_";
  if (kNoBlankAfter.find(end.back()) != std::string_view::npos) return "";
  if (ends_within_xid(end)) return end.ends_with("):") ? " " : "";
  if (end.ends_with(',') || end.ends_with(';') || end.ends_with('!'))
    return " ";
  const bool cut = part.columns == width_ && width_ >= kTerminal;
  return cut && !at_words_ ? "" : " ";
}

void WrappedLines::line(std::string_view line, std::string& out) {
  ++lines_;
  bytes_ += line.size() + 1;
  if (trim(line).empty() || block_.size() >= kMostInBlock) flush(out);
  if (trim(line).empty()) {
    out += line;
    out += '\n';
  } else {
    block_.push_back(piece(line));
  }
  // Some programs write messages of several lines; a log that was wrapped has
  // more of them.
  constexpr int64_t kMany = 10;
  if (bytes_ > kLookedAt && joined_ * kMany < lines_) pass_rest();
}

void WrappedLines::measure() {
  width_ = 0;
  for (const Piece& one : block_) {
    if (one.columns <= kWidest) width_ = std::max(width_, one.columns);
  }
  // A terminal fills each line, but for a blank at its end.
  at_words_ = false;
  for (size_t i = 0; i + 1 < block_.size(); ++i) {
    const Piece& next = block_[i + 1];
    const size_t word = first_word(without_margin(next.text)).size();
    const size_t columns = block_[i].columns;
    at_words_ =
        at_words_ || (!next.has_head && !next.marked && columns >= kNarrowest &&
                      columns + 1 < width_ && columns + 1 + word > width_);
  }
}

void WrappedLines::flush(std::string& out) {
  measure();
  for (size_t at = 0; at < block_.size();) {
    Piece& whole = block_[at];
    size_t next = at + 1;
    const size_t most = std::min(block_.size(), at + kMostParts);
    for (; next < most && whole.text.size() < kLongestJoined; ++next) {
      const Piece& part = next == at + 1 ? whole : block_[next - 1];
      const char* between = seam(whole, part, block_[next]);
      if (between == nullptr) break;
      whole.text.resize(whole.text.find_last_not_of(" \t") + 1);
      whole.text += between;
      whole.text += without_margin(block_[next].text);
      ++joined_;
    }
    out += whole.text;
    out.append(next - at, '\n');
    at = next;
  }
  block_.clear();
}

}  // namespace gpuward::logs
