#include "agent/kernel_xids.h"

#include <algorithm>

#include "base/text.h"
#include "diagnosis/fold.h"
#include "diagnosis/xid_line.h"
#include "evidence/boot.h"

namespace gpuward::agent {
namespace {

// A look of a tick: some milliseconds, and far more than a kernel prints.
constexpr size_t kOneLook = 4096;
constexpr size_t kMaxText = 300;
constexpr std::string_view kSource = "xids";

// What the driver prints once it is loaded, before it touches a GPU.
constexpr std::string_view kLoading = "NVRM: loading NVIDIA UNIX ";
// What every Xid of a driver begins with; the patterns are for those alone.
constexpr std::string_view kXid = "NVRM: Xid (";

Wall time_of(const evidence::KmsgRecord& record, Wall booted) {
  return booted + Millis(static_cast<int64_t>(record.boot_usec / 1000));
}

std::optional<XidEvent> xid_in(const evidence::KmsgRecord& record,
                               Wall booted) {
  if (record.text.find(kXid) == std::string::npos) return std::nullopt;
  const auto line = diagnosis::find_xid_line(record.text);
  if (!line || line->of_switch || line->device.empty()) return std::nullopt;
  XidEvent out;
  out.pci = diagnosis::gpu_address(line->device);
  out.code = line->code;
  out.when = time_of(record, booted);
  out.gpu_instance = to_number<int>(line->instance);
  out.compute_instance = to_number<int>(line->compute);
  out.text = printable(line->text, kMaxText);
  return out;
}

}  // namespace

void XidLog::take(const evidence::KmsgRecord& record, Wall booted) {
  if (record.text.starts_with(kLoading)) loaded_ = time_of(record, booted);
  auto xid = xid_in(record, booted);
  if (!xid) return;
  const Place place{xid->pci, xid->code, xid->gpu_instance,
                    xid->compute_instance};
  newest_[place] = std::move(*xid);
  if (newest_.size() <= kMost) return;
  newest_.erase(std::ranges::min_element(
      newest_, {}, [](const auto& entry) { return entry.second.when; }));
}

std::vector<XidEvent> XidLog::events() const {
  std::vector<XidEvent> out;
  for (const auto& [place, event] : newest_) out.push_back(event);
  std::ranges::stable_sort(out, {}, &XidEvent::when);
  return out;
}

KernelXids::KernelXids(const host::Host& host)
    : host_(host), cursor_(host.evidence) {}

size_t KernelXids::look(size_t most) {
  const auto booted = evidence::boot_time(host_.evidence);
  if (!booted) {
    why_not_ = "when the machine was booted is not known";
    return 0;
  }
  const auto records = cursor_.next(most);
  if (!records) {
    why_not_ = records.error().text;
    return 0;
  }
  why_not_.clear();
  for (const evidence::KmsgRecord& record : *records)
    log_.take(record, *booted);
  return records->size();
}

void KernelXids::look() { look(kOneLook); }

void KernelXids::look_at_all() {
  const Boot end = BootClock::now() + 2s;
  while (look(kOneLook) > 0 && BootClock::now() < end) {
  }
}

void KernelXids::add_to(Snapshot& snapshot) const {
  snapshot.xids = log_.events();
  snapshot.driver_loaded_at = log_.driver_loaded_at();
  std::erase_if(snapshot.gaps,
                [](const Gap& gap) { return gap.source == kSource; });
  if (!why_not_.empty()) {
    snapshot.gaps.push_back({std::string(kSource), why_not_});
  }
}

}  // namespace gpuward::agent
