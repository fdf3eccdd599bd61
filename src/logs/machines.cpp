#include "logs/machines.h"

#include <algorithm>
#include <map>

#include "logs/line_head.h"

namespace gpuward::logs {
namespace {

std::string_view folder_of(std::string_view file) {
  const size_t slash = file.rfind('/');
  return slash == std::string_view::npos ? std::string_view()
                                         : file.substr(0, slash);
}

bool is_inside(std::string_view file, std::string_view folder) {
  return folder.empty() ||
         (file.size() > folder.size() && file.starts_with(folder) &&
          file[folder.size()] == '/');
}

// The host of all runs below `folder` that have one; 0 where they differ.
size_t only_host_below(std::string_view folder,
                       const std::vector<LineStore::Run>& runs,
                       const std::vector<std::string>& files) {
  size_t only = 0;
  for (const LineStore::Run& run : runs) {
    if (run.host == 0 || !is_inside(files[run.file], folder)) continue;
    if (only != 0 && only != run.host) return 0;
    only = run.host;
  }
  return only;
}

}  // namespace

size_t Hosts::number_of(std::string_view host) {
  if (host.empty()) return 0;
  if (host == last_word_) return last_;
  last_word_ = host;
  const std::string name = host_name(host);
  const auto found = std::ranges::find(names_, name);
  if (name.empty()) {
    last_ = 0;
  } else if (found != names_.end()) {
    last_ = static_cast<size_t>(found - names_.begin()) + 1;
  } else if (names_.size() >= kMost) {
    last_ = 0;
    ++turned_away_;
  } else {
    names_.push_back(name);
    last_ = names_.size();
  }
  return last_;
}

void settle_hosts(std::vector<LineStore::Run>& runs,
                  const std::vector<std::string>& files, const Hosts& hosts) {
  std::map<std::string_view, size_t, std::less<>> by_folder;
  auto settled = runs;
  for (LineStore::Run& run : settled) {
    if (run.host != 0) continue;
    if (hosts.count() == 1) {
      run.host = 1;
      continue;
    }
    for (auto folder = folder_of(files[run.file]);;
         folder = folder_of(folder)) {
      const auto [known, is_new] = by_folder.try_emplace(folder, 0);
      if (is_new) known->second = only_host_below(folder, runs, files);
      if (known->second != 0 || folder.empty()) {
        run.host = known->second;
        break;
      }
    }
  }
  runs = std::move(settled);
}

}  // namespace gpuward::logs
