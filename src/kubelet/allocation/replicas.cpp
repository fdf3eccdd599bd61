#include "kubelet/allocation/groups.h"

namespace gpuward::kubelet::allocation {

std::vector<size_t> pick_replicas(const ShareWish& wish, Placement placement) {
  const auto better = [placement](const Group& left, const Group& right) {
    if (left.given_away() != right.given_away()) {
      const bool is_fuller = left.given_away() > right.given_away();
      return is_fuller == (placement == Placement::packed);
    }
    return left.picked < right.picked;
  };
  std::vector<Group> groups = groups_of(wish);
  std::vector<size_t> picks;
  while (picks.size() < wish.wanted) {
    Group* const group = best_open(groups, better);
    if (group == nullptr) break;
    pick_from(*group, picks);
  }
  return picks;
}

}  // namespace gpuward::kubelet::allocation
