#include "ledger/channel.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>

namespace gpuward::ledger {
namespace {

Result<void> wait_for(int socket, short events, Boot deadline) {
  for (;;) {
    const Millis left = deadline - BootClock::now();
    if (left <= 0ms) return fail(Error::Kind::timeout, "no answer in time");
    const Millis most(std::numeric_limits<int>::max());
    pollfd waiting{socket, events, 0};
    const int ready =
        ::poll(&waiting, 1, static_cast<int>(std::min(left, most).count()));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail_errno(errno, "waiting");
  }
}

bool again() { return errno == EAGAIN || errno == EINTR; }

// A control message with room for one descriptor.
union Control {
  cmsghdr header;
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

void attach(msghdr& message, Control& control, int file) {
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof file);
  std::memcpy(CMSG_DATA(header), &file, sizeof file);
}

Fd attached(msghdr& message) {
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return {};
  int file = -1;
  std::memcpy(&file, CMSG_DATA(header), sizeof file);
  return Fd(file);
}

}  // namespace

Result<void> send_frame(int socket, const Json& json, Boot deadline, int file) {
  std::string text = json.dump();
  if (text.size() > kMostFrameBytes) {
    return fail(Error::Kind::malformed,
                fmt::format("{} bytes are too many for one entry of the ledger",
                            text.size()));
  }
  iovec part{text.data(), text.size()};
  Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (file >= 0) attach(message, control, file);
  for (;;) {
    const ssize_t sent =
        ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return {};
    if (!again()) return fail_errno(errno, "sending");
    TRY_VOID(wait_for(socket, POLLOUT, deadline));
  }
}

Result<Frame> receive_frame(int socket, Boot deadline) {
  std::string text(kMostFrameBytes, '\0');
  iovec part{text.data(), text.size()};
  Control control{};
  msghdr message{};
  for (;;) {
    message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    const ssize_t got =
        ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got == 0) return fail(Error::Kind::gone, "the other end is closed");
    if (got > 0) {
      text.resize(static_cast<size_t>(got));
      break;
    }
    if (!again()) return fail_errno(errno, "receiving");
    TRY_VOID(wait_for(socket, POLLIN, deadline));
  }
  Fd file = attached(message);
  return Frame{TRY(Json::parse(text)), std::move(file)};
}

Json error_frame(const Error& error) {
  Json what;
  what.set("kind", name_of(error.kind));
  what.set("errno", error.error_number);
  what.set("text", error.text);
  Json frame;
  frame.set("error", std::move(what));
  return frame;
}

Error error_of(const Json& error) {
  using Kind = Error::Kind;
  Error out{Kind::system, static_cast<int>(error["errno"].as_integer()),
            std::string(error["text"].as_string())};
  for (const Kind kind :
       {Kind::not_found, Kind::unsupported, Kind::denied, Kind::timeout,
        Kind::busy, Kind::gone, Kind::malformed, Kind::may_block}) {
    if (name_of(kind) == error["kind"].as_string()) out.kind = kind;
  }
  return out;
}

}  // namespace gpuward::ledger
