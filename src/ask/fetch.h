// One request over a connection to this machine's own loopback, by TLS or
// plain. The only user of OpenSSL.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace gpuward::ask {

struct Place {
  uint16_t port = 0;
  bool tls = true;
};

// All that the server says until it closes, at most 32 MiB. Error::timeout at
// the deadline, in whatever part of it; Error::gone where nobody listens.
//
// The server's certificate is not checked: a kubelet signs its own, there is no
// name to compare, and the connection does not leave the machine. Whoever hands
// a token to this must know that root listens there.
Result<std::string> fetch(const Place& place, const std::string& request,
                          Boot deadline);

}  // namespace gpuward::ask
