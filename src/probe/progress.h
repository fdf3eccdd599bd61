// The progress record: what the prober is doing right now, in shared memory, so
// that anyone can see it while the prober itself cannot answer.
//
// One writer (the prober), any number of readers in other processes. It lives
// in the slot's file (slot.h), or in a memfd where that may not be written. A
// reader copies it out under a sequence counter and never waits for the writer.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "probe/deadlines.h"

namespace gpuward::probe {

// What a reader gets.
struct Progress {
  std::string boot_id;
  int pid = 0;
  uint64_t start_time = 0;
  int owner_pid = 0;  // who supervises it
  uint64_t owner_start_time = 0;
  uint64_t calls = 0;  // that returned
  bool in_call = false;
  CallClass call_class = CallClass::query;
  int gpu = -1;
  std::string symbol;
  Boot began{};  // of the call that is not back
  Wall began_wall{};
  Millis deadline{0};
  Millis slowest{0};
  std::string slowest_symbol;
  std::string placement;
  uint32_t left_out = 0;  // bit per GPU index

  bool operator==(const Progress&) const = default;
};

// The bytes. Fixed size; a layout change bumps kLayout.
struct ProgressRecord {
  static constexpr uint32_t kMagic = 0x47575052;  // "GWPR"
  static constexpr uint32_t kLayout = 1;
  uint32_t magic;
  uint32_t layout;
  std::atomic<uint32_t> sequence;  // odd while being written
  uint32_t left_out;
  char boot_id[40];
  int32_t pid;
  int32_t owner_pid;
  uint64_t start_time;
  uint64_t owner_start_time;
  uint64_t calls;
  int32_t in_call;
  int32_t call_class;
  int32_t gpu;
  int32_t reserved;
  int64_t began_ms;       // CLOCK_BOOTTIME
  int64_t began_wall_ms;  // since 1970
  int64_t deadline_ms;
  int64_t slowest_ms;
  char symbol[64];
  char slowest_symbol[64];
  char placement[192];
};

// A mapping of the record. Read-write for the prober, read-only otherwise.
class ProgressMap {
 public:
  // `fd` may be closed afterwards. A file that is too short (or of another
  // layout) is an error for readers; a writer makes it fit.
  static Result<ProgressMap> writer(const Fd& fd);
  static Result<ProgressMap> reader(const Fd& fd);
  ~ProgressMap();
  ProgressMap(ProgressMap&& other) noexcept;
  ProgressMap& operator=(ProgressMap&& other) noexcept;

  // Nothing while the record is empty, or was being written on each of a few
  // tries (its writer died in the middle).
  std::optional<Progress> read() const;

  ProgressRecord& record() { return *record_; }

 private:
  explicit ProgressMap(ProgressRecord* record) : record_(record) {}
  ProgressRecord* record_;
};

// The prober's pen.
class ProgressWriter {
 public:
  explicit ProgressWriter(ProgressMap& map, double factor);

  void identify(std::string_view boot_id, int pid, uint64_t start_time,
                int owner_pid, uint64_t owner_start_time);
  void set_placement(std::string_view placement);
  void set_left_out(uint32_t left_out);
  void begin(std::string_view symbol, int gpu, CallClass call_class);
  void end();

 private:
  template <typename Change>
  void change(Change change);

  ProgressRecord& record_;
  double factor_;
};

}  // namespace gpuward::probe
