// One JSON value for each packet of a SOCK_SEQPACKET socket, with a deadline:
// between the ledger and its keeper.
#pragma once

#include "base/fd.h"
#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace gpuward::ledger {

// An operation with its arguments is some kilobytes.
inline constexpr size_t kMostFrameBytes = 128 << 10;

struct Frame {
  Json json;
  Fd file;  // where one came along
};

// Error::malformed for what is larger than a frame, Error::gone where the
// other end is closed, Error::timeout.
Result<void> send_frame(int socket, const Json& json, Boot deadline,
                        int file = -1);
Result<Frame> receive_frame(int socket, Boot deadline);

// An error as the member "error", and back.
Json error_frame(const Error& error);
Error error_of(const Json& error);

}  // namespace gpuward::ledger
