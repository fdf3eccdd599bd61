#include "kubelet/allocation/groups.h"

#include <algorithm>
#include <ranges>

namespace gpuward::kubelet::allocation {

std::vector<Group> groups_of(const ShareWish& wish) {
  std::vector<Group> out;
  if (wish.groups.empty()) return out;
  out.resize(static_cast<size_t>(std::ranges::max(wish.groups)) + 1);
  const auto group_of = [&](size_t device) -> Group& {
    return out[static_cast<size_t>(wish.groups[device])];
  };
  for (size_t i = 0; i < wish.groups.size(); ++i) ++group_of(i).total;
  for (const size_t device : wish.required) ++group_of(device).required;
  for (const size_t device : std::views::reverse(wish.candidates)) {
    group_of(device).open.push_back(device);
  }
  return out;
}

void pick_from(Group& group, std::vector<size_t>& picks) {
  picks.push_back(group.open.back());
  group.open.pop_back();
  ++group.picked;
}

Group* best_open(
    std::vector<Group>& groups,
    const std::function<bool(const Group&, const Group&)>& better) {
  Group* best = nullptr;
  for (Group& group : groups) {
    if (group.open.empty()) continue;
    if (best == nullptr || better(group, *best)) best = &group;
  }
  return best;
}

}  // namespace gpuward::kubelet::allocation
