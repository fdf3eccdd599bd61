#include "probe/progress.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace gpuward::probe {
namespace {

static_assert(std::atomic<uint32_t>::is_always_lock_free);

template <size_t N>
void copy_text(char (&out)[N], std::string_view text) {
  const size_t length = std::min(text.size(), N - 1);
  std::memcpy(out, text.data(), length);
  std::memset(out + length, 0, N - length);
}

template <size_t N>
std::string text_of(const char (&in)[N]) {
  return {in, ::strnlen(in, N)};
}

Progress progress_of(const ProgressRecord& record) {
  Progress out;
  out.boot_id = text_of(record.boot_id);
  out.pid = record.pid;
  out.start_time = record.start_time;
  out.owner_pid = record.owner_pid;
  out.owner_start_time = record.owner_start_time;
  out.calls = record.calls;
  out.in_call = record.in_call != 0;
  out.call_class =
      record.call_class >= 0 &&
              record.call_class <= static_cast<int>(CallClass::tool)
          ? static_cast<CallClass>(record.call_class)
          : CallClass::query;
  out.gpu = record.gpu;
  out.symbol = text_of(record.symbol);
  out.began = Boot(Millis(record.began_ms));
  out.began_wall = Wall(Millis(record.began_wall_ms));
  out.deadline = Millis(record.deadline_ms);
  out.slowest = Millis(record.slowest_ms);
  out.slowest_symbol = text_of(record.slowest_symbol);
  out.placement = text_of(record.placement);
  out.left_out = record.left_out;
  return out;
}

Result<ProgressRecord*> map(const Fd& fd, int protection) {
  void* memory = ::mmap(nullptr, sizeof(ProgressRecord), protection, MAP_SHARED,
                        fd.get(), 0);
  if (memory == MAP_FAILED) {
    return fail_errno(errno, "mapping the progress record");
  }
  return static_cast<ProgressRecord*>(memory);
}

}  // namespace

Result<ProgressMap> ProgressMap::writer(const Fd& fd) {
  if (::ftruncate(fd.get(), sizeof(ProgressRecord)) != 0) {
    return fail_errno(errno, "making room for the progress record");
  }
  ProgressRecord* record = TRY(map(fd, PROT_READ | PROT_WRITE));
  return ProgressMap(record);
}

Result<ProgressMap> ProgressMap::reader(const Fd& fd) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    return fail_errno(errno, "looking at the progress record");
  }
  if (status.st_size < static_cast<off_t>(sizeof(ProgressRecord))) {
    return fail(Error::Kind::not_found, "no probe has left a record yet");
  }
  ProgressRecord* record = TRY(map(fd, PROT_READ));
  return ProgressMap(record);
}

ProgressMap::~ProgressMap() {
  if (record_ != nullptr) ::munmap(record_, sizeof(ProgressRecord));
}

ProgressMap::ProgressMap(ProgressMap&& other) noexcept
    : record_(std::exchange(other.record_, nullptr)) {}

ProgressMap& ProgressMap::operator=(ProgressMap&& other) noexcept {
  std::swap(record_, other.record_);
  return *this;
}

std::optional<Progress> ProgressMap::read() const {
  constexpr int kTries = 50;
  for (int i = 0; i < kTries; ++i) {
    const uint32_t before = record_->sequence.load(std::memory_order_acquire);
    if (before % 2 == 1) continue;
    if (record_->magic != ProgressRecord::kMagic ||
        record_->layout != ProgressRecord::kLayout || record_->pid <= 0) {
      return std::nullopt;
    }
    Progress out = progress_of(*record_);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (record_->sequence.load(std::memory_order_relaxed) == before) return out;
  }
  return std::nullopt;
}

ProgressWriter::ProgressWriter(ProgressMap& map, double factor)
    : record_(map.record()), factor_(factor) {}

template <typename Change>
void ProgressWriter::change(Change change) {
  // Odd from here on. A predecessor that died while writing left it odd.
  const uint32_t before = record_.sequence.load(std::memory_order_relaxed) | 1U;
  record_.sequence.store(before, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  change(record_);
  record_.sequence.store(before + 1, std::memory_order_release);
}

void ProgressWriter::identify(std::string_view boot_id, int pid,
                              uint64_t start_time, int owner_pid,
                              uint64_t owner_start_time) {
  change([&](ProgressRecord& record) {
    record.magic = ProgressRecord::kMagic;
    record.layout = ProgressRecord::kLayout;
    copy_text(record.boot_id, boot_id);
    record.pid = pid;
    record.start_time = start_time;
    record.owner_pid = owner_pid;
    record.owner_start_time = owner_start_time;
    record.calls = 0;
    record.in_call = 0;
    record.slowest_ms = 0;
    record.left_out = 0;
    copy_text(record.symbol, "");
    copy_text(record.slowest_symbol, "");
    copy_text(record.placement, "");
  });
}

void ProgressWriter::set_placement(std::string_view placement) {
  change(
      [&](ProgressRecord& record) { copy_text(record.placement, placement); });
}

void ProgressWriter::set_left_out(uint32_t left_out) {
  change([&](ProgressRecord& record) { record.left_out = left_out; });
}

void ProgressWriter::begin(std::string_view symbol, int gpu,
                           CallClass call_class) {
  change([&](ProgressRecord& record) {
    record.in_call = 1;
    record.call_class = static_cast<int32_t>(call_class);
    record.gpu = gpu;
    copy_text(record.symbol, symbol);
    record.began_ms = BootClock::now().time_since_epoch().count();
    record.began_wall_ms = wall_now().time_since_epoch().count();
    record.deadline_ms = deadline_of(call_class, factor_).count();
  });
}

void ProgressWriter::end() {
  change([&](ProgressRecord& record) {
    const int64_t took =
        BootClock::now().time_since_epoch().count() - record.began_ms;
    if (took > record.slowest_ms) {
      record.slowest_ms = took;
      std::memcpy(record.slowest_symbol, record.symbol, sizeof(record.symbol));
    }
    record.in_call = 0;
    ++record.calls;
  });
}

}  // namespace gpuward::probe
