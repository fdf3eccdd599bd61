// The ledger's file: SQLite, which nobody else includes. Blocks as long as the
// disk does, and so is used by the keeper alone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

struct sqlite3;

namespace gpuward::ledger {

// A row as it stands there; `what` is JSON.
struct StoredEntry {
  int64_t id = 0;
  int64_t operation = 0;
  Wall at{};
  std::string boot_id;
  std::string kind;
  std::string what;
};

// A "begun" without an "outcome".
struct StoredOperation {
  StoredEntry begun;
  std::string newest;  // the kind of its newest entry
};

class Store {
 public:
  // Makes folder and file where they are missing. Refuses a folder that others
  // may write to.
  static Result<Store> open_for_acting(const std::string& folder);
  // Error::not_found where there is no file.
  static Result<Store> open_for_reading(const std::string& folder);

  // On disk when it returns. Operation kNew: one that begins with this entry
  // and takes its id.
  static constexpr int64_t kNew = -1;
  Result<int64_t> append(const StoredEntry& entry);
  Result<std::vector<StoredOperation>> unfinished();
  Result<std::vector<StoredEntry>> newest(int64_t most);

  // Forgets operations that were closed before `older_than`, or `most_entries`
  // entries ago; refusals likewise.
  Result<void> forget(Wall older_than, int64_t most_entries);

 private:
  struct Closer {
    void operator()(sqlite3* database) const;
  };
  using Database = std::unique_ptr<sqlite3, Closer>;
  explicit Store(Database database, std::string file)
      : database_(std::move(database)), file_(std::move(file)) {}
  Result<void> prepare_file();
  Result<void> check_schema(bool may_make);
  std::unexpected<Error> failure(std::string_view doing) const;
  Result<void> execute(const char* sql);
  Result<int64_t> number(const char* sql);

  Database database_;
  std::string file_;
};

}  // namespace gpuward::ledger
