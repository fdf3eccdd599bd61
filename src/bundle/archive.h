// A tar archive, packed with gzip, in memory; and a file that is there whole or
// not at all.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace gpuward::bundle {

class Archive {
 public:
  // Every member lies in `folder` and is of this time.
  Archive(std::string folder, Wall when);
  ~Archive();
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;

  // A plain file, 0600. `name` is at most 200 bytes.
  Result<void> add(const std::string& name, std::string_view content);
  // The whole; nothing can be added after it.
  Result<std::string> finish();

 private:
  struct Packer;
  std::string folder_;
  Wall when_;
  std::unique_ptr<Packer> packer_;
};

// 0600, by a file that gets its name when it is on disk: whoever is killed
// before leaves nothing. Where the file system knows no files without a name
// (NFS) it has another in the same folder until then. Error::busy where
// something has that name already.
Result<void> write_new_file(const std::string& path, std::string_view content);

}  // namespace gpuward::bundle
