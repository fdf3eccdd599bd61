// A log's bytes: a file, a pipe or standard input, gzip undone on the way.
#pragma once

#include <memory>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"

namespace gpuward {

class LogStream {
 public:
  // `path` "-" is standard input. Fails with what to do about it. Never waits:
  // a pipe nobody writes to is waited for by read(), until its deadline.
  static Result<LogStream> open(const std::string& path);
  ~LogStream();
  LogStream(LogStream&&) noexcept;
  LogStream& operator=(LogStream&&) noexcept;

  // Up to `size` bytes; 0 at the end. Fails with timeout once `deadline` has
  // passed, with malformed where a gzip stream is damaged or cut.
  Result<size_t> read(char* buffer, size_t size, Boot deadline);

  int64_t bytes_in() const;  // read from the file so far
  int64_t size() const;      // of the file; 0 where it is a pipe

 private:
  struct Impl;
  explicit LogStream(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gpuward
