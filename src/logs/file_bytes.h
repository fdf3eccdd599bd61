// The bytes of a file, a pipe or standard input.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/time.h"
#include "logs/bytes.h"

namespace gpuward::logs {

class FileBytes final : public ByteSource {
 public:
  // `path` "-" is standard input. Fails with what to do about it. Never waits:
  // a pipe nobody writes to is waited for by read(), until `deadline`.
  static Result<std::unique_ptr<FileBytes>> open(const std::string& path,
                                                 Boot deadline);

  Result<size_t> read(char* buffer, size_t size) override;

  int64_t bytes_in() const { return bytes_in_; }  // read so far
  int64_t size() const { return size_; }          // 0 where it is a pipe
  std::optional<Wall> modified() const { return modified_; }
  bool is_directory() const { return directory_; }

 private:
  FileBytes(std::string name, Fd fd, Boot deadline)
      : name_(std::move(name)), fd_(std::move(fd)), deadline_(deadline) {}

  std::string name_;
  Fd fd_;
  Boot deadline_;
  int64_t size_ = 0;
  int64_t bytes_in_ = 0;
  std::optional<Wall> modified_;
  bool directory_ = false;
};

}  // namespace gpuward::logs
