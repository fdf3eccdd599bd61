#include "snapshot/wire.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "host/task.h"
#include "model/json.h"

namespace gpuward::snapshot {
namespace {

// An agent's answer for a large node is some 100 KB.
constexpr size_t kMostBytes = 16 << 20;

Result<Fd> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return fail(Error::Kind::unsupported, path + " is too long for a socket");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return fail_errno(errno, "making a socket");
  // A local connect is done or refused at once; a full backlog is EAGAIN.
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) != 0) {
    return fail_errno(errno, "connecting to " + path);
  }
  return fd;
}

Result<void> wait_for(const Fd& fd, short events, Boot deadline) {
  const Millis left = deadline - BootClock::now();
  pollfd watch{fd.get(), events, 0};
  const int ready =
      left > 0ms ? ::poll(&watch, 1, static_cast<int>(left.count())) : 0;
  if (ready < 0) return fail_errno(errno, "waiting for the agent");
  if (ready == 0) {
    return fail(Error::Kind::timeout, "the agent does not answer");
  }
  return {};
}

Result<std::string> read_to_end(const Fd& fd, Boot deadline) {
  std::string out;
  std::string buffer(64 << 10, '\0');
  while (out.size() < kMostBytes) {
    TRY_VOID(wait_for(fd, POLLIN, deadline));
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got < 0) return fail_errno(errno, "reading the agent's answer");
    if (got == 0) return out;
    out.append(buffer.data(), static_cast<size_t>(got));
  }
  return fail(Error::Kind::malformed, "the agent's answer has no end");
}

Result<Snapshot> parse_snapshot(std::string_view text) {
  const Json json = TRY(Json::parse(text));
  return snapshot_from_json(json);
}

}  // namespace

std::string read_socket_path(const host::Host& host) {
  return host.run_dir + "/read.sock";
}

std::string snapshot_path(const host::Host& host) {
  return host.run_dir + "/snapshot.json";
}

std::string encode(const Ask& ask) {
  Json out = Json::object();
  out.set("ask", ask.fresh ? "round" : "snapshot");
  if (ask.fresh) out.set("patience_ms", int64_t{ask.patience.count()});
  return out.dump() + "\n";
}

Result<Ask> decode_ask(std::string_view line) {
  const Json json = TRY(Json::parse(line));
  const std::string_view what = json["ask"].as_string();
  if (what != "round" && what != "snapshot") {
    return fail(Error::Kind::malformed,
                "ask must be \"snapshot\" or \"round\"");
  }
  Ask ask;
  ask.fresh = what == "round";
  const int64_t most = Millis(10min).count();
  const int64_t patience = json["patience_ms"].as_integer(10'000);
  ask.patience = Millis(std::clamp<int64_t>(patience, 0, most));
  return ask;
}

Result<Snapshot> ask_agent(const host::Host& host, const Ask& ask,
                           Millis deadline) {
  const Boot end = BootClock::now() + deadline;
  const Fd fd = TRY(connect_to(read_socket_path(host)));
  const std::string request = encode(ask);
  // A few bytes into an empty socket buffer: never partial.
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return fail_errno(errno, "asking the agent");
  }
  return parse_snapshot(TRY(read_to_end(fd, end)));
}

bool agent_listens(const host::Host& host) {
  const auto fd = connect_to(read_socket_path(host));
  return fd || fd.error().kind == Error::Kind::denied;
}

Result<Snapshot> read_snapshot(const host::Host& host, Millis oldest) {
  const std::string path = snapshot_path(host);
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid()) return fail_errno(errno, "opening " + path);
  const Boot deadline = BootClock::now() + 2s;
  Snapshot snapshot = TRY(parse_snapshot(TRY(read_to_end(fd, deadline))));
  if (snapshot.boot_id != TRY(host::boot_id_of(host.self))) {
    return fail(Error::Kind::gone, path + " is of an earlier boot");
  }
  if (wall_now() - snapshot.taken_at > oldest) {
    return fail(Error::Kind::gone,
                fmt::format("{} is {} old", path,
                            to_words(wall_now() - snapshot.taken_at)));
  }
  return snapshot;
}

Result<void> write_snapshot(const host::Host& host, const Snapshot& snapshot) {
  const std::string path = snapshot_path(host);
  const std::string fresh = path + ".new";
  const std::string text = to_json(snapshot).dump() + "\n";
  const Fd fd(::open(fresh.c_str(),
                     O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                     0644));
  if (!fd.valid()) return fail_errno(errno, "writing " + fresh);
  ::fchmod(fd.get(), 0644);  // whatever the umask
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t put =
        ::write(fd.get(), text.data() + done, text.size() - done);
    if (put < 0) return fail_errno(errno, "writing " + fresh);
    done += static_cast<size_t>(put);
  }
  // Not synced: /run is in memory, and a snapshot is of no use after a crash.
  if (::rename(fresh.c_str(), path.c_str()) != 0) {
    return fail_errno(errno, "replacing " + path);
  }
  return {};
}

}  // namespace gpuward::snapshot
