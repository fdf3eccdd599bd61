#include "logs/tar.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/text.h"

namespace gpuward::logs {
namespace {

using Block = std::array<char, TarReader::kBlock>;

// Names and times of extended headers; more is no name.
constexpr int64_t kLongestText = int64_t{64} << 10;

std::string_view field(const char* block, size_t at, size_t size) {
  const std::string_view whole(block + at, size);
  return whole.substr(0, std::min(whole.find('\0'), size));
}

// Octal digits, or base 256 where the first bit is set (GNU).
std::optional<int64_t> number(const char* block, size_t at, size_t size) {
  if ((static_cast<unsigned char>(block[at]) & 0x80) == 0) {
    const auto text = trim(field(block, at, size));
    if (text.empty()) return 0;
    return to_number<int64_t>(text, 8);
  }
  uint64_t value = 0;
  for (size_t i = at + size - 8; i < at + size; ++i) {
    value = value << 8 | static_cast<unsigned char>(block[i]);
  }
  if (value > uint64_t{1} << 60) return std::nullopt;
  return static_cast<int64_t>(value);
}

bool has_its_checksum(const char* block) {
  constexpr size_t kAt = 148;
  constexpr size_t kSize = 8;
  int64_t sum = static_cast<int64_t>(kSize) * ' ';
  for (size_t i = 0; i < TarReader::kBlock; ++i) {
    const bool inside = i >= kAt && i < kAt + kSize;
    if (!inside) sum += static_cast<unsigned char>(block[i]);
  }
  return number(block, kAt, kSize) == sum;
}

bool is_blank(const char* block) {
  return std::all_of(block, block + TarReader::kBlock,
                     [](char c) { return c == '\0'; });
}

std::string name_in(const char* block) {
  std::string name(field(block, 0, 100));
  const bool ustar =
      std::string_view(block + 257, 6) == std::string_view("ustar\0", 6);
  const auto prefix = ustar ? field(block, 345, 155) : std::string_view();
  return prefix.empty() ? name : std::string(prefix) + "/" + name;
}

std::unexpected<Error> cut() {
  return fail(Error::Kind::malformed, "the archive was cut");
}

}  // namespace

bool TarReader::looks_like_one(std::string_view head) {
  return head.size() >= kBlock && !is_blank(head.data()) &&
         head.front() != '\0' && has_its_checksum(head.data());
}

// False at the very end.
Result<bool> TarReader::block(char* buffer) {
  size_t have = 0;
  while (have < kBlock) {
    const size_t got = TRY(archive_.read(buffer + have, kBlock - have));
    if (got == 0 && have == 0) return false;
    if (got == 0) return cut();
    have += got;
  }
  return true;
}

Result<void> TarReader::skip_rest() {
  std::array<char, 16384> scrap{};
  int64_t left = left_ + padding_;
  left_ = padding_ = 0;
  while (left > 0) {
    const auto wanted = std::min(left, static_cast<int64_t>(scrap.size()));
    const size_t got =
        TRY(archive_.read(scrap.data(), static_cast<size_t>(wanted)));
    if (got == 0) return cut();
    left -= static_cast<int64_t>(got);
  }
  return {};
}

Result<std::string> TarReader::long_text(int64_t size) {
  if (size > kLongestText) {
    return fail(Error::Kind::malformed, "the archive has a name without end");
  }
  std::string text(static_cast<size_t>(size), '\0');
  for (size_t have = 0; have < text.size();) {
    const size_t got = TRY(read(text.data() + have, text.size() - have));
    if (got == 0) return cut();
    have += got;
  }
  return text;
}

// Records "LENGTH KEY=VALUE\n".
void TarReader::take_pax(std::string_view text) {
  while (!text.empty()) {
    const size_t space = text.find(' ');
    if (space == std::string_view::npos) return;
    const auto length = to_number<size_t>(text.substr(0, space));
    if (!length || *length <= space + 1 || *length > text.size()) return;
    const auto record = text.substr(space + 1, *length - space - 2);
    const size_t equals = std::min(record.find('='), record.size());
    const auto key = record.substr(0, equals);
    const auto value = record.substr(std::min(equals + 1, record.size()));
    if (key == "path") long_name_ = std::string(value);
    if (key == "size") pax_size_ = to_number<int64_t>(value);
    text.remove_prefix(*length);
  }
}

Result<std::optional<TarMember>> TarReader::next() {
  long_name_.clear();
  pax_size_.reset();
  while (true) {
    TRY_VOID(skip_rest());
    Block head{};
    if (!TRY(block(head.data()))) return std::nullopt;
    if (is_blank(head.data())) return std::nullopt;
    const auto size = number(head.data(), 124, 12);
    const auto seconds = number(head.data(), 136, 12);
    if (!has_its_checksum(head.data()) || !size || *size < 0) {
      return fail(Error::Kind::malformed, "the archive is damaged");
    }
    const char type = head[156];
    left_ = type == 'x' || type == 'g' ? *size : pax_size_.value_or(*size);
    if (left_ < 0 || left_ > std::numeric_limits<int64_t>::max() / 2) {
      return fail(Error::Kind::malformed, "the archive is damaged");
    }
    padding_ = (static_cast<int64_t>(kBlock) - left_ % 512) % 512;
    if (type == 'x') {
      take_pax(TRY(long_text(left_)));
    } else if (type == 'L') {
      const std::string name = TRY(long_text(left_));
      long_name_ = name.substr(0, name.find('\0'));
    } else if (type != 'g' && type != 'K') {
      TarMember member;
      member.name = long_name_.empty() ? name_in(head.data()) : long_name_;
      member.size = left_;
      member.modified = Wall(std::chrono::seconds(seconds.value_or(0)));
      member.is_file = type == '0' || type == '\0' || type == '7';
      return member;
    }
  }
}

Result<size_t> TarReader::read(char* buffer, size_t size) {
  if (left_ == 0) return size_t{0};
  const auto wanted = std::min(left_, static_cast<int64_t>(size));
  const size_t got = TRY(archive_.read(buffer, static_cast<size_t>(wanted)));
  if (got == 0) return cut();
  left_ -= static_cast<int64_t>(got);
  return got;
}

}  // namespace gpuward::logs
