#include "logs/encoding.h"

#include <algorithm>

#include "logs/utf8.h"

namespace gpuward::logs {
namespace {

constexpr size_t kChunk = size_t{64} << 10;

class Utf16 final : public ByteSource {
 public:
  Utf16(std::unique_ptr<ByteSource> inner, bool big)
      : inner_(std::move(inner)), big_(big) {}

  Result<size_t> read(char* buffer, size_t size) override {
    while (out_.size() == given_) {
      out_.clear();
      given_ = 0;
      const size_t have = in_.size();
      in_.resize(have + kChunk);
      const auto got = inner_->read(in_.data() + have, kChunk);
      in_.resize(have + got.value_or(0));
      if (!got) return std::unexpected(got.error());
      if (*got == 0) return size_t{0};
      decode();
    }
    const size_t count = std::min(size, out_.size() - given_);
    std::copy_n(out_.data() + given_, count, buffer);
    given_ += count;
    return count;
  }

 private:
  void decode() {
    constexpr uint32_t kMark = 0xFEFF;
    constexpr uint32_t kHigh = 0xD800;
    constexpr uint32_t kLow = 0xDC00;
    constexpr uint32_t kAfter = 0xE000;
    size_t at = 0;
    for (; at + 1 < in_.size(); at += 2) {
      const auto first = static_cast<unsigned char>(in_[at]);
      const auto second = static_cast<unsigned char>(in_[at + 1]);
      const uint32_t unit =
          big_ ? uint32_t{first} << 8 | second : uint32_t{second} << 8 | first;
      if (unit >= kHigh && unit < kLow) {
        high_ = unit;
        continue;
      }
      const bool pair = high_ != 0 && unit >= kLow && unit < kAfter;
      const uint32_t code =
          pair ? 0x10000 + ((high_ - kHigh) << 10) + (unit - kLow) : unit;
      high_ = 0;
      if (code != kMark) append_utf8(out_, code);
    }
    in_.erase(0, at);
  }

  std::unique_ptr<ByteSource> inner_;
  bool big_;
  uint32_t high_ = 0;  // the first half of a pair
  std::string in_, out_;
  size_t given_ = 0;
};

class ReturnsAsBreaks final : public ByteSource {
 public:
  explicit ReturnsAsBreaks(std::unique_ptr<ByteSource> inner)
      : inner_(std::move(inner)) {}
  Result<size_t> read(char* buffer, size_t size) override {
    auto got = inner_->read(buffer, size);
    if (got) std::replace(buffer, buffer + *got, '\r', '\n');
    return got;
  }

 private:
  std::unique_ptr<ByteSource> inner_;
};

// A progress bar or an old system: returns, and no line feed anywhere near.
bool ends_lines_with_returns(std::string_view head) {
  return std::ranges::count(head, '\r') > 1 &&
         head.find('\n') == std::string_view::npos;
}

}  // namespace

std::unique_ptr<Buffered> decoded(std::unique_ptr<Buffered> inner) {
  constexpr size_t kSniffed = 4096;
  const std::string_view head = inner->peek(kSniffed);
  const bool little = head.starts_with("\xff\xfe");
  if (little || head.starts_with("\xfe\xff")) {
    inner = std::make_unique<Buffered>(
        std::make_unique<Utf16>(std::move(inner), !little));
  } else if (head.starts_with("\xef\xbb\xbf")) {
    char mark[3];
    // It was peeked at: this read cannot fail.
    static_cast<void>(inner->read(mark, sizeof(mark)));
  }
  if (!ends_lines_with_returns(inner->peek(kSniffed))) return inner;
  return std::make_unique<Buffered>(
      std::make_unique<ReturnsAsBreaks>(std::move(inner)));
}

}  // namespace gpuward::logs
