// Which machine each line of a pile is of. Lines name their host, or stand in a
// file whose other lines do; where only one host is named anywhere, all is its.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "logs/extract.h"
#include "logs/line_store.h"

namespace gpuward::logs {

// Hosts by number, from 1; 0 is none.
class Hosts {
 public:
  static constexpr size_t kMost = 64;

  // 0 for a name that names no machine, and once there are too many.
  size_t number_of(std::string_view host);
  const std::string& name(size_t number) const { return names_[number - 1]; }
  size_t count() const { return names_.size(); }
  int64_t turned_away() const { return turned_away_; }

 private:
  std::deque<std::string> names_;
  // The word that was asked for last: nearly always the next one as well.
  std::string last_word_;
  size_t last_ = 0;
  int64_t turned_away_ = 0;
};

// Gives runs without a host that of the others: the only one there is, or the
// only one of the same folder.
void settle_hosts(std::vector<LineStore::Run>& runs,
                  const std::vector<std::string>& files, const Hosts& hosts);

}  // namespace gpuward::logs
