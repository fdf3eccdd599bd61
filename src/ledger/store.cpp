#include "ledger/store.h"

#include <fmt/core.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace gpuward::ledger {
namespace {

constexpr int64_t kSchema = 1;
constexpr int kBusyMillis = 2000;  // another gpuward writes an entry
// "gpuw": tells our file from any other database.
constexpr int64_t kApplication = 0x67707577;
constexpr const char* kMakeTables = R"(
  CREATE TABLE entries(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    operation INTEGER NOT NULL,
    at INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    what TEXT NOT NULL);
  CREATE INDEX by_operation ON entries(operation, id);
  CREATE INDEX by_kind ON entries(kind, operation);
)";

struct Finalizer {
  void operator()(sqlite3_stmt* statement) const {
    ::sqlite3_finalize(statement);
  }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalizer>;

Result<Statement> prepare(sqlite3* database, const char* sql) {
  sqlite3_stmt* raw = nullptr;
  if (::sqlite3_prepare_v2(database, sql, -1, &raw, nullptr) != SQLITE_OK) {
    return fail(Error::Kind::system, "preparing");
  }
  return Statement(raw);
}

// The text outlives the statement's step in all callers.
void put_value(const Statement& statement, int index, const std::string& text) {
  ::sqlite3_bind_text(statement.get(), index, text.data(),
                      static_cast<int>(text.size()), nullptr);
}
void put_value(const Statement& statement, int index, int64_t number) {
  ::sqlite3_bind_int64(statement.get(), index, number);
}

std::string text_of(const Statement& statement, int column) {
  const void* bytes = ::sqlite3_column_blob(statement.get(), column);
  const int size = ::sqlite3_column_bytes(statement.get(), column);
  if (bytes == nullptr || size <= 0) return {};
  return {static_cast<const char*>(bytes), static_cast<size_t>(size)};
}

StoredEntry entry_of(const Statement& row) {
  return {::sqlite3_column_int64(row.get(), 0),
          ::sqlite3_column_int64(row.get(), 1),
          Wall(Millis(::sqlite3_column_int64(row.get(), 2))),
          text_of(row, 3),
          text_of(row, 4),
          text_of(row, 5)};
}

Result<void> make_folder(const std::string& folder) {
  const size_t slash = folder.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    // The one above is for everybody; whether it is there shows below.
    ::mkdir(folder.substr(0, slash).c_str(), 0755);
  }
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail_errno(errno, "making " + folder);
  }
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0) return fail_errno(errno, folder);
  if (!S_ISDIR(status.st_mode)) return fail_errno(ENOTDIR, folder);
  if (status.st_uid != ::geteuid() || (status.st_mode & 022) != 0) {
    return fail(Error::Kind::denied,
                folder +
                    " belongs to somebody else, or others may write to "
                    "it: what it says cannot be trusted");
  }
  return {};
}

}  // namespace

void Store::Closer::operator()(sqlite3* database) const {
  ::sqlite3_close(database);
}

std::unexpected<Error> Store::failure(std::string_view doing) const {
  const int code = ::sqlite3_errcode(database_.get()) & 0xff;
  const std::string why = ::sqlite3_errmsg(database_.get());
  if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) {
    return fail(Error::Kind::malformed,
                fmt::format("the ledger {} is damaged ({}): what was begun and "
                            "not ended is not known. Look whether a repair was "
                            "interrupted, then move the file away",
                            file_, why));
  }
  Error::Kind kind = Error::Kind::system;
  if (code == SQLITE_BUSY) kind = Error::Kind::busy;
  if (code == SQLITE_PERM || code == SQLITE_READONLY) {
    kind = Error::Kind::denied;
  }
  return fail(kind, fmt::format("{} the ledger {}: {}", doing, file_, why));
}

Result<void> Store::execute(const char* sql) {
  if (::sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) !=
      SQLITE_OK) {
    return failure("writing");
  }
  return {};
}

Result<int64_t> Store::number(const char* sql) {
  auto statement = prepare(database_.get(), sql);
  if (!statement || ::sqlite3_step(statement->get()) != SQLITE_ROW) {
    return failure("reading");
  }
  return ::sqlite3_column_int64(statement->get(), 0);
}

// A power cut keeps what was committed: EXTRA also syncs the folder after the
// rollback journal is gone, else a committed entry could be rolled back.
Result<void> Store::prepare_file() {
  ::sqlite3_busy_timeout(database_.get(), kBusyMillis);
  return execute(
      "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA;"
      "PRAGMA trusted_schema=OFF;");
}

Result<void> Store::check_schema(bool may_make) {
  const int64_t schema = TRY(number("PRAGMA user_version"));
  const int64_t tables = TRY(number("SELECT count(*) FROM sqlite_schema"));
  const int64_t application = TRY(number("PRAGMA application_id"));
  if (schema == 0 && tables == 0 && may_make) {
    TRY_VOID(execute("BEGIN IMMEDIATE"));
    // Somebody else may have been first.
    if (TRY(number("PRAGMA user_version")) == 0) {
      TRY_VOID(execute(kMakeTables));
      TRY_VOID(execute(fmt::format("PRAGMA application_id={};"
                                   "PRAGMA user_version={}",
                                   kApplication, kSchema)
                           .c_str()));
    }
    return execute("COMMIT");
  }
  if (application != kApplication) {
    return fail(
        Error::Kind::malformed,
        file_ + " is a database, but no ledger of gpuward: move it away");
  }
  if (schema > kSchema) {
    return fail(Error::Kind::unsupported,
                fmt::format("{} was written by a newer gpuward (schema {}, "
                            "this one knows {}): use that one",
                            file_, schema, kSchema));
  }
  return {};
}

Result<Store> Store::open_for_acting(const std::string& folder) {
  TRY_VOID(make_folder(folder));
  const std::string file = folder + "/ledger.db";
  sqlite3* raw = nullptr;
  const int code = ::sqlite3_open_v2(
      file.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  Store out(Database(raw), file);
  if (code != SQLITE_OK) return out.failure("opening");
  TRY_VOID(out.prepare_file());
  TRY_VOID(out.check_schema(true));
  return out;
}

Result<Store> Store::open_for_reading(const std::string& folder) {
  const std::string file = folder + "/ledger.db";
  if (::access(file.c_str(), F_OK) != 0) {
    return fail_errno(errno, "opening the ledger " + file);
  }
  sqlite3* raw = nullptr;
  // Writable where that is allowed: what a power cut left half written is
  // taken back by whoever opens it next.
  const int flags = ::access(file.c_str(), W_OK) == 0 ? SQLITE_OPEN_READWRITE
                                                      : SQLITE_OPEN_READONLY;
  const int code = ::sqlite3_open_v2(file.c_str(), &raw, flags, nullptr);
  Store out(Database(raw), file);
  if (code != SQLITE_OK) return out.failure("opening");
  ::sqlite3_busy_timeout(out.database_.get(), kBusyMillis);
  TRY_VOID(out.check_schema(false));
  return out;
}

Result<int64_t> Store::append(const StoredEntry& entry) {
  TRY_VOID(execute("BEGIN IMMEDIATE"));
  const auto add = [this, &entry]() -> Result<int64_t> {
    auto insert = prepare(database_.get(),
                          "INSERT INTO entries(operation,at,boot_id,kind,what) "
                          "VALUES(?,?,?,?,?)");
    if (!insert) return failure("writing");
    put_value(*insert, 1, entry.operation);
    put_value(*insert, 2, entry.at.time_since_epoch().count());
    put_value(*insert, 3, entry.boot_id);
    put_value(*insert, 4, entry.kind);
    put_value(*insert, 5, entry.what);
    if (::sqlite3_step(insert->get()) != SQLITE_DONE) return failure("writing");
    const int64_t id = ::sqlite3_last_insert_rowid(database_.get());
    if (entry.operation == kNew) {
      TRY_VOID(
          execute(fmt::format("UPDATE entries SET operation=id WHERE id={}", id)
                      .c_str()));
    }
    return id;
  };
  auto id = add();
  if (id) {
    if (auto done = execute("COMMIT"); !done)
      id = std::unexpected(done.error());
  }
  if (!id) {
    // Its own failure changes nothing: what is not committed is not there.
    const auto ignored = execute("ROLLBACK");
    static_cast<void>(ignored);
  }
  return id;
}

Result<std::vector<StoredOperation>> Store::unfinished() {
  auto rows = prepare(database_.get(), R"(
    SELECT id, operation, at, boot_id, kind, what,
      (SELECT kind FROM entries later WHERE later.operation = begun.id
       ORDER BY later.id DESC LIMIT 1)
    FROM entries begun WHERE kind = 'begun' AND NOT EXISTS
      (SELECT 1 FROM entries ended
       WHERE ended.kind = 'outcome' AND ended.operation = begun.id)
    ORDER BY id LIMIT 1000)");
  if (!rows) return failure("reading");
  std::vector<StoredOperation> out;
  int code = SQLITE_ROW;
  while ((code = ::sqlite3_step(rows->get())) == SQLITE_ROW) {
    out.push_back({entry_of(*rows), text_of(*rows, 6)});
  }
  if (code != SQLITE_DONE) return failure("reading");
  return out;
}

Result<std::vector<StoredEntry>> Store::newest(int64_t most) {
  auto rows = prepare(database_.get(),
                      "SELECT id, operation, at, boot_id, kind, what "
                      "FROM entries ORDER BY id DESC LIMIT ?");
  if (!rows) return failure("reading");
  put_value(*rows, 1, most);
  std::vector<StoredEntry> out;
  int code = SQLITE_ROW;
  while ((code = ::sqlite3_step(rows->get())) == SQLITE_ROW) {
    out.push_back(entry_of(*rows));
  }
  if (code != SQLITE_DONE) return failure("reading");
  return out;
}

// An operation goes as a whole: were its outcome gone and its beginning still
// there, it would look unfinished.
Result<void> Store::forget(Wall older_than, int64_t most_entries) {
  constexpr const char* kForget = R"(
    DELETE FROM entries WHERE id IN (
      SELECT id FROM entries WHERE
        (operation = 0 AND (at < ?1 OR id <= ?2)) OR
        operation IN (SELECT operation FROM entries
                      WHERE kind = 'outcome' AND (at < ?1 OR id <= ?2))))";
  const int64_t newest = TRY(number("SELECT coalesce(max(id),0) FROM entries"));
  auto statement = prepare(database_.get(), kForget);
  if (!statement) return failure("writing");
  put_value(*statement, 1, older_than.time_since_epoch().count());
  put_value(*statement, 2, newest - most_entries);
  if (::sqlite3_step(statement->get()) != SQLITE_DONE) {
    return failure("writing");
  }
  return {};
}

}  // namespace gpuward::ledger
