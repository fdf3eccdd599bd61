#include "ledger/ledger.h"

#include <fmt/core.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <functional>

#include "ledger/channel.h"
#include "ledger/keeper.h"
#include "ledger/store.h"
#include "model/json.h"

namespace gpuward::ledger {
namespace {

// By the kind of an operation's newest entry.
Result<Stage> stage_of(std::string_view kind) {
  if (kind == "begun") return Stage::begun;
  if (kind == "ran") return Stage::ran;
  if (kind == "undoing") return Stage::undoing;
  if (kind == "outcome") return Stage::closed;
  return fail(Error::Kind::malformed,
              fmt::format("the ledger has an entry \"{}\" that this gpuward "
                          "does not know",
                          kind));
}

Result<LedgerEntry> entry_of(const Json& row) {
  return LedgerEntry{row["id"].as_integer(),
                     row["operation"].as_integer(),
                     Wall(Millis(row["at"].as_integer())),
                     std::string(row["boot_id"].as_string()),
                     std::string(row["kind"].as_string()),
                     TRY(Json::parse(row["what"].as_string()))};
}

Result<Operation> operation_of(const Json& row) {
  const LedgerEntry begun = TRY(entry_of(row));
  return Operation{
      begun.id,           begun.boot_id,
      begun.at,           TRY(step_from_json(begun.what["step"])),
      begun.what["undo"], TRY(stage_of(row["newest"].as_string()))};
}

}  // namespace

ActingLock::~ActingLock() {
  // Said, not only closed: a child of ours may still have the file.
  if (file_.valid()) ::flock(file_.get(), LOCK_UN);
}

namespace {

// The keeper of this process that did not answer. While it waits for its disk
// no other one is started for that folder: whoever heals for days would leave
// one in state D at every attempt.
struct Stuck {
  Fd socket;
  pid_t pid = 0;
  std::string folder;
};
Stuck stuck;

std::string why_late(const std::string& folder, pid_t pid) {
  return fmt::format(
      "the disk with {} does not answer (process {} waits for it): nothing "
      "is done that cannot be written down",
      folder, pid);
}

Result<void> check_stuck(const std::string& folder) {
  if (!stuck.socket.valid() || stuck.folder != folder) return {};
  char late = 0;
  const ssize_t got =
      ::recv(stuck.socket.get(), &late, sizeof late, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    return fail(Error::Kind::timeout, why_late(folder, stuck.pid));
  }
  stuck = {};  // it has answered, or ended
  return {};
}

}  // namespace

struct Ledger::Inside {
  Inside() = default;
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() {
    if (!broken || broken->kind != Error::Kind::timeout) return;
    // It ends once it comes back; until then it is not heard to end.
    ::shutdown(keeper.socket.get(), SHUT_WR);
    stuck = {std::move(keeper.socket), keeper.pid, folder};
  }

  std::string folder;
  std::string boot_id;
  Millis deadline{0};
  Keeper keeper;
  std::optional<Error> broken;

  Error said(Error error) const;
  // All frames of an answer; rows go to `take`.
  Result<Frame> ask(
      const Json& request,
      const std::function<Result<void>(const Json& row)>& take = {});
  Result<Frame> exchange(
      const Json& request,
      const std::function<Result<void>(const Json& row)>& take);
  Result<int64_t> append(int64_t operation, std::string_view kind, Json what);
};

Error Ledger::Inside::said(Error error) const {
  if (error.kind == Error::Kind::timeout) {
    error.text = why_late(folder, keeper.pid);
  }
  if (error.kind == Error::Kind::gone) {
    error.text = "the process that writes " + folder + " has ended";
  }
  return error;
}

Result<Frame> Ledger::Inside::exchange(
    const Json& request,
    const std::function<Result<void>(const Json& row)>& take) {
  const Boot until = BootClock::now() + deadline;
  TRY_VOID(send_frame(keeper.socket.get(), request, until));
  std::optional<Error> problem;
  for (;;) {
    Frame frame = TRY(receive_frame(keeper.socket.get(), until));
    const Json& row = frame.json["row"];
    if (row.is_null()) {
      if (problem) return std::unexpected(*problem);
      return frame;
    }
    // Read on: the next answer must not find these rows before it.
    if (problem || !take) continue;
    if (auto taken = take(row); !taken) problem = taken.error();
  }
}

Result<Frame> Ledger::Inside::ask(
    const Json& request,
    const std::function<Result<void>(const Json& row)>& take) {
  if (broken) return std::unexpected(*broken);
  auto frame = exchange(request, take);
  if (!frame) {
    const Error error = said(frame.error());
    // Whether that was written nobody knows, and its answer may still come.
    if (error.kind == Error::Kind::timeout || error.kind == Error::Kind::gone) {
      broken = error;
    }
    return std::unexpected(error);
  }
  const Json& error = frame->json["error"];
  if (!error.is_null()) return std::unexpected(error_of(error));
  return frame;
}

Result<int64_t> Ledger::Inside::append(int64_t operation, std::string_view kind,
                                       Json what) {
  // It comes back quoted within a frame, at most twice as long.
  if (what.dump().size() > kMostFrameBytes / 2 - 1024) {
    return fail(Error::Kind::malformed, "too large for the ledger");
  }
  Json request;
  request.set("do", "append");
  request.set("operation", operation);
  request.set("at", wall_now().time_since_epoch().count());
  request.set("boot_id", boot_id);
  request.set("kind", kind);
  request.set("what", std::move(what));
  const Frame answer = TRY(ask(request));
  return answer.json["id"].as_integer();
}

Ledger::Ledger(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
Ledger::~Ledger() = default;
Ledger::Ledger(Ledger&&) noexcept = default;
Ledger& Ledger::operator=(Ledger&&) noexcept = default;

Result<Ledger> Ledger::open(const std::string& state_dir,
                            const std::string& boot_id, bool acting,
                            Millis deadline) {
  TRY_VOID(check_stuck(state_dir));
  auto inside = std::make_unique<Inside>();
  inside->folder = state_dir;
  inside->boot_id = boot_id;
  inside->deadline = deadline;
  inside->keeper = TRY(start_keeper(BootClock::now() + deadline));
  Json request;
  request.set("do", "open");
  request.set("folder", state_dir);
  request.set("acting", acting);
  TRY(inside->ask(request));
  return Ledger(std::move(inside));
}

Result<Ledger> Ledger::open_for_acting(const std::string& state_dir,
                                       const std::string& boot_id,
                                       Millis deadline) {
  return open(state_dir, boot_id, true, deadline);
}

Result<Ledger> Ledger::open_for_reading(const std::string& state_dir,
                                        Millis deadline) {
  return open(state_dir, "", false, deadline);
}

Result<ActingLock> Ledger::lock_for_acting(Millis patience) {
  constexpr timespec kPause{0, 20'000'000};
  const Boot until = BootClock::now() + patience;
  Json request;
  request.set("do", "lock");
  request.set("owner", static_cast<int>(::getpid()));
  for (;;) {
    Frame answer = TRY(inside_->ask(request));
    if (answer.file.valid()) return ActingLock(std::move(answer.file));
    if (BootClock::now() >= until) {
      return fail(Error::Kind::busy,
                  fmt::format("another gpuward (process {}) is repairing; one "
                              "at a time",
                              answer.json["held_by"].as_integer()));
    }
    ::nanosleep(&kPause, nullptr);
  }
}

Result<int64_t> Ledger::begin(const Step& step, const Json& undo) {
  Json what;
  what.set("step", to_json(step));
  what.set("undo", undo);
  return inside_->append(Store::kNew, "begun", std::move(what));
}

Result<void> Ledger::advance(int64_t operation, Stage stage,
                             std::string_view why) {
  Json what;
  what.set("why", why);
  TRY(inside_->append(operation, stage == Stage::ran ? "ran" : "undoing",
                      std::move(what)));
  return {};
}

Result<void> Ledger::close(int64_t operation, const Outcome& outcome) {
  TRY(inside_->append(operation, "outcome", to_json(outcome)));
  return {};
}

Result<void> Ledger::record_refusal(const Refusal& refusal) {
  TRY(inside_->append(0, "refusal", to_json(refusal)));
  return {};
}

Result<std::vector<Operation>> Ledger::unfinished() {
  std::vector<Operation> out;
  Json request;
  request.set("do", "unfinished");
  TRY(inside_->ask(request, [&out](const Json& row) -> Result<void> {
    out.push_back(TRY(operation_of(row)));
    return {};
  }));
  return out;
}

Result<std::vector<LedgerEntry>> Ledger::entries(size_t most) {
  std::vector<LedgerEntry> out;
  Json request;
  request.set("do", "entries");
  request.set("most", static_cast<int64_t>(most));
  TRY(inside_->ask(request, [&out](const Json& row) -> Result<void> {
    out.push_back(TRY(entry_of(row)));
    return {};
  }));
  return out;
}

}  // namespace gpuward::ledger
