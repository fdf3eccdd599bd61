#include <zlib.h>

#include <vector>

#include "logs/decoders.h"

namespace gpuward::logs {
namespace {

constexpr size_t kRawBytes = size_t{256} << 10;

class Gunzip final : public ByteSource {
 public:
  Gunzip(std::unique_ptr<ByteSource> packed, std::string name)
      : packed_(std::move(packed)), name_(std::move(name)) {
    ready_ = inflateInit2(&zlib_, 15 + 16) == Z_OK;
  }
  ~Gunzip() override {
    if (ready_) inflateEnd(&zlib_);
  }
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  Result<size_t> read(char* buffer, size_t size) override {
    if (!ready_) return fail(Error::Kind::system, "no memory for " + name_);
    zlib_.next_out = reinterpret_cast<Bytef*>(buffer);
    zlib_.avail_out = static_cast<uInt>(size);
    while (zlib_.avail_out == size) {
      if (damaged_) {
        return fail(Error::Kind::malformed, name_ + " is damaged gzip");
      }
      if (zlib_.avail_in == 0) TRY_VOID(fill());
      if (zlib_.avail_in == 0) {
        if (!in_member_) return size_t{0};
        return fail(Error::Kind::malformed,
                    name_ + " was cut: its gzip stream does not end");
      }
      step();
    }
    return size - zlib_.avail_out;
  }

 private:
  Result<void> fill() {
    const size_t got = TRY(packed_->read(raw_.data(), raw_.size()));
    zlib_.next_in = reinterpret_cast<Bytef*>(raw_.data());
    zlib_.avail_in = static_cast<uInt>(got);
    return {};
  }

  void step() {
    in_member_ = true;
    const int answer = inflate(&zlib_, Z_NO_FLUSH);
    if (answer == Z_STREAM_END) {  // members may follow one another
      in_member_ = false;
      inflateReset(&zlib_);
    } else if (answer != Z_OK && answer != Z_BUF_ERROR) {
      damaged_ = true;
    }
  }

  std::unique_ptr<ByteSource> packed_;
  std::string name_;
  std::vector<char> raw_ = std::vector<char>(kRawBytes);
  z_stream zlib_{};
  bool ready_ = false;
  bool in_member_ = false;  // one has begun and not ended
  bool damaged_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> gunzip(std::unique_ptr<ByteSource> packed,
                                   const std::string& name) {
  return std::make_unique<Gunzip>(std::move(packed), name);
}

}  // namespace gpuward::logs
