#include "ask/answer.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace gpuward::ask {
namespace {

constexpr size_t kMostHead = 16 << 10;

std::unexpected<Error> no_answer(std::string_view why) {
  return fail(Error::Kind::malformed, fmt::format("not HTTP: {}", why));
}

// The value of a field, in lower case; nothing where it is not there.
std::optional<std::string> field_of(std::string_view head,
                                    std::string_view name) {
  for (const std::string_view line : split(head, '\n')) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    if (equal_ignoring_case(trim(line.substr(0, colon)), name)) {
      return to_lower(trim(line.substr(colon + 1)));
    }
  }
  return std::nullopt;
}

Result<int> status_in(std::string_view line) {
  const auto parts = words(line);
  if (parts.size() < 2 || !parts[0].starts_with("HTTP/1.")) {
    return no_answer("no status line");
  }
  const auto status = to_number<int>(parts[1]);
  if (!status || *status < 100 || *status > 599) return no_answer("no status");
  return *status;
}

Result<std::string> join_chunks(std::string_view rest) {
  std::string body;
  for (;;) {
    const size_t end = rest.find("\r\n");
    if (end == std::string_view::npos) return no_answer("a chunk is cut off");
    const std::string_view line = rest.substr(0, end);
    const auto size =
        to_number<size_t>(trim(line.substr(0, line.find(';'))), 16);
    if (!size) return no_answer("a chunk without a size");
    rest.remove_prefix(end + 2);
    if (*size == 0) return body;
    if (*size > rest.size() || rest.size() - *size < 2) {
      return no_answer("a chunk is cut off");
    }
    body += rest.substr(0, *size);
    rest.remove_prefix(*size + 2);
  }
}

}  // namespace

Result<Answer> parse_answer(std::string_view bytes) {
  const size_t end = bytes.substr(0, kMostHead).find("\r\n\r\n");
  if (end == std::string_view::npos) return no_answer("no end of the head");
  const std::string_view head = bytes.substr(0, end);
  const std::string_view rest = bytes.substr(end + 4);
  Answer out;
  out.status = TRY(status_in(head.substr(0, head.find('\r'))));
  const auto coding = field_of(head, "transfer-encoding");
  if (coding && *coding == "chunked") {
    out.body = TRY(join_chunks(rest));
    return out;
  }
  if (coding) return no_answer("an unknown coding");
  const auto length = field_of(head, "content-length");
  if (!length) {
    out.body = rest;
    return out;
  }
  const auto size = to_number<size_t>(*length);
  if (!size || *size > rest.size()) return no_answer("it is cut off");
  out.body = rest.substr(0, *size);
  return out;
}

Result<std::string> request_for(std::string_view path, std::string_view token) {
  const bool plain =
      std::ranges::all_of(token, [](char c) { return c > ' ' && c < 0x7f; });
  if (!plain) return fail(Error::Kind::malformed, "that is no token");
  std::string out = fmt::format(
      "GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
      "User-Agent: gpuward\r\nAccept: */*\r\n",
      path);
  if (!token.empty()) {
    out += fmt::format("Authorization: Bearer {}\r\n", token);
  }
  return out + "\r\n";
}

}  // namespace gpuward::ask
