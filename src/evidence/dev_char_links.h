// The links /dev/char/MAJOR:MINOR of the NVIDIA nodes. udev makes such links
// for every driver that registers with sysfs; NVIDIA's does not, and runc
// 1.1.3 … 1.1.6, or any with systemd before 240, skips the device rules of
// nodes that have none.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "evidence/nvidia_nodes.h"
#include "evidence/source.h"

namespace gpuward::evidence {

inline constexpr std::string_view kDevChar = "/dev/char";

struct DeviceLink {
  enum class State {
    present,  // leads to the node, by whatever way
    missing,
    wrong,    // a link to something else, or to nothing
    blocked,  // no link has that name
  };
  std::string path;  // "/dev/char/195:0"
  NvidiaNode node;   // to which it is to lead
  State state = State::missing;
  std::string points_at;  // as it stands there; empty where it is no link
};

// A link to an NVIDIA node that has other numbers: the major of an earlier
// load. systemd follows such a link and allows what it finds.
struct StaleLink {
  std::string path;
  std::string points_at;
  std::string why;
};

struct DevCharLinks {
  std::vector<DeviceLink> links;  // sorted by numbers
  std::vector<StaleLink> stale;
  std::vector<std::string> problems;  // of NvidiaNodes
  std::vector<Gap> gaps;
};

struct LinkPlaces {
  std::string driver_root;  // below which /dev is looked at; empty: the root
  std::string folder{kDevChar};
  Which which = Which::existing;
};
DevCharLinks find_dev_char_links(const host::Root& root,
                                 const LinkPlaces& places);

// Whether the link at `path` leads to the node with these numbers, read anew.
// A node that is to come, or that a plain file stands in for, is told by name.
DeviceLink::State state_of_link(const host::Root& root, const std::string& path,
                                const NvidiaNode& node);

// The fact dev_char_links; none where there are no nodes.
Collected collect_dev_char_links(const host::Host& host);

}  // namespace gpuward::evidence
