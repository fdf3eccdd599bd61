#include <algorithm>

#include "kubelet/allocation/groups.h"

namespace gpuward::kubelet::allocation {
namespace {

bool is_emptier(const Group& left, const Group& right) {
  return left.given_away() < right.given_away();
}

bool takes_apart(const Group& left, const Group& right) {
  const int taken_left = left.required + left.picked;
  const int taken_right = right.required + right.picked;
  if (taken_left != taken_right) return taken_left < taken_right;
  return is_emptier(left, right);
}

std::vector<size_t> distributed(std::vector<Group> groups, size_t wanted) {
  std::vector<size_t> picks;
  while (picks.size() < wanted) {
    Group* const group = best_open(groups, takes_apart);
    if (group == nullptr) break;
    pick_from(*group, picks);
  }
  return picks;
}

// Of two GPUs from which `missing` devices may come: GPUs that are in the
// answer anyway, then the smallest that suffices, else the largest.
bool packs(const Group& left, const Group& right, size_t missing) {
  if ((left.required > 0) != (right.required > 0)) return left.required > 0;
  const bool suffices = left.open.size() >= missing;
  if (suffices != (right.open.size() >= missing)) return suffices;
  if (left.open.size() != right.open.size()) {
    return suffices == (left.open.size() < right.open.size());
  }
  return is_emptier(right, left);
}

std::vector<size_t> packed(std::vector<Group> groups, size_t wanted) {
  std::vector<size_t> picks;
  while (picks.size() < wanted) {
    const size_t missing = wanted - picks.size();
    Group* const group =
        best_open(groups, [missing](const Group& left, const Group& right) {
          return packs(left, right, missing);
        });
    if (group == nullptr) break;
    const size_t count = std::min(missing, group->open.size());
    for (size_t i = 0; i < count; ++i) pick_from(*group, picks);
  }
  return picks;
}

}  // namespace

std::vector<size_t> pick_mig(const ShareWish& wish, Placement placement) {
  return placement == Placement::packed
             ? packed(groups_of(wish), wish.wanted)
             : distributed(groups_of(wish), wish.wanted);
}

}  // namespace gpuward::kubelet::allocation
