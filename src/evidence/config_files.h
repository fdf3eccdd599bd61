// Configuration files of a machine as they are, or as they would be: a plan
// puts the text that it is about to write in the place of the file, and asks
// the same readers what would come of it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "host/root.h"

namespace gpuward::evidence {

class ConfigFiles {
 public:
  // `root` must outlive it.
  explicit ConfigFiles(const host::Root& root) : root_(root) {}

  void put(const std::string& path, std::string text);

  // Error::unsupported for a file over 1 MiB: half of one is none.
  Result<std::string> read(const std::string& path) const;
  // Paths of the files directly in a folder, sorted by name; none where the
  // folder cannot be read.
  std::vector<std::string> files_of(const std::string& folder) const;
  // The paths that match, sorted. `*` stands in the last part only;
  // patterns in a folder's name match nothing.
  std::vector<std::string> matching(const std::string& pattern) const;

  const host::Root& root() const { return root_; }

 private:
  const host::Root& root_;
  std::map<std::string, std::string> instead_;
};

}  // namespace gpuward::evidence
