#include "kubelet/plugin/inventory.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "model/fields.h"

namespace gpuward::kubelet::plugin {
namespace {

// Cards that only drive a monitor: NVIDIA's device plugin passes them over too.
constexpr std::string_view kDisplays[] = {"DGX Display", "NVIDIA DGX Display"};

// Text of a reading that holds a value, else empty.
std::string text_of(const Gpu& gpu, std::string_view field) {
  const Reading& from = reading(gpu, field);
  return from.state == Reading::State::value ? to_text(from.value) : "";
}

bool answers(const Gpu& gpu) {
  return reading(gpu, field::kHandle).state == Reading::State::value;
}

bool is_display(const Gpu& gpu) {
  const std::string name = text_of(gpu, field::kName);
  return std::ranges::find(kDisplays, name) != std::end(kDisplays);
}

std::string in_words(const KnownGpu& gpu) {
  return fmt::format("GPU {} ({}{})", gpu.index, gpu.uuid,
                     gpu.pci.empty() ? "" : " at " + gpu.pci);
}

// What one GPU says now, over what was known of it.
class Refresh {
 public:
  Refresh(const Gpu& frame, KnownGpu& gpu) : frame_(frame), gpu_(gpu) {}

  void run() {
    identity();
    mig();
    if (frame_.nvlinks.status.state == Reading::State::value) {
      gpu_.links = frame_.nvlinks.items;
    }
  }

 private:
  void identity() {
    if (answers(frame_)) gpu_.index = frame_.index;
    const std::string pci = text_of(frame_, field::kPciBusId);
    if (!pci.empty()) gpu_.pci = pci;
    const std::string name = text_of(frame_, field::kName);
    if (!name.empty()) gpu_.name = name;
    const Reading& node = reading(frame_, field::kMinor);
    if (const auto* number = std::get_if<int64_t>(&node.value)) {
      gpu_.minor = static_cast<int>(*number);
    }
  }

  void mig() {
    const Reading& mode = reading(frame_, field::kMigMode);
    if (mode.state == Reading::State::unsupported) {
      gpu_.mig_on = false;
    } else if (const auto* on = std::get_if<bool>(&mode.value)) {
      gpu_.mig_on = *on;
    }
    if (gpu_.mig_on == false) {
      gpu_.mig.clear();
    } else if (frame_.mig.status.state == Reading::State::value) {
      list_mig();
    }
  }

  // A device whose UUID could not be read is the one that was known in the
  // same instances.
  void list_mig() {
    std::vector<MigDevice> now;
    for (MigDevice device : frame_.mig.items) {
      const auto before =
          std::ranges::find_if(gpu_.mig, [&device](const MigDevice& one) {
            return one.gpu_instance == device.gpu_instance &&
                   one.compute_instance == device.compute_instance;
          });
      if (device.uuid.empty() && before != gpu_.mig.end()) {
        device.uuid = before->uuid;
        if (device.profile.empty()) device.profile = before->profile;
      }
      if (!device.uuid.empty()) now.push_back(std::move(device));
    }
    gpu_.mig = std::move(now);
  }

  const Gpu& frame_;
  KnownGpu& gpu_;
};

void place(KnownGpu& gpu, const BusPlaces& places) {
  const auto found = places.find(gpu.pci);
  if (found == places.end()) return;
  const BusPlace& where = found->second;
  gpu.numa_node =
      where.numa_node < 0 ? std::nullopt : std::optional(where.numa_node);
  gpu.bus_path = where.path;
}

std::set<std::string> uuids_of(const std::vector<MigDevice>& devices) {
  std::set<std::string> out;
  for (const MigDevice& device : devices) out.insert(device.uuid);
  return out;
}

// A GPU without a UUID has no identity yet, and a display card is none of ours.
bool is_listed(const Gpu& frame) {
  return !text_of(frame, field::kUuid).empty() && !is_display(frame);
}

class Update {
 public:
  Update(const Inventory& known, const Snapshot& snapshot,
         const BusPlaces& places)
      : known_(known), snapshot_(snapshot), places_(places) {}

  InventoryUpdate run() {
    const auto frames = frames_of(known_, snapshot_);
    for (size_t i = 0; i < known_.gpus.size(); ++i) {
      if (frames[i] != nullptr) {
        seen_.insert(frames[i]);
        refresh(known_.gpus[i], *frames[i]);
      } else {
        unseen(known_.gpus[i]);
      }
    }
    for (const Gpu& frame : snapshot_.gpus) {
      if (!seen_.contains(&frame) && is_listed(frame)) add(frame);
    }
    finish();
    return std::move(out_);
  }

 private:
  void say(std::string text) { out_.changes.push_back(std::move(text)); }

  void refresh(const KnownGpu& before, const Gpu& frame) {
    KnownGpu gpu = before;
    Refresh(frame, gpu).run();
    place(gpu, places_);
    gpu.missing = false;
    if (before.missing) say(in_words(gpu) + " is back");
    if (uuids_of(before.mig) != uuids_of(gpu.mig)) {
      say(fmt::format("{} has {} MIG devices now, {} before", in_words(gpu),
                      gpu.mig.size(), before.mig.size()));
    }
    out_.inventory.gpus.push_back(std::move(gpu));
  }

  void unseen(const KnownGpu& before) {
    KnownGpu gpu = before;
    if (!counts_all(snapshot_)) {
      out_.inventory.gpus.push_back(std::move(gpu));
    } else if (another_stands_there(before)) {
      say(in_words(gpu) + " was replaced: another GPU has its address");
    } else if (known_.boot_id != snapshot_.boot_id) {
      say(in_words(gpu) + " is not there since this boot: no longer listed");
    } else {
      if (!gpu.missing)
        say(in_words(gpu) + " is missing: NVML counts without it");
      gpu.missing = true;
      out_.inventory.gpus.push_back(std::move(gpu));
    }
  }

  bool another_stands_there(const KnownGpu& before) const {
    return !before.pci.empty() &&
           std::ranges::any_of(snapshot_.gpus, [&](const Gpu& frame) {
             const std::string uuid = text_of(frame, field::kUuid);
             return !uuid.empty() && uuid != before.uuid &&
                    text_of(frame, field::kPciBusId) == before.pci;
           });
  }

  void add(const Gpu& frame) {
    KnownGpu gpu;
    gpu.uuid = text_of(frame, field::kUuid);
    auto& gpus = out_.inventory.gpus;
    // Nonsense, but an id must be listed once.
    if (std::ranges::find(gpus, gpu.uuid, &KnownGpu::uuid) != gpus.end()) {
      return;
    }
    gpu.index = frame.index;
    Refresh(frame, gpu).run();
    place(gpu, places_);
    say(in_words(gpu) + " is new");
    gpus.push_back(std::move(gpu));
  }

  void finish() {
    Inventory& inventory = out_.inventory;
    inventory.boot_id =
        counts_all(snapshot_) ? snapshot_.boot_id : known_.boot_id;
    std::ranges::sort(inventory.gpus, [](const KnownGpu& a, const KnownGpu& b) {
      return std::tie(a.index, a.uuid) < std::tie(b.index, b.uuid);
    });
  }

  const Inventory& known_;
  const Snapshot& snapshot_;
  const BusPlaces& places_;
  std::set<const Gpu*> seen_;
  InventoryUpdate out_;
};

// One way to know a GPU again; frames that were taken are not given twice.
class Matching {
 public:
  Matching(const Inventory& inventory, const Snapshot& snapshot)
      : inventory_(inventory),
        snapshot_(snapshot),
        found_(inventory.gpus.size(), nullptr) {}

  template <typename Fits>
  void by(Fits fits) {
    for (size_t i = 0; i < found_.size(); ++i) {
      for (const Gpu& frame : snapshot_.gpus) {
        if (found_[i] != nullptr) break;
        if (taken_.contains(&frame) || !fits(inventory_.gpus[i], frame)) {
          continue;
        }
        found_[i] = &frame;
        taken_.insert(&frame);
      }
    }
  }
  std::vector<const Gpu*> found() { return std::move(found_); }

 private:
  const Inventory& inventory_;
  const Snapshot& snapshot_;
  std::vector<const Gpu*> found_;
  std::set<const Gpu*> taken_;
};

}  // namespace

bool counts_all(const Snapshot& snapshot) {
  const bool answered =
      std::ranges::any_of(snapshot.probes, [](const Probe& probe) {
        return probe.state == Probe::State::answering;
      });
  return answered && snapshot.init.state == Reading::State::value &&
         snapshot.gpu_count.state == Reading::State::value;
}

std::vector<const Gpu*> frames_of(const Inventory& inventory,
                                  const Snapshot& snapshot) {
  Matching matching(inventory, snapshot);
  matching.by([](const KnownGpu& gpu, const Gpu& frame) {
    return text_of(frame, field::kUuid) == gpu.uuid;
  });
  matching.by([](const KnownGpu& gpu, const Gpu& frame) {
    return text_of(frame, field::kUuid).empty() && !gpu.pci.empty() &&
           text_of(frame, field::kPciBusId) == gpu.pci;
  });
  if (inventory.boot_id == snapshot.boot_id) {
    matching.by([](const KnownGpu& gpu, const Gpu& frame) {
      return text_of(frame, field::kUuid).empty() &&
             text_of(frame, field::kPciBusId).empty() &&
             frame.index == gpu.index;
    });
  }
  return matching.found();
}

InventoryUpdate update(const Inventory& known, const Snapshot& snapshot,
                       const BusPlaces& places) {
  return Update(known, snapshot, places).run();
}

}  // namespace gpuward::kubelet::plugin
