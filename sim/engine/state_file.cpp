#include "sim/engine/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <linux/futex.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <utility>

#include "base/time.h"

namespace gpuward::simulator {
namespace {

class Locked {
 public:
  explicit Locked(int fd) : fd_(fd) {
    while (::flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~Locked() { ::flock(fd_, LOCK_UN); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  int fd_;
};

void publish(sim_state& state) {
  __atomic_add_fetch(&state.generation, 1, __ATOMIC_RELEASE);
  ::syscall(SYS_futex, &state.generation, FUTEX_WAKE, INT_MAX, nullptr, nullptr,
            0);
}

}  // namespace

int64_t boot_millis() { return BootClock::now().time_since_epoch().count(); }

Result<StateFile> StateFile::map(const std::string& node, int flags) {
  const std::string path = node + "/state";
  const Fd file(::open(path.c_str(), flags | O_RDWR | O_CLOEXEC, 0644));
  if (!file.valid()) return fail_errno(errno, "opening " + path);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail_errno(errno, path);
  if ((flags & O_CREAT) != 0) {
    if (::ftruncate(file.get(), sizeof(sim_state)) != 0) {
      return fail_errno(errno, "sizing " + path);
    }
  } else if (status.st_size != sizeof(sim_state)) {
    return fail(Error::Kind::malformed,
                path + " is no simulated node of this version");
  }
  Fd lock(::open((node + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!lock.valid()) return fail_errno(errno, "opening " + node + "/lock");
  void* memory = ::mmap(nullptr, sizeof(sim_state), PROT_READ | PROT_WRITE,
                        MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) return fail_errno(errno, "mapping " + path);
  return StateFile(std::move(lock), static_cast<sim_state*>(memory));
}

Result<StateFile> StateFile::create(const std::string& node) {
  StateFile file = TRY(map(node, O_CREAT | O_EXCL));
  file.state_->layout = SIM_LAYOUT;
  file.state_->started_ms = boot_millis();
  __atomic_store_n(&file.state_->magic, SIM_MAGIC, __ATOMIC_RELEASE);
  return file;
}

Result<StateFile> StateFile::open(const std::string& node) {
  StateFile file = TRY(map(node, 0));
  if (file.get().magic != SIM_MAGIC || file.get().layout != SIM_LAYOUT) {
    return fail(Error::Kind::malformed,
                node + "/state is no simulated node of this version");
  }
  return file;
}

StateFile::StateFile(StateFile&& other) noexcept
    : lock_(std::move(other.lock_)),
      state_(std::exchange(other.state_, nullptr)) {}

StateFile::~StateFile() {
  if (state_ != nullptr) ::munmap(state_, sizeof(sim_state));
}

Result<void> StateFile::change(
    const std::function<Result<void>(sim_state&)>& change) {
  const Locked locked(lock_.get());
  auto result = change(*state_);
  publish(*state_);
  return result;
}

int64_t StateFile::elapsed() const {
  return boot_millis() - state_->started_ms;
}

Result<uint32_t> add_fault(sim_state& state, const sim_fault& fault) {
  uint32_t last = 0;
  sim_fault* free_row = nullptr;
  for (sim_fault& row : state.faults) {
    // An emptied row keeps its id, so that none is given twice.
    last = std::max(last, row.id);
    if (row.used == 0 && (free_row == nullptr || row.id < free_row->id)) {
      free_row = &row;
    }
  }
  if (free_row == nullptr) {
    return fail(Error::Kind::busy,
                fmt::format("all {} faults are taken: clear one first",
                            int{SIM_MAX_FAULTS}));
  }
  // Filled before it counts: readers look without the lock.
  sim_fault row = fault;
  row.id = last + 1;
  row.used = 0;
  *free_row = row;
  __atomic_store_n(&free_row->used, 1u, __ATOMIC_RELEASE);
  return row.id;
}

}  // namespace gpuward::simulator
