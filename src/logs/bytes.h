// Where a log's bytes come from: a file, what is packed in it, a member of an
// archive. Each wraps the one beneath it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gpuward::logs {

class ByteSource {
 public:
  ByteSource() = default;
  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // Up to `size` bytes; 0 at the end. Fails with timeout, or with malformed
  // where what is packed is damaged or cut; the text names the file.
  virtual Result<size_t> read(char* buffer, size_t size) = 0;
};

// Lets the first bytes be looked at before they are read.
class Buffered final : public ByteSource {
 public:
  explicit Buffered(std::unique_ptr<ByteSource> inner)
      : inner_(std::move(inner)) {}

  // At most `size` bytes, less at the end or where reading fails: read() then
  // tells why.
  std::string_view peek(size_t size);
  Result<size_t> read(char* buffer, size_t size) override;

 private:
  std::unique_ptr<ByteSource> inner_;
  std::vector<char> head_;
  size_t used_ = 0;  // of head_
  bool ended_ = false;
  Result<void> failed_;
};

// `inner` with gzip and zstd undone, as often as they are nested (bounded);
// other bytes as they are. `name` is for messages.
std::unique_ptr<Buffered> unpacked(std::unique_ptr<Buffered> inner,
                                   const std::string& name);

}  // namespace gpuward::logs
