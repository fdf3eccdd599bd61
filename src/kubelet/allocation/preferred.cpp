#include "kubelet/allocation/preferred.h"

#include <algorithm>
#include <map>

#include "kubelet/allocation/best_set.h"

namespace gpuward::kubelet::allocation {
namespace {

using Kind = Allocatable::Kind;

std::vector<std::string> sorted(std::vector<std::string> ids) {
  std::ranges::sort(ids);
  const auto [first, last] = std::ranges::unique(ids);
  ids.erase(first, last);
  return ids;
}

// A number for each GPU, or whatever else replicas are made of, in the order in
// which they first come.
std::vector<int> groups_of(const Allocatable& allocatable) {
  std::map<std::string_view, int> numbers;
  std::vector<int> out;
  for (const Allocatable::Device& device : allocatable.devices) {
    const std::string_view name =
        allocatable.kind == Kind::replica ? device.replica_of : device.gpu;
    const auto next = static_cast<int>(numbers.size());
    out.push_back(numbers.try_emplace(name, next).first->second);
  }
  return out;
}

// Of the devices in their order. Links are counted with all GPUs of the node.
GpuScores scores_of(const Allocatable& allocatable) {
  const PairScores all(allocatable.places);
  std::map<std::string_view, size_t> places;
  for (size_t i = 0; i < allocatable.places.size(); ++i) {
    places.emplace(allocatable.places[i].uuid, i);
  }
  const auto& devices = allocatable.devices;
  PairScores out(devices.size());
  for (size_t i = 0; i < devices.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const auto one = places.find(devices[i].gpu);
      const auto other = places.find(devices[j].gpu);
      if (one == places.end() || other == places.end()) continue;
      out.set(i, j, all.of(one->second, other->second));
    }
  }
  return GpuScores(std::move(out));
}

}  // namespace

AllocationView::AllocationView(const Allocatable& allocatable)
    : kind_(allocatable.kind),
      placement_(allocatable.placement),
      groups_(groups_of(allocatable)) {
  for (const Allocatable::Device& device : allocatable.devices) {
    index_.emplace(device.id, ids_.size());
    ids_.push_back(device.id);
  }
  if (kind_ == Kind::gpu) scores_ = scores_of(allocatable);
}

// One wish, in the view's numbers. Devices that the view does not know stand
// apart, by name.
class AllocationView::Choice {
 public:
  Choice(const AllocationView& in, const wire::PreferredWish& wish);
  Preferred make();

 private:
  std::vector<size_t> chosen(size_t wanted);

  const AllocationView& view_;
  size_t size_ = 0;
  std::vector<size_t> candidates_;  // known, available, not required
  std::vector<size_t> required_;
  std::vector<std::string> unknown_candidates_, unknown_required_;
  bool exact_ = true;
};

AllocationView::Choice::Choice(const AllocationView& in,
                               const wire::PreferredWish& wish)
    : view_(in), size_(static_cast<size_t>(std::max(wish.size, 0))) {
  const auto available = sorted(wish.available);
  const auto must_include = sorted(wish.must_include);
  for (const std::string& id : available) {
    const bool required = std::ranges::binary_search(must_include, id);
    const auto known = view_.index_.find(id);
    if (known != view_.index_.end()) {
      (required ? required_ : candidates_).push_back(known->second);
    } else {
      (required ? unknown_required_ : unknown_candidates_).push_back(id);
    }
  }
  std::ranges::sort(candidates_);
  std::ranges::sort(required_);
}

// Known devices beside the required ones, at most as many as there are.
std::vector<size_t> AllocationView::Choice::chosen(size_t wanted) {
  const ShareWish share{.groups = view_.groups_,
                        .candidates = candidates_,
                        .required = required_,
                        .wanted = wanted};
  if (view_.kind_ == Kind::replica) {
    return pick_replicas(share, view_.placement_);
  }
  if (view_.kind_ == Kind::mig) return pick_mig(share, view_.placement_);
  SetWish whole{.required = required_, .size = required_.size() + wanted};
  std::ranges::merge(candidates_, required_,
                     std::back_inserter(whole.available));
  BestSet best = best_set(view_.scores_, whole);
  exact_ = best.exact;
  std::vector<size_t> added;
  std::ranges::set_difference(best.devices, required_,
                              std::back_inserter(added));
  return added;
}

Preferred AllocationView::Choice::make() {
  size_t open = size_;
  const auto take = [&open](auto& from) {
    from.resize(std::min(from.size(), open));
    open -= from.size();
  };
  take(required_);
  take(unknown_required_);
  std::vector<size_t> devices = chosen(std::min(open, candidates_.size()));
  open -= devices.size();
  take(unknown_candidates_);
  devices.insert(devices.end(), required_.begin(), required_.end());
  std::ranges::sort(devices);
  Preferred out{.exact = exact_};
  for (const size_t device : devices) out.ids.push_back(view_.ids_[device]);
  for (const auto* more : {&unknown_required_, &unknown_candidates_}) {
    out.ids.insert(out.ids.end(), more->begin(), more->end());
  }
  return out;
}

Preferred AllocationView::preferred(const wire::PreferredWish& wish) const {
  return Choice(*this, wish).make();
}

}  // namespace gpuward::kubelet::allocation
