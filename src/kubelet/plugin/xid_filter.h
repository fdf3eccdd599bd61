// Which Xids count for the health of a device, and what they weigh.
//
// First NVIDIA's lists, as its device plugin reads them: some Xids are ignored,
// more by DP_DISABLE_HEALTHCHECKS, fewer by DP_ENABLE_HEALTHCHECKS. Of what is
// left the catalogue decides (knowledge/xids.tsv): NVIDIA's plugin would count
// every one of them.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "model/snapshot.h"

namespace gpuward::kubelet::plugin {

// Health checks that NVIDIA's plugin disables, by Xid; 0 stands for all of
// them. An Xid that is in no list counts.
class XidFilter {
 public:
  // The ignored ones alone.
  XidFilter() : XidFilter("", "") {}
  // The values of the two variables. What makes no sense in them is passed
  // over, as there.
  XidFilter(std::string_view disable, std::string_view enable);

  bool all_disabled() const;
  bool disabled(int xid) const;
  // Named by DP_ENABLE_HEALTHCHECKS: counts whatever the catalogue says.
  bool wanted(int xid) const;

  const std::map<int, bool>& table() const { return disabled_; }
  bool operator==(const XidFilter&) const = default;

 private:
  std::map<int, bool> disabled_;
};

enum class XidWeight {
  nothing,      // an application's fault, or nothing that is broken
  passing,      // until the GPU has answered again
  until_reset,  // the GPU needs a reset, a reboot, or hands
};

// Of an Xid that the filter lets through. Xids 144 to 150 and 154 mean what
// the words after their number say; one that is in no table is passing.
XidWeight weight_of(const XidFilter& filter, const XidEvent& xid);

// Xid 154 tells what the driver asks for; and that it asks for nothing more.
bool says_what_to_do(const XidEvent& xid);
bool says_recovered(const XidEvent& xid);

}  // namespace gpuward::kubelet::plugin
