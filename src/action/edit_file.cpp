#include "action/edit_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/fd.h"
#include "base/text.h"
#include "host/edit.h"

namespace gpuward::action {
namespace {

constexpr size_t kMaxFile = 1 << 20;
// The ledger takes entries of some 60 KiB; a step stands in it twice.
constexpr size_t kMaxChange = 8 << 10;

std::string hash_of(std::string_view text) {
  uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211ULL;
  }
  return fmt::format("{:016x}", hash);
}

Json mark_of(const FileText& text) {
  if (!text) return {};
  Json mark;
  mark.set("size", static_cast<int64_t>(text->size()));
  mark.set("hash", hash_of(*text));
  return mark;
}

std::string path_of(const Step& step) {
  return std::string(step.arguments["path"].as_string());
}

bool survives_json(const std::string& text) {
  const auto again = Json::parse(Json(text).dump());
  return again && again->as_string() == text;
}

// What is equal at both ends is left out.
struct Change {
  size_t at = 0;
  std::string removed;
  std::string inserted;
};

Change change_of(const std::string& before, const std::string& after) {
  const size_t most = std::min(before.size(), after.size());
  size_t head = 0;
  while (head < most && before[head] == after[head]) ++head;
  size_t tail = 0;
  while (tail < most - head &&
         before[before.size() - 1 - tail] == after[after.size() - 1 - tail]) {
    ++tail;
  }
  return {head, before.substr(head, before.size() - tail - head),
          after.substr(head, after.size() - tail - head)};
}

std::unexpected<Error> changed_since(const Step& step) {
  return fail(Error::Kind::busy, path_of(step) +
                                     " is not what it was when this was "
                                     "planned: somebody changed it");
}

// `now`, of which `from` is the mark, with `removed` at its place replaced.
Result<FileText> apply(const Step& step, const FileText& now,
                       std::string_view from, std::string_view to,
                       std::string_view removed, std::string_view inserted) {
  const Json& arguments = step.arguments;
  if (mark_of(now) != arguments[from]) return changed_since(step);
  if (arguments[to].is_null()) return FileText();
  std::string text = now.value_or(std::string());
  const auto at = static_cast<size_t>(arguments["at"].as_integer());
  const std::string_view old = arguments[removed].as_string();
  if (at > text.size() || text.compare(at, old.size(), old) != 0) {
    return changed_since(step);
  }
  text.replace(at, old.size(), arguments[inserted].as_string());
  if (mark_of(text) != arguments[to]) return changed_since(step);
  return FileText(std::move(text));
}

Result<void> check_arguments(const Step& step) {
  const Json& arguments = step.arguments;
  const bool is_whole =
      path_of(step).starts_with('/') && arguments["at"].is_integer() &&
      arguments["at"].as_integer() >= 0 && arguments["removed"].is_string() &&
      arguments["inserted"].is_string() &&
      arguments["before"] != arguments["after"];
  if (is_whole) return {};
  return fail(Error::Kind::malformed, "not the arguments of an edit");
}

Result<void> make_private_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return fail_errno(errno, "making " + path);
}

Result<void> write_new(const std::string& path, std::string_view text) {
  const Fd file(::open(path.c_str(),
                       O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                       0600));
  if (!file.valid()) return fail_errno(errno, "writing " + path);
  while (!text.empty()) {
    const ssize_t done = ::write(file.get(), text.data(), text.size());
    if (done < 0 && errno != EINTR) return fail_errno(errno, "writing " + path);
    if (done > 0) text.remove_prefix(static_cast<size_t>(done));
  }
  if (::fsync(file.get()) != 0) return fail_errno(errno, "writing " + path);
  return {};
}

// The name says what is in it: one that is there already, from an earlier try,
// is written again.
Result<void> keep_backup(const host::Host& host, const Step& step,
                         const std::string& text) {
  TRY_VOID(make_private_folder(host.state_dir));
  TRY_VOID(make_private_folder(host.state_dir + "/backups"));
  return write_new(backup_of(host, step), text);
}

Result<void> put(const host::Root& root, const std::string& path,
                 const FileText& text) {
  if (!text) return host::remove_file(root, path);
  const auto written = host::write_file(root, path, *text);
  if (written || written.error().kind != Error::Kind::not_found) return written;
  TRY_VOID(host::make_folder(root, path.substr(0, path.rfind('/'))));
  return host::write_file(root, path, *text);
}

}  // namespace

std::string backup_of(const host::Host& host, const Step& step) {
  std::string name = path_of(step).substr(1);
  std::ranges::replace(name, '/', '!');
  constexpr size_t kMostName = 200;
  if (name.size() > kMostName) name.erase(0, name.size() - kMostName);
  return fmt::format("{}/backups/{}.{}", host.state_dir, name,
                     step.arguments["before"]["hash"].as_string());
}

Result<FileText> read_for_edit(const host::Root& root,
                               const std::string& path) {
  const auto status = root.lstat(path);
  if (!status && status.error().kind == Error::Kind::not_found) {
    return FileText();
  }
  if (!status) return std::unexpected(status.error());
  if (S_ISLNK(status->st_mode)) {
    return fail(Error::Kind::busy,
                path + " is a link, and links are not edited through");
  }
  auto text = TRY(root.read(path, kMaxFile + 1));
  if (text.size() > kMaxFile) {
    return fail(Error::Kind::unsupported, path + " is over 1 MiB");
  }
  return FileText(std::move(text));
}

Result<Step> edit_file_step(const std::string& path, const FileText& before,
                            const FileText& after, std::string_view purpose) {
  const Change change =
      change_of(before.value_or(std::string()), after.value_or(std::string()));
  if (change.removed.size() + change.inserted.size() > kMaxChange ||
      !survives_json(change.removed) || !survives_json(change.inserted)) {
    return fail(Error::Kind::unsupported,
                path +
                    ": the change is too large, or holds bytes that are no "
                    "text");
  }
  Step step;
  step.action = kEditFile.name;
  step.arguments.set("path", path);
  step.arguments.set("purpose", purpose);
  step.arguments.set("before", mark_of(before));
  step.arguments.set("after", mark_of(after));
  step.arguments.set("at", static_cast<int64_t>(change.at));
  step.arguments.set("removed", change.removed);
  step.arguments.set("inserted", change.inserted);
  return step;
}

Result<FileText> text_after(const Step& step, const FileText& now) {
  return apply(step, now, "before", "after", "removed", "inserted");
}

Result<FileText> text_before(const Step& step, const FileText& now) {
  return apply(step, now, "after", "before", "inserted", "removed");
}

namespace edit_file {

Result<Action::Checked> check(const host::Host& host, const Step& step) {
  TRY_VOID(check_arguments(step));
  const std::string path = path_of(step);
  const FileText now = TRY(read_for_edit(host.evidence, path));
  Action::Checked out;
  if (mark_of(now) == step.arguments["after"]) {
    out.already = true;
    out.text = path + " says so already";
    return out;
  }
  TRY(text_after(step, now));
  out.undo = Json::object();
  if (now) out.undo.set("backup", backup_of(host, step));
  return out;
}

Result<void> run(const host::Host& host, const Step& step) {
  const std::string path = path_of(step);
  const FileText now = TRY(read_for_edit(host.evidence, path));
  if (mark_of(now) == step.arguments["after"]) return {};
  const FileText after = TRY(text_after(step, now));
  if (now) TRY_VOID(keep_backup(host, step, *now));
  return put(host.evidence, path, after);
}

Result<std::string> verify(const host::Host& host, const Step& step) {
  const std::string path = path_of(step);
  const FileText now = TRY(read_for_edit(host.evidence, path));
  if (mark_of(now) != step.arguments["after"]) {
    return fail(Error::Kind::system, path + " does not say what was planned");
  }
  return now ? path + ", read again, says what was planned"
             : path + " is gone, as planned";
}

Result<void> undo(const host::Host& host, const Step& step,
                  const Json& /*undo*/) {
  const std::string path = path_of(step);
  const FileText now = TRY(read_for_edit(host.evidence, path));
  if (mark_of(now) == step.arguments["before"]) return {};
  auto before = text_before(step, now);
  // Not busy: another try would meet the same text.
  if (!before) return fail(Error::Kind::system, before.error().text);
  return put(host.evidence, path, *before);
}

}  // namespace edit_file
}  // namespace gpuward::action
