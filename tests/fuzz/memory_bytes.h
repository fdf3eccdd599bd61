// Bytes in memory as a log's source, handed out in pieces.
#pragma once

#include <algorithm>
#include <memory>

#include "logs/bytes.h"

namespace gpuward::fuzz {

class MemoryBytes final : public logs::ByteSource {
 public:
  // `bytes` outlives it.
  explicit MemoryBytes(std::string_view bytes, size_t piece = 1 << 16)
      : bytes_(bytes), piece_(piece) {}

  Result<size_t> read(char* buffer, size_t size) override {
    const size_t count = std::min({size, piece_, bytes_.size()});
    std::copy_n(bytes_.data(), count, buffer);
    bytes_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view bytes_;
  size_t piece_;
};

inline std::unique_ptr<logs::Buffered> in_memory(std::string_view bytes,
                                                 size_t piece = 1 << 16) {
  return std::make_unique<logs::Buffered>(
      std::make_unique<MemoryBytes>(bytes, piece));
}

// All that comes, at most `most` bytes of it, and whether it ended well.
struct Drained {
  std::string text;
  bool failed = false;

  bool operator==(const Drained&) const = default;
};

inline Drained drained(logs::ByteSource& source, size_t most) {
  Drained out;
  std::string buffer(1 << 16, '\0');
  while (out.text.size() < most) {
    const auto got = source.read(buffer.data(), buffer.size());
    out.failed = !got;
    if (!got || *got == 0) break;
    out.text.append(buffer, 0, *got);
  }
  return out;
}

}  // namespace gpuward::fuzz
