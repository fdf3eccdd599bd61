#include "ledger/keeper.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "base/text.h"
#include "host/child.h"
#include "ledger/channel.h"
#include "ledger/store.h"

namespace gpuward::ledger {
namespace {

constexpr int kSocket = 3;
constexpr Boot kNever = Boot::max();
constexpr Millis kKept = std::chrono::days(90);
constexpr int64_t kMostEntries = 100'000;
constexpr int64_t kMostAsked = 10'000;

Json row_frame(const StoredEntry& entry, std::string_view newest = {}) {
  Json row;
  row.set("id", entry.id);
  row.set("operation", entry.operation);
  row.set("at", entry.at.time_since_epoch().count());
  row.set("boot_id", entry.boot_id);
  row.set("kind", entry.kind);
  row.set("what", entry.what);
  if (!newest.empty()) row.set("newest", newest);
  Json frame;
  frame.set("row", std::move(row));
  return frame;
}

// What the keeper has open.
class Desk {
 public:
  // The last frame of the answer.
  Result<Json> answer(const Json& request, Fd& file);

 private:
  Result<Json> open(const Json& request);
  static Result<Json> append(Store& store, const Json& request);
  Result<Json> lock(const Json& request, Fd& file);
  static Result<Json> unfinished(Store& store);
  static Result<Json> entries(Store& store, const Json& request);

  std::string folder_;
  std::optional<Store> store_;
  Fd held_;
};

Result<Json> Desk::open(const Json& request) {
  folder_ = request["folder"].as_string();
  if (!request["acting"].as_bool()) {
    store_ = TRY(Store::open_for_reading(folder_));
    return Json::object();
  }
  Store store = TRY(Store::open_for_acting(folder_));
  TRY_VOID(store.forget(wall_now() - kKept, kMostEntries));
  store_ = std::move(store);
  return Json::object();
}

Result<Json> Desk::append(Store& store, const Json& request) {
  const int64_t id = TRY(store.append(
      {0, request["operation"].as_integer(),
       Wall(Millis(request["at"].as_integer())),
       std::string(request["boot_id"].as_string()),
       std::string(request["kind"].as_string()), request["what"].dump()}));
  Json out;
  out.set("id", id);
  return out;
}

// The file is opened here, since a stalled disk stalls that as well. The lock
// is that of the open file, which our caller gets, and undoes. We have it open
// too: where our caller is killed, nobody else acts before its last entry is
// written.
Result<Json> Desk::lock(const Json& request, Fd& file) {
  held_.reset();
  const std::string path = folder_ + "/acting.lock";
  file =
      Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return fail_errno(errno, "opening " + path);
  std::array<char, 32> text{};
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
    const std::string owner = std::to_string(request["owner"].as_integer());
    if (::ftruncate(file.get(), 0) != 0 ||
        ::pwrite(file.get(), owner.data(), owner.size(), 0) < 0) {
      return fail_errno(errno, "writing " + path);
    }
    held_ = Fd(::fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
    return Json::object();
  }
  if (errno != EWOULDBLOCK) return fail_errno(errno, "locking " + path);
  const ssize_t size = ::pread(file.get(), text.data(), text.size(), 0);
  file.reset();
  const std::string_view owner(text.data(),
                               size > 0 ? static_cast<size_t>(size) : 0);
  Json out;
  out.set("held_by", to_number<int64_t>(trim(owner)).value_or(0));
  return out;
}

Result<Json> Desk::unfinished(Store& store) {
  for (const StoredOperation& each : TRY(store.unfinished())) {
    TRY_VOID(send_frame(kSocket, row_frame(each.begun, each.newest), kNever));
  }
  return Json::object();
}

Result<Json> Desk::entries(Store& store, const Json& request) {
  const int64_t most = std::min(request["most"].as_integer(), kMostAsked);
  for (const StoredEntry& each : TRY(store.newest(most))) {
    TRY_VOID(send_frame(kSocket, row_frame(each), kNever));
  }
  return Json::object();
}

Result<Json> Desk::answer(const Json& request, Fd& file) {
  const std::string_view wanted = request["do"].as_string();
  if (wanted == "open") return open(request);
  if (!store_) return fail(Error::Kind::malformed, "the ledger is not open");
  if (wanted == "append") return append(*store_, request);
  if (wanted == "lock") return lock(request, file);
  if (wanted == "unfinished") return unfinished(*store_);
  if (wanted == "entries") return entries(*store_, request);
  return fail(Error::Kind::malformed, "no such request");
}

void serve() {
  Json hello;
  hello.set("pid", static_cast<int>(::getpid()));
  if (!send_frame(kSocket, hello, kNever)) return;
  Desk desk;
  for (;;) {
    const auto request = receive_frame(kSocket, kNever);
    if (!request) return;
    Fd file;
    const auto answer = desk.answer(request->json, file);
    const Json frame = answer ? *answer : error_frame(answer.error());
    if (!send_frame(kSocket, frame, kNever, answer ? file.get() : -1)) return;
  }
}

}  // namespace

Result<Keeper> start_keeper(Boot deadline) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) !=
      0) {
    return fail_errno(errno, "making a socket for the ledger");
  }
  Keeper out{Fd(ends[0]), 0};
  Fd theirs(ends[1]);
  // Nobody's child: one that is stuck need not be waited for, and one that ends
  // leaves no zombie.
  const auto started =
      host::start_child({.descriptors = {-1, -1, -1, theirs.get()},
                         .work =
                             [] {
                               ::umask(077);
                               serve();
                             },
                         .name = "gpuward-ledger",
                         .group = host::ChildSpec::Group::own_session,
                         .is_orphan = true});
  if (!started) return wrap(started.error(), "starting the ledger's process");
  theirs.reset();
  auto hello = receive_frame(out.socket.get(), deadline);
  if (!hello) return wrap(hello.error(), "starting the ledger's process");
  out.pid = static_cast<pid_t>(hello->json["pid"].as_integer());
  return out;
}

}  // namespace gpuward::ledger
