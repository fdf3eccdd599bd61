// gRPC's buffers as strings, and what both ends share. For server.cpp and
// client.cpp alone.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <string>
#include <string_view>

#include "base/result.h"
#include "kubelet/rpc/status.h"

namespace gpuward::kubelet::rpc {

inline std::string to_string(const grpc::ByteBuffer& buffer) {
  grpc::Slice slice;
  if (!buffer.DumpToSingleSlice(&slice).ok()) return {};
  return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
}

inline grpc::ByteBuffer to_buffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

// A code that gRPC does not have is UNKNOWN, as it says itself.
inline grpc::Status to_grpc(const RpcStatus& status) {
  const bool is_known =
      status.code >= grpc::OK && status.code <= grpc::UNAUTHENTICATED;
  return {is_known ? static_cast<grpc::StatusCode>(status.code) : grpc::UNKNOWN,
          status.text, status.details};
}

inline RpcStatus from_grpc(const grpc::Status& status) {
  return {.code = status.error_code(),
          .text = status.error_message(),
          .details = status.error_details()};
}

// "unix:/var/lib/…" with all that means something in a URI escaped.
// Error::malformed for a path that no socket address can hold.
Result<std::string> unix_target(std::string_view path);

}  // namespace gpuward::kubelet::rpc
