// The members of a tar archive, one after another: ustar, pax and GNU's long
// names. Reads forwards only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "logs/bytes.h"

namespace gpuward::logs {

struct TarMember {
  std::string name;
  int64_t size = 0;
  Wall modified{};
  bool is_file = false;  // else a directory, a link, a device, a sparse file
};

class TarReader {
 public:
  static constexpr size_t kBlock = 512;
  // Whether `head`, the first kBlock bytes, begins an archive.
  static bool looks_like_one(std::string_view head);

  explicit TarReader(ByteSource& archive) : archive_(archive) {}

  // The next member, whatever is left of the one before; nothing at the end.
  // Fails with malformed where the archive is cut or damaged.
  Result<std::optional<TarMember>> next();
  // Of the member that next() gave; 0 at its end.
  Result<size_t> read(char* buffer, size_t size);

 private:
  Result<bool> block(char* buffer);
  Result<void> skip_rest();
  Result<std::string> long_text(int64_t size);
  void take_pax(std::string_view text);

  ByteSource& archive_;
  int64_t left_ = 0;     // of the member
  int64_t padding_ = 0;  // to the end of its last block
  // What extended headers say of the member that follows.
  std::string long_name_;
  std::optional<int64_t> pax_size_;
};

}  // namespace gpuward::logs
