// For share.h: the groups of a wish, and what is picked from them.
#pragma once

#include <functional>
#include <vector>

#include "kubelet/allocation/share.h"

namespace gpuward::kubelet::allocation {

struct Group {
  std::vector<size_t> open;  // candidates not picked; the next one is last
  int total = 0;             // devices of the resource
  int required = 0;
  int picked = 0;

  int given_away() const { return total - static_cast<int>(open.size()); }
};

std::vector<Group> groups_of(const ShareWish& wish);

// Picks the first of the open devices.
void pick_from(Group& group, std::vector<size_t>& picks);

// The first with open devices for which is_better(it, any other) holds, or
// nullptr where none has any.
Group* best_open(std::vector<Group>& groups,
                 const std::function<bool(const Group&, const Group&)>& better);

}  // namespace gpuward::kubelet::allocation
