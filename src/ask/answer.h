// A server's answer to one HTTP/1.1 request, as bytes. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace gpuward::ask {

struct Answer {
  int status = 0;
  std::string body;

  bool operator==(const Answer&) const = default;
};

// Of all that came until the server closed ("Connection: close" was asked for).
// Error::malformed for what is no answer, is cut off, or says a length that it
// does not have. Knows chunked bodies.
Result<Answer> parse_answer(std::string_view bytes);

// "GET /pods HTTP/1.1", for a server on this machine. `token` may be empty.
// Error::malformed where the token has what no token has.
Result<std::string> request_for(std::string_view path, std::string_view token);

}  // namespace gpuward::ask
