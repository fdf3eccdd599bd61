#include "kubelet/plugin/xid_filter.h"

#include <array>
#include <cstdint>

#include "base/text.h"
#include "diagnosis/xid_table.h"

namespace gpuward::kubelet::plugin {
namespace {

constexpr int kAll = 0;
// NVIDIA's device plugin: "Application errors: the GPU should still be
// healthy".
constexpr std::array kIgnored = {13, 31, 43, 45, 68, 109};

constexpr int kRecoveryChanged = 154;
constexpr int kFirstNvlink5 = 144;
constexpr int kLastNvlink5 = 150;

std::map<int, bool> parse_list(std::string_view text) {
  std::map<int, bool> out;
  for (const std::string_view word : split(text, ',')) {
    const std::string name = to_lower(trim(word));
    if (name == "all" || name == "xids") return {{kAll, true}};
    const auto xid = to_number<uint32_t>(name);
    if (xid && *xid <= INT32_MAX) out[static_cast<int>(*xid)] = true;
  }
  return out;
}

bool has(std::string_view text, std::string_view word) {
  return text.find(word) != std::string_view::npos;
}

// Whether what is to be done ends the GPU's work.
bool asks_for_reset(const diagnosis::XidRow& row) {
  for (const std::string_view word :
       {"reset", "reboot", "power cycle", "cold start", "replace"}) {
    if (has(row.action, word)) return true;
  }
  return false;
}

// "GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)":
// "0x1". Empty where the words are others.
std::string_view new_action(std::string_view text) {
  const size_t to = text.rfind(" to ");
  if (to == std::string_view::npos) return {};
  const auto fields = words(text.substr(to + 4));
  return fields.empty() ? std::string_view() : fields[0];
}

XidWeight weight_of_recovery(const XidEvent& xid) {
  if (new_action(xid.text).empty()) return XidWeight::passing;
  return says_recovered(xid) ? XidWeight::nothing : XidWeight::until_reset;
}

// "RLW_SRC_TRACK Nonfatal XC1 i0 Link 07 (…)"
XidWeight weight_of_nvlink5(std::string_view text) {
  const std::string lower = to_lower(text);
  const bool harmless = has(lower, "nonfatal") || has(lower, "non-fatal");
  return harmless || !has(lower, "fatal") ? XidWeight::passing
                                          : XidWeight::until_reset;
}

XidWeight weight_by_catalogue(const XidEvent& xid) {
  if (xid.code == kRecoveryChanged) return weight_of_recovery(xid);
  if (xid.code >= kFirstNvlink5 && xid.code <= kLastNvlink5) {
    return weight_of_nvlink5(xid.text);
  }
  const diagnosis::XidRow* row = diagnosis::find_xid(xid.code);
  if (row == nullptr) return XidWeight::passing;
  if (row->blame == "application" || row->blame == "none") {
    return XidWeight::nothing;
  }
  return asks_for_reset(*row) ? XidWeight::until_reset : XidWeight::passing;
}

}  // namespace

XidFilter::XidFilter(std::string_view disable, std::string_view enable)
    : disabled_(parse_list(disable)) {
  for (const int xid : kIgnored) disabled_[xid] = true;
  for (const auto& [xid, on] : parse_list(enable)) disabled_[xid] = false;
}

bool XidFilter::all_disabled() const {
  const auto all = disabled_.find(kAll);
  return all != disabled_.end() && all->second;
}

bool XidFilter::disabled(int xid) const {
  const auto all = disabled_.find(kAll);
  if (all != disabled_.end() && !all->second) return false;
  const auto one = disabled_.find(xid);
  return one != disabled_.end() ? one->second : all_disabled();
}

bool XidFilter::wanted(int xid) const {
  const auto all = disabled_.find(kAll);
  if (all != disabled_.end() && !all->second) return true;
  const auto one = disabled_.find(xid);
  return one != disabled_.end() && !one->second;
}

bool says_what_to_do(const XidEvent& xid) {
  return xid.code == kRecoveryChanged;
}

bool says_recovered(const XidEvent& xid) {
  const std::string_view action = new_action(xid.text);
  return says_what_to_do(xid) && (action == "0x0" || action == "0");
}

XidWeight weight_of(const XidFilter& filter, const XidEvent& xid) {
  if (filter.disabled(xid.code)) return XidWeight::nothing;
  const XidWeight weight = weight_by_catalogue(xid);
  const bool insist = weight == XidWeight::nothing && filter.wanted(xid.code);
  return insist ? XidWeight::passing : weight;
}

}  // namespace gpuward::kubelet::plugin
