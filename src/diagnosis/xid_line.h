// An Xid or SXid in a line, whoever printed it, and what its own words say.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gpuward::diagnosis {

struct XidLine {
  bool of_switch = false;  // an SXid
  int code = 0;
  std::string device;    // "0000:3b:00" as the line has it, empty: none named
  std::string instance;  // MIG: "5", and of it "0"; empty: none
  std::string compute;
  std::string pid, program;  // empty: not told
  std::string text;          // what stands after the number
};

// From a driver's line in any of its forms, or from what a person or a monitor
// wrote: "Xid 79", "XID: 79", "Xid=79 on Device=…".
std::optional<XidLine> find_xid_line(std::string_view line);

// Sentences on what stands after the number: the unit, the link, the recovery
// that is asked for; none where there is nothing to decode.
std::vector<std::string> decode_xid(const XidLine& line);

}  // namespace gpuward::diagnosis
