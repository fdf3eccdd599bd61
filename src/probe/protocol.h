// What a prober and its supervisor say to each other: JSON, one message a
// packet of a SOCK_SEQPACKET pair, at most kMaxFrame bytes. Requests are
// numbered; every frame of an answer carries its request's number, and the last
// has "end". Pure: no I/O here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/snapshot.h"

namespace gpuward::probe {

inline constexpr size_t kMaxFrame = 64 * 1024;

struct Request {
  enum class Kind {
    round,  // NVML: the node and every GPU that is not left out
    file,   // a driver file, by path on the diagnosed machine
    pci,    // vendor id of a device's configuration space, by PCI address
    tool,   // a vendor's program, by its arguments
    quit,   // shut NVML down and end
  };
  uint64_t number = 0;
  Kind kind = Kind::round;
  std::string target;             // path or PCI address
  std::vector<std::string> argv;  // tool

  bool operator==(const Request&) const = default;
};

// What NVML says of the node as a whole.
struct NodeFrame {
  Reading init;
  Reading driver_version;
  Reading cuda_version;
  Reading nvml_version;
  Reading library_path;
  Reading gpu_count;

  bool operator==(const NodeFrame&) const = default;
};

// One packet of an answer: exactly one of the optionals, or only `end`.
struct Frame {
  uint64_t number = 0;
  bool end = false;
  std::optional<NodeFrame> node;
  std::optional<Gpu> gpu;
  std::optional<Reading> text;  // a file's, a device's or a tool's
};

std::string encode(const Request& request);
Result<Request> decode_request(std::string_view bytes);

// Too many processes for one packet: the tail of the list is dropped and its
// status says so.
std::string encode(const Frame& frame, Wall now);
Result<Frame> decode_frame(std::string_view bytes, Wall now);

}  // namespace gpuward::probe
