#include "kubelet/rpc/bytes.h"

#include <fmt/core.h>
#include <sys/un.h>

namespace gpuward::kubelet::rpc {

Result<std::string> unix_target(std::string_view path) {
  constexpr size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
  if (path.size() > kLongest) {
    return fail(Error::Kind::malformed,
                fmt::format("{}: a socket's path has at most {} bytes", path,
                            kLongest));
  }
  std::string out = "unix:";
  for (const char c : path) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '/' || c == '.' ||
                          c == '_' || c == '-';
    if (is_plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace gpuward::kubelet::rpc
