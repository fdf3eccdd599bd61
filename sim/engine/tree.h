// A folder that is being filled with files, as an evidence tree. Paths are
// absolute, as on the machine that the tree shows.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace gpuward::simulator {

class Tree {
 public:
  explicit Tree(std::string directory) : directory_(std::move(directory)) {}

  const std::string& directory() const { return directory_; }
  std::string outside(std::string_view path) const;

  // Parents are made on the way. An existing file is replaced in one step.
  Result<void> file(std::string_view path, std::string_view text) const;
  Result<void> append(std::string_view path, std::string_view text) const;
  Result<void> link(std::string_view path, std::string_view target) const;
  Result<void> directory(std::string_view path) const;

  // A character device where we may make one, else an empty file: both can be
  // opened and denied by mode. A regular file as well on a machine whose own
  // driver owns `major`: a simulated node must never open a real GPU.
  Result<void> device(std::string_view path, unsigned major, unsigned minor,
                      mode_t mode = 0666) const;

 private:
  std::string directory_;
};

// Everything below and including `directory`; false where something is left.
bool remove_tree(const std::string& directory);

}  // namespace gpuward::simulator
