#include "logs/log_files.h"

#include <fmt/core.h>
#include <linux/magic.h>
#include <sys/statfs.h>

#include <algorithm>
#include <filesystem>

#include "logs/encoding.h"
#include "logs/export_lines.h"
#include "logs/file_bytes.h"
#include "logs/json_document.h"
#include "logs/split_records.h"
#include "logs/tar.h"
#include "logs/verbose_lines.h"

namespace gpuward::logs {
namespace {

namespace fs = std::filesystem;

constexpr int kMostFiles = 20000;
constexpr int kDeepest = 12;
// An archive in an archive (a support bundle within a case's upload).
constexpr int kNestedArchives = 2;
constexpr size_t kSniffed = 4096;

// What systemd's own files begin with.
constexpr std::string_view kJournalMagic = "LPKSHHRH";

// Files of our own bundles that speak about faults and are no logs: JSON whose
// first member is "gpuward", and the readable index.
bool is_of_a_bundle(std::string_view head) {
  if (head.starts_with("# gpuward bundle")) return true;
  if (!head.starts_with('{')) return false;
  const size_t first = head.find_first_not_of(" \r\n\t", 1);
  return first != std::string_view::npos &&
         head.substr(first).starts_with("\"gpuward\":");
}

void note(LogWalk& walk, std::string why) {
  walk.gaps.push_back({"log", std::move(why)});
}

// Reports on its way how much was read of the file beneath.
class Watched final : public ByteSource {
 public:
  Watched(std::unique_ptr<FileBytes> file, const LogWalk& walk)
      : file_(std::move(file)), walk_(walk) {}
  Result<size_t> read(char* buffer, size_t size) override {
    auto got = file_->read(buffer, size);
    if (walk_.progress) walk_.progress(file_->bytes_in(), file_->size());
    return got;
  }

 private:
  std::unique_ptr<FileBytes> file_;
  const LogWalk& walk_;
};

class MemberBytes final : public ByteSource {
 public:
  explicit MemberBytes(TarReader& tar) : tar_(tar) {}
  Result<size_t> read(char* buffer, size_t size) override {
    return tar_.read(buffer, size);
  }

 private:
  TarReader& tar_;
};

class Walker {
 public:
  explicit Walker(LogWalk& walk) : walk_(walk) {}

  void directory(const fs::path& folder);
  void bytes(std::unique_ptr<Buffered> packed, const std::string& name,
             std::optional<Wall> modified, bool alone, int archives);
  void file(std::unique_ptr<FileBytes> file, const std::string& name,
            bool alone) {
    const auto modified = file->modified();
    auto watched = std::make_unique<Watched>(std::move(file), walk_);
    bytes(std::make_unique<Buffered>(std::move(watched)), name, modified, alone,
          0);
  }
  void finish() {
    if (binary_ > 0) {
      note(walk_, fmt::format("{} file{} not text, as {}, {} left out", binary_,
                              binary_ == 1 ? " is" : "s are", first_binary_,
                              binary_ == 1 ? "was" : "were"));
    }
  }

 private:
  bool one_more();
  void archive(Buffered& bytes, const std::string& name, int archives);
  bool is_text(Buffered& bytes, const std::string& name, bool alone);

  LogWalk& walk_;
  int files_ = 0;
  int binary_ = 0;
  std::string first_binary_;
};

bool Walker::one_more() {
  if (++files_ == kMostFiles + 1) {
    note(walk_, fmt::format("only the first {} files were read", kMostFiles));
  }
  return files_ <= kMostFiles && BootClock::now() < walk_.deadline;
}

bool Walker::is_text(Buffered& bytes, const std::string& name, bool alone) {
  const std::string_view head = bytes.peek(kSniffed);
  if (head.starts_with(kJournalMagic)) {
    note(walk_, name +
                    " is systemd's binary journal: give the output of "
                    "journalctl --file on it");
    return false;
  }
  // What somebody names is searched whatever it is.
  if (alone || head.find('\0') == std::string_view::npos) return true;
  if (binary_++ == 0) first_binary_ = name;
  return false;
}

void Walker::archive(Buffered& bytes, const std::string& name, int archives) {
  TarReader tar(bytes);
  while (true) {
    const auto member = tar.next();
    if (!member) return note(walk_, name + ": " + member.error().text);
    if (!*member) return;
    if (!(*member)->is_file) continue;
    if (!one_more()) return;
    std::string inside = (*member)->name;
    while (inside.starts_with("./")) inside.erase(0, 2);
    this->bytes(std::make_unique<Buffered>(std::make_unique<MemberBytes>(tar)),
                name + "/" + inside, (*member)->modified, false, archives + 1);
  }
}

void Walker::bytes(std::unique_ptr<Buffered> packed, const std::string& name,
                   std::optional<Wall> modified, bool alone, int archives) {
  auto plain = unpacked(std::move(packed), name);
  if (archives < kNestedArchives &&
      TarReader::looks_like_one(plain->peek(TarReader::kBlock))) {
    return archive(*plain, name, archives);
  }
  plain = decoded(std::move(plain));
  if (is_of_a_bundle(plain->peek(kSniffed))) {
    if (alone) note(walk_, name + " is of a bundle: read it with --bundle");
    return;
  }
  // The export form may hold any bytes.
  if (is_export(plain->peek(kSniffed))) {
    plain = export_lines(std::move(plain));
  } else if (is_container_log(plain->peek(kSniffed))) {
    plain = std::make_unique<Buffered>(
        std::make_unique<SplitRecords>(std::move(plain)));
  } else if (is_verbose(plain->peek(kSniffed))) {
    plain = std::make_unique<Buffered>(
        std::make_unique<VerboseLines>(std::move(plain)));
  } else if (is_json_document(plain->peek(kSniffed))) {
    plain = json_records(std::move(plain));
  } else if (!is_text(*plain, name, alone)) {
    return;
  }
  LogFile file{name, modified, alone, *plain};
  walk_.visit(file);
}

// Files behind which the kernel or a driver computes are no logs; reading some
// of them hangs.
bool is_kernels_own(const fs::path& folder) {
  struct statfs system {};
  if (::statfs(folder.c_str(), &system) != 0) return false;
  constexpr long kOwn[] = {PROC_SUPER_MAGIC,    SYSFS_MAGIC,
                           DEBUGFS_MAGIC,       TRACEFS_MAGIC,
                           CGROUP2_SUPER_MAGIC, CGROUP_SUPER_MAGIC};
  return std::ranges::find(kOwn, static_cast<long>(system.f_type)) !=
         std::end(kOwn);
}

void Walker::directory(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, error);
  const fs::recursive_directory_iterator end;
  for (; !error && at != end; at.increment(error)) {
    std::error_code unknown;
    const auto status = at->symlink_status(unknown);
    if (fs::is_directory(status) &&
        (at.depth() >= kDeepest || is_kernels_own(at->path()))) {
      at.disable_recursion_pending();
    }
    if (fs::is_regular_file(status)) found.push_back(at->path());
    if (found.size() > kMostFiles) break;
  }
  if (error) note(walk_, folder.string() + ": " + error.message());
  std::ranges::sort(found);
  for (const fs::path& path : found) {
    if (!one_more()) return;
    auto opened = FileBytes::open(path.string(), walk_.deadline);
    if (!opened) {
      note(walk_, opened.error().text);
      continue;
    }
    file(std::move(*opened), path.string(), false);
  }
  if (found.empty()) note(walk_, folder.string() + " holds no files");
}

}  // namespace

Result<void> walk_logs(const std::string& path, LogWalk& walk) {
  auto opened = TRY(FileBytes::open(path, walk.deadline));
  Walker walker(walk);
  if (!opened->is_directory()) {
    walker.file(std::move(opened), path == "-" ? "standard input" : path, true);
  } else if (is_kernels_own(path)) {
    return fail(Error::Kind::may_block,
                path + " is the kernel's own: copy the logs elsewhere");
  } else {
    walker.directory(path);
  }
  walker.finish();
  return {};
}

}  // namespace gpuward::logs
