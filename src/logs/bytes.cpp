#include "logs/bytes.h"

#include <algorithm>

#include "logs/decoders.h"

namespace gpuward::logs {
namespace {

// A member of an archive may be packed in a packed archive; more is a trap.
constexpr int kDeepest = 3;

}  // namespace

std::string_view Buffered::peek(size_t size) {
  while (head_.size() - used_ < size && !ended_ && failed_) {
    const size_t have = head_.size();
    head_.resize(used_ + size);
    const auto got = inner_->read(head_.data() + have, head_.size() - have);
    head_.resize(have + got.value_or(0));
    if (!got) failed_ = std::unexpected(got.error());
    ended_ = got && *got == 0;
  }
  return {head_.data() + used_, std::min(size, head_.size() - used_)};
}

Result<size_t> Buffered::read(char* buffer, size_t size) {
  if (used_ < head_.size()) {
    const size_t count = std::min(size, head_.size() - used_);
    std::copy_n(head_.data() + used_, count, buffer);
    used_ += count;
    return count;
  }
  if (!failed_) return std::unexpected(failed_.error());
  if (ended_) return size_t{0};
  return inner_->read(buffer, size);
}

std::unique_ptr<Buffered> unpacked(std::unique_ptr<Buffered> inner,
                                   const std::string& name) {
  for (int depth = 0; depth < kDeepest; ++depth) {
    const std::string_view head = inner->peek(4);
    std::unique_ptr<ByteSource> decoder;
    if (head.starts_with("\x1f\x8b\x08")) {
      decoder = gunzip(std::move(inner), name);
    } else if (head == "\x28\xb5\x2f\xfd") {
      decoder = unzstd(std::move(inner), name);
    } else {
      return inner;
    }
    inner = std::make_unique<Buffered>(std::move(decoder));
  }
  return inner;
}

}  // namespace gpuward::logs
