// Keeps small files up to date from a thread of its own, since a disk may stall
// like anything else: each is replaced as a whole, and only its newest text
// counts. A failure is reported once, until it is well again.
//
// Thread: the loop's.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"

namespace gpuward::kubelet::record {

// What the keeper before this one left; empty where there is nothing. For the
// start, when nobody waits yet.
Result<std::string> kept_text(const std::string& path);

class FileKeeper {
 public:
  // `complain` may be called from another thread.
  explicit FileKeeper(std::function<void(std::string)> complain);
  // As SideThread: gives what waits half a second.
  ~FileKeeper();
  FileKeeper(const FileKeeper&) = delete;
  FileKeeper& operator=(const FileKeeper&) = delete;

  // Mode 0600 unless `is_public` (0644). Its directory must exist.
  void replace(const std::string& path, std::string text,
               bool is_public = false);
  // `to` becomes what `from` is, where that is there (at most 16 MiB).
  void copy(const std::string& from, const std::string& to);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gpuward::kubelet::record
