// The ledger: what was about to be done is written down before it begins
// (design, law 6). Append-only, in SQLite, `ledger.db` of the state directory.
//
// The file is written by a process of its own (keeper.h): a write can stall in
// state D like anything else, and then appending fails at its deadline, acting
// is refused, and nobody hangs, not even at exit.
//
// What has ended is forgotten after 90 days, or when 100 000 entries have come
// after it; what has not ended never is.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "model/plan.h"

namespace gpuward::ledger {

// How far an operation came, as the newest entry about it says.
enum class Stage {
  begun,    // checked, undo known; run() may have happened in part
  ran,      // run() returned; not verified
  undoing,  // undo() may have happened in part
  closed,   // its outcome stands in the ledger
};

struct Operation {
  int64_t id = 0;
  std::string boot_id;
  Wall at{};
  Step step;
  Json undo;  // what the action needs to undo it
  Stage stage = Stage::begun;
};

// One at a time acts. Ends with this object, or with our process.
class ActingLock {
 public:
  explicit ActingLock(Fd file) : file_(std::move(file)) {}
  ~ActingLock();
  ActingLock(ActingLock&&) noexcept = default;
  ActingLock& operator=(ActingLock&&) noexcept = delete;

 private:
  Fd file_;
};

struct LedgerEntry {
  int64_t id = 0;
  int64_t operation = 0;  // 0: not about one
  Wall at{};
  std::string boot_id;
  std::string kind;  // "begun", "ran", "undoing", "outcome", "refusal"
  Json what;
};

class Ledger {
 public:
  // Makes the directory (0700) and the file where missing, and forgets what is
  // old. Error::timeout where the disk does not answer; Error::malformed for a
  // damaged file and Error::unsupported for one of a newer gpuward: neither is
  // put aside, since it may say what is to be undone. `deadline` is that of
  // each call below, too.
  static Result<Ledger> open_for_acting(const std::string& state_dir,
                                        const std::string& boot_id,
                                        Millis deadline = 5s);
  // Makes nothing: Error::not_found where nothing was ever written.
  static Result<Ledger> open_for_reading(const std::string& state_dir,
                                         Millis deadline = 5s);
  ~Ledger();
  Ledger(Ledger&&) noexcept;
  Ledger& operator=(Ledger&&) noexcept;

  // To be held while something is done (`acting.lock` of the state directory).
  // Error::busy, with the holder's pid, where it is not free in time.
  Result<ActingLock> lock_for_acting(Millis patience = 5s);

  // Each is on disk when it returns; on failure nothing may be begun. After
  // Error::timeout every later call fails at once.
  Result<int64_t> begin(const Step& step, const Json& undo);
  Result<void> advance(int64_t operation, Stage stage, std::string_view why);
  Result<void> close(int64_t operation, const Outcome& outcome);
  Result<void> record_refusal(const Refusal& refusal);

  // Operations that are not closed, oldest first: somebody was interrupted.
  Result<std::vector<Operation>> unfinished();
  // The newest entries, newest first; 10 000 at most.
  Result<std::vector<LedgerEntry>> entries(size_t most);

 private:
  struct Inside;
  static Result<Ledger> open(const std::string& state_dir,
                             const std::string& boot_id, bool acting,
                             Millis deadline);
  explicit Ledger(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace gpuward::ledger
