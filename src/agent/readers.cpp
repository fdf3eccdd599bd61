#include "agent/readers.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "base/text.h"
#include "model/json.h"

namespace gpuward::agent {
namespace {

constexpr size_t kMostClients = 64;
constexpr size_t kMostRequest = 4096;
// For a client that connects and says nothing, or does not read.
constexpr Millis kClientTime = 5s;

Result<Fd> bind_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return fail(Error::Kind::unsupported, path + " is too long for a socket");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return fail_errno(errno, "making a socket");
  ::unlink(path.c_str());
  // Closed until its group is set: rights come from chmod below, not from here.
  const mode_t before = ::umask(0177);
  const int bound = ::bind(
      fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  ::umask(before);
  if (bound != 0 || ::listen(fd.get(), 64) != 0) {
    return fail_errno(errno, "listening on " + path);
  }
  return fd;
}

Result<Fd> lock_agent(const host::Host& host) {
  const std::string path = host.run_dir + "/agent.lock";
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return fail_errno(errno, "opening " + path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(Error::Kind::busy,
                "an agent is running already (" + path + " is locked)");
  }
  return fd;
}

// From the file itself: getgrnam may ask a directory server.
std::optional<gid_t> group_id(const host::Root& root, std::string_view name) {
  const auto text = root.read("/etc/group");
  if (!text) return std::nullopt;
  for (const std::string_view line : split(*text, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() >= 3 && fields[0] == name) {
      return to_number<gid_t>(fields[2]);
    }
  }
  return std::nullopt;
}

// Members of the group gpuward may ask; without that group only root.
void open_to_group(const host::Root& root, const std::string& path) {
  const auto group = group_id(root, "gpuward");
  if (group && ::chown(path.c_str(), static_cast<uid_t>(-1), *group) == 0) {
    ::chmod(path.c_str(), 0660);
  }
}

}  // namespace

struct Readers::Client {
  Fd fd;
  std::string request;
  bool waits_for_round = false;
  Millis patience{0};
  Boot until{};
};

Result<std::unique_ptr<Readers>> Readers::listen(const host::Host& host,
                                                 loop::Loop& loop,
                                                 Current current,
                                                 WantRound want_round) {
  const std::string path = snapshot::read_socket_path(host);
  // Held for as long as this agent lives: the socket's file alone could be
  // taken over by a second one that starts at the same moment.
  Fd lock = TRY(lock_agent(host));
  Fd socket = TRY(bind_to(path));
  open_to_group(host.self, path);
  std::unique_ptr<Readers> readers(
      new Readers(loop, path, std::move(lock), std::move(socket),
                  std::move(current), std::move(want_round)));
  Readers* self = readers.get();
  TRY_VOID(
      loop.on_readable(self->socket_.get(), [self] { self->accept_one(); }));
  return readers;
}

Readers::Readers(loop::Loop& loop, std::string path, Fd lock, Fd socket,
                 Current current, WantRound want_round)
    : loop_(loop),
      path_(std::move(path)),
      lock_(std::move(lock)),
      socket_(std::move(socket)),
      current_(std::move(current)),
      want_round_(std::move(want_round)) {}

Readers::~Readers() {
  for (const Client& client : clients_) loop_.remove(client.fd.get());
  loop_.remove(socket_.get());
  ::unlink(path_.c_str());
}

void Readers::accept_one() {
  Fd fd(
      ::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.valid() || clients_.size() >= kMostClients) return;
  // The whole answer goes into the socket's buffer at once: this thread never
  // waits for a client.
  const int room = 4 << 20;
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) !=
      0) {
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
  }
  clients_.push_back(
      {std::move(fd), {}, false, Millis(0), loop_.now() + kClientTime});
  Client& client = clients_.back();
  if (!loop_.on_readable(client.fd.get(),
                         [this, &client] { read_from(client); })) {
    drop(client);
  }
}

void Readers::read_from(Client& client) {
  char buffer[512];
  const ssize_t got = ::read(client.fd.get(), buffer, sizeof(buffer));
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got < 0) return drop(client);
  // Whoever has said all may close that side and still wait for the answer.
  if (got == 0) {
    if (!client.waits_for_round) return drop(client);
    loop_.remove(client.fd.get());
    return;
  }
  // One request for each connection: whoever goes on talking has lost it.
  if (client.waits_for_round) return drop(client);
  client.request.append(buffer, static_cast<size_t>(got));
  if (client.request.find('\n') == std::string::npos) {
    if (client.request.size() > kMostRequest) drop(client);
    return;
  }
  if (client.request.find('\n') + 1 != client.request.size()) {
    return refuse(client, {Error::Kind::malformed, 0,
                           "one request for each connection, in one line"});
  }
  const auto ask = snapshot::decode_ask(client.request);
  if (!ask) return refuse(client, ask.error());
  if (!ask->fresh) return reply(client, current_(Millis::max()));
  client.waits_for_round = true;
  client.patience = ask->patience;
  client.until = loop_.now() + ask->patience;
  want_round_();
}

void Readers::reply(Client& client, const Snapshot& snapshot) {
  const std::string text = to_json(snapshot).dump() + "\n";
  // What does not fit is lost, and the client sees a document without an end.
  [[maybe_unused]] const ssize_t sent = ::send(
      client.fd.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  drop(client);
}

void Readers::refuse(Client& client, const Error& error) {
  Json out = Json::object();
  out.set("error", error.text);
  const std::string text = out.dump() + "\n";
  [[maybe_unused]] const ssize_t sent = ::send(
      client.fd.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  drop(client);
}

void Readers::drop(Client& client) {
  loop_.remove(client.fd.get());
  std::erase_if(clients_, [&](const Client& each) { return &each == &client; });
}

void Readers::answer_all(const Snapshot& snapshot) {
  for (auto next = clients_.begin(); next != clients_.end();) {
    Client& client = *next++;
    if (client.waits_for_round) reply(client, snapshot);
  }
}

void Readers::answer_late(Boot now) {
  for (auto next = clients_.begin(); next != clients_.end();) {
    Client& client = *next++;
    if (client.until > now) continue;
    if (client.waits_for_round) {
      reply(client, current_(client.patience));
    } else {
      drop(client);
    }
  }
}

}  // namespace gpuward::agent
