// read.sock: a stream socket, one JSON request in a line, one JSON answer, end.
//
//   {"ask": "snapshot"}                    what is known
//   {"ask": "round", "patience_ms": 10000} after a fresh round, or what is
//                                          known when the patience is over
//
// docs/formats.md describes it for others.
#pragma once

#include <string>

#include "host/host.h"
#include "model/snapshot.h"

namespace gpuward::snapshot {

std::string read_socket_path(const host::Host& host);
std::string snapshot_path(const host::Host& host);

struct Ask {
  bool fresh = false;  // "round"
  Millis patience = 10s;
};
std::string encode(const Ask& ask);
Result<Ask> decode_ask(std::string_view line);

// Asks a running agent; never waits longer than `deadline`. Error::not_found or
// gone where no agent is listening, Error::timeout where it does not answer.
Result<Snapshot> ask_agent(const host::Host& host, const Ask& ask,
                           Millis deadline);

// Whether an agent listens; also true where we may not ask it.
bool agent_listens(const host::Host& host);

// The snapshot file, if it is of this boot and not older than `oldest`.
Result<Snapshot> read_snapshot(const host::Host& host, Millis oldest);

// Replaces the file atomically: a reader sees the old one or the new one.
Result<void> write_snapshot(const host::Host& host, const Snapshot& snapshot);

}  // namespace gpuward::snapshot
