// How a call ended: gRPC's codes (https://grpc.io/docs/guides/status-codes/).
#pragma once

#include <string>

namespace gpuward::kubelet::rpc {

struct RpcStatus {
  enum Code {
    ok = 0,
    cancelled = 1,
    unknown = 2,
    invalid_argument = 3,
    deadline_exceeded = 4,
    resource_exhausted = 8,
    failed_precondition = 9,
    unimplemented = 12,
    internal = 13,
    unavailable = 14,
  };
  int code = ok;  // of a peer: any number
  std::string text;
  std::string details;  // bytes that go with it (grpc-status-details-bin)

  bool operator==(const RpcStatus&) const = default;
};

}  // namespace gpuward::kubelet::rpc
