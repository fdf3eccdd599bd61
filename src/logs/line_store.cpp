#include "logs/line_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <queue>

namespace gpuward::logs {
namespace {

constexpr size_t kInMemory = size_t{32} << 20;
constexpr size_t kOnDisk = size_t{4} << 30;
constexpr int64_t kNever = std::numeric_limits<int64_t>::min();

// How a line is kept; its text follows.
struct Kept {
  int64_t when = kNever;
  int64_t line = 0;
  int64_t times = 1;
  const char* source = nullptr;  // a literal
  uint32_t source_size = 0;
  uint32_t text_size = 0;
  uint32_t body = 0;
  uint32_t host = 0;
  int64_t boot = 0;
};

Fd nameless_file() {
  const char* chosen = ::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe)
  for (const char* folder : {chosen, "/var/tmp", "/tmp"}) {
    if (folder == nullptr || *folder == '\0') continue;
    Fd file(::open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (file.valid()) return file;
  }
  return {};
}

}  // namespace

// Goes through one run.
class LineStore::Cursor {
 public:
  Cursor(const LineStore& store, const Run& run, size_t buffer)
      : store_(&store), run_(&run), at_(run.begin), buffer_(buffer) {
    key_ = run.first ? run.first->time_since_epoch().count() : kNever;
  }

  // The next line, if any; key() then says when it is its turn.
  bool next() {
    if (at_ >= run_->end || !need(sizeof(Kept))) return false;
    std::memcpy(&kept_, bytes_.data() + used_, sizeof(Kept));
    if (!need(sizeof(Kept) + kept_.text_size)) return false;
    text_ = used_ + sizeof(Kept);
    used_ += sizeof(Kept) + kept_.text_size;
    at_ += sizeof(Kept) + kept_.text_size;
    key_ = std::max(key_, kept_.when);
    return true;
  }
  int64_t key() const { return key_; }
  const Run& run() const { return *run_; }
  LogLine line() const {
    LogLine line;
    line.text = std::string_view(bytes_).substr(text_, kept_.text_size);
    line.source = {kept_.source, kept_.source_size};
    if (kept_.when != kNever) line.when = Wall(Millis(kept_.when));
    line.body = kept_.body;
    line.host = kept_.host != 0 ? kept_.host : run_->host;
    line.line = kept_.line;
    line.times = kept_.times;
    line.boot = static_cast<int>(kept_.boot);
    return line;
  }

 private:
  bool need(size_t size) {
    if (bytes_.size() - used_ >= size) return true;
    bytes_.resize(std::max(buffer_, size));
    bytes_.resize(store_->read_at(at_, bytes_.data(), bytes_.size()));
    used_ = 0;
    return bytes_.size() >= size;
  }

  const LineStore* store_;
  const Run* run_;
  size_t at_;
  size_t buffer_;
  std::string bytes_;  // from at_ on, of which used_ are done
  size_t used_ = 0;
  size_t text_ = 0;
  Kept kept_;
  int64_t key_;
};

void LineStore::begin_run(size_t file) {
  const size_t here = on_disk_ + memory_.size();
  runs_.push_back({file, 0, here, here, std::nullopt});
}

void LineStore::add(const LogLine& line) {
  if (full_) {
    ++lost_;
    return;
  }
  Kept kept;
  if (line.when) kept.when = line.when->time_since_epoch().count();
  kept.line = line.line;
  kept.times = line.times;
  kept.boot = line.boot;
  kept.source = line.source.data();
  kept.source_size = static_cast<uint32_t>(line.source.size());
  kept.text_size = static_cast<uint32_t>(line.text.size());
  kept.body = static_cast<uint32_t>(line.body);
  kept.host = static_cast<uint32_t>(line.host);
  memory_.append(reinterpret_cast<const char*>(&kept), sizeof(kept));
  memory_ += line.text;
  Run& run = runs_.back();
  run.end = on_disk_ + memory_.size();
  if (!run.first) run.first = line.when;
  if (memory_.size() >= kInMemory && !spill()) full_ = true;
}

Result<void> LineStore::spill() {
  if (!disk_.valid()) disk_ = nameless_file();
  size_t done = 0;
  while (disk_.valid() && done < memory_.size() && on_disk_ < kOnDisk) {
    const ssize_t put =
        ::pwrite(disk_.get(), memory_.data() + done, memory_.size() - done,
                 static_cast<off_t>(on_disk_ + done));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) break;
    done += static_cast<size_t>(put);
  }
  // All or nothing: what is half written is still whole in memory.
  if (done < memory_.size()) return fail_errno(errno, "keeping lines");
  on_disk_ += done;
  memory_.clear();
  return {};
}

size_t LineStore::read_at(size_t offset, char* buffer, size_t size) const {
  size_t done = 0;
  while (done < size && offset < on_disk_) {
    const size_t most = std::min(size - done, on_disk_ - offset);
    const ssize_t got =
        ::pread(disk_.get(), buffer + done, most, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return done;
    done += static_cast<size_t>(got);
    offset += static_cast<size_t>(got);
  }
  if (done == size || offset < on_disk_) return done;
  const size_t from = std::min(offset - on_disk_, memory_.size());
  const size_t count = std::min(size - done, memory_.size() - from);
  std::copy_n(memory_.data() + from, count, buffer + done);
  return done + count;
}

void LineStore::merge(const Sink& sink) const {
  constexpr size_t kBuffers = size_t{16} << 20;
  constexpr size_t kLargest = size_t{64} << 10;
  const size_t buffer =
      std::clamp(kBuffers / (runs_.size() + 1), size_t{512}, kLargest);
  std::vector<Cursor> cursors;
  cursors.reserve(runs_.size());
  for (const Run& run : runs_) cursors.emplace_back(*this, run, buffer);
  using Turn = std::pair<int64_t, size_t>;
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> turns;
  for (size_t i = 0; i < cursors.size(); ++i) {
    if (cursors[i].next()) turns.emplace(cursors[i].key(), i);
  }
  while (!turns.empty()) {
    Cursor& cursor = cursors[turns.top().second];
    const size_t index = turns.top().second;
    turns.pop();
    sink(cursor.run(), cursor.line());
    if (cursor.next()) turns.emplace(cursor.key(), index);
  }
}

}  // namespace gpuward::logs
