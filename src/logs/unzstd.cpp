#include <fmt/core.h>
#include <zstd.h>

#include <vector>

#include "logs/decoders.h"

namespace gpuward::logs {
namespace {

class Unzstd final : public ByteSource {
 public:
  Unzstd(std::unique_ptr<ByteSource> packed, std::string name)
      : packed_(std::move(packed)),
        name_(std::move(name)),
        raw_(ZSTD_DStreamInSize()),
        stream_(ZSTD_createDStream(), &ZSTD_freeDStream) {}

  Result<size_t> read(char* buffer, size_t size) override {
    if (!stream_) return fail(Error::Kind::system, "no memory for " + name_);
    ZSTD_outBuffer out{buffer, size, 0};
    while (out.pos == 0) {
      if (!damage_.empty()) {
        return fail(Error::Kind::malformed,
                    fmt::format("{} is damaged zstd: {}", name_, damage_));
      }
      if (in_.pos == in_.size) {
        in_ = {raw_.data(), TRY(packed_->read(raw_.data(), raw_.size())), 0};
      }
      // At the end of the input the decoder may still hold back output.
      const bool at_end = in_.size == 0;
      if (at_end && !in_frame_) return size_t{0};
      const size_t answer = ZSTD_decompressStream(stream_.get(), &out, &in_);
      if (ZSTD_isError(answer) != 0) {
        damage_ = ZSTD_getErrorName(answer);
        continue;
      }
      in_frame_ = answer != 0;
      if (at_end && out.pos == 0 && in_frame_) {
        return fail(Error::Kind::malformed,
                    name_ + " was cut: its zstd frame does not end");
      }
    }
    return out.pos;
  }

 private:
  std::unique_ptr<ByteSource> packed_;
  std::string name_;
  std::vector<char> raw_;
  std::unique_ptr<ZSTD_DStream, size_t (*)(ZSTD_DStream*)> stream_;
  ZSTD_inBuffer in_{};
  bool in_frame_ = false;
  std::string damage_;
};

}  // namespace

std::unique_ptr<ByteSource> unzstd(std::unique_ptr<ByteSource> packed,
                                   const std::string& name) {
  return std::make_unique<Unzstd>(std::move(packed), name);
}

}  // namespace gpuward::logs
