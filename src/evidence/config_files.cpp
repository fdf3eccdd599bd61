#include "evidence/config_files.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/text.h"

namespace gpuward::evidence {
namespace {

constexpr size_t kMaxFile = 1 << 20;
constexpr size_t kMaxNames = 1000;

std::string folder_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

}  // namespace

void ConfigFiles::put(const std::string& path, std::string text) {
  instead_.insert_or_assign(path, std::move(text));
}

Result<std::string> ConfigFiles::read(const std::string& path) const {
  if (const auto found = instead_.find(path); found != instead_.end()) {
    return found->second;
  }
  auto text = root_.read(path, kMaxFile + 1);
  if (text && text->size() > kMaxFile) {
    return fail(Error::Kind::unsupported, path + " is over 1 MiB");
  }
  return text;
}

std::vector<std::string> ConfigFiles::files_of(
    const std::string& folder) const {
  std::vector<std::string> paths;
  const auto names = root_.list(folder);
  for (const std::string& name : names.value_or(std::vector<std::string>{})) {
    if (paths.size() >= kMaxNames) break;
    const std::string path = folder + "/" + name;
    const auto status = root_.lstat(path);
    if (status && !S_ISDIR(status->st_mode)) paths.push_back(path);
  }
  for (const auto& [path, text] : instead_) {
    if (folder_of(path) == folder) paths.push_back(path);
  }
  std::ranges::sort(paths);
  const auto [first, last] = std::ranges::unique(paths);
  paths.erase(first, last);
  return paths;
}

std::vector<std::string> ConfigFiles::matching(
    const std::string& pattern) const {
  std::vector<std::string> paths;
  for (std::string& path : files_of(folder_of(pattern))) {
    if (matches_glob(pattern, path)) paths.push_back(std::move(path));
  }
  return paths;
}

}  // namespace gpuward::evidence
