// A directory for one test, gone at its end: a small machine made of files.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace gpuward {

class TempTree {
 public:
  TempTree() {
    std::string name =
        std::filesystem::temp_directory_path() / "gpuward-test-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) ::abort();
    path_ = std::filesystem::canonical(name);
  }
  ~TempTree() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempTree(const TempTree&) = delete;
  TempTree& operator=(const TempTree&) = delete;

  const std::string& path() const { return path_; }

  // Every `inside` is absolute in the tree; parents are made.
  TempTree& file(const std::string& inside, std::string_view content) {
    std::filesystem::create_directories(parent(inside));
    std::ofstream(path_ + inside, std::ios::binary) << content;
    return *this;
  }
  TempTree& link(const std::string& inside, const std::string& target) {
    std::filesystem::create_directories(parent(inside));
    std::filesystem::create_symlink(target, path_ + inside);
    return *this;
  }
  TempTree& directory(const std::string& inside) {
    std::filesystem::create_directories(path_ + inside);
    return *this;
  }

 private:
  std::filesystem::path parent(const std::string& inside) const {
    return std::filesystem::path(path_ + inside).parent_path();
  }

  std::string path_;
};

}  // namespace gpuward
