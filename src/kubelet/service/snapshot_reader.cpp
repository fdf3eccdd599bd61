#include "kubelet/service/snapshot_reader.h"

#include <sys/stat.h>

#include <optional>

#include "base/side_thread.h"
#include "evidence/pci_topology.h"
#include "loop/inbox.h"
#include "model/fields.h"
#include "snapshot/wire.h"

namespace gpuward::kubelet::service {
namespace {

// Whether it is too old is for health to say, which knows the tolerance.
constexpr Millis kAnyAge = std::chrono::hours(24 * 365);

struct FileIdentity {
  ino_t inode = 0;
  int64_t written_ns = 0;
  off_t size = 0;
  bool operator==(const FileIdentity&) const = default;
};

std::optional<FileIdentity> identity_of(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return std::nullopt;
  constexpr int64_t kNanoseconds = 1'000'000'000;
  return FileIdentity{
      found.st_ino, found.st_mtim.tv_sec * kNanoseconds + found.st_mtim.tv_nsec,
      found.st_size};
}

}  // namespace

// Left behind where the thread is stuck: see SideThread.
struct SnapshotReader::State {
  explicit State(const host::Host& of) : host(of) {}

  News read() {
    News news;
    const auto found = identity_of(snapshot::snapshot_path(host));
    if (found && found == seen) {
      news.is_as_before = true;
      return news;
    }
    news.places = bus_places();
    auto snapshot = snapshot::read_snapshot(host, kAnyAge);
    if (!snapshot) {
      seen.reset();
      news.why_none = snapshot.error().text;
      return news;
    }
    seen = found;
    news.snapshot = std::make_unique<Snapshot>(std::move(*snapshot));
    return news;
  }
  // Where sysfs cannot be read nothing is known of places: every set of GPUs is
  // then as good as another.
  plugin::BusPlaces bus_places() const {
    plugin::BusPlaces out;
    const auto places = evidence::pci_places(host.evidence);
    if (!places) return out;
    for (const evidence::PciPlace& place : *places) {
      out[place.address] = {.numa_node = place.numa_node.value_or(-1),
                            .path = place.path,
                            .is_bound = place.driver == "nvidia"};
    }
    return out;
  }

  const host::Host& host;
  std::function<void(News)> receive;
  std::optional<FileIdentity> seen;  // the thread's
  bool is_reading = false;           // the loop's
  std::unique_ptr<loop::Inbox> inbox;
  SideThread thread{1};
};

Result<std::unique_ptr<SnapshotReader>> SnapshotReader::start(
    loop::Loop& loop, const host::Host& host,
    std::function<void(News)> receive) {
  auto state = std::make_unique<State>(host);
  state->receive = std::move(receive);
  state->inbox = TRY(loop::Inbox::open(loop));
  return std::unique_ptr<SnapshotReader>(new SnapshotReader(std::move(state)));
}

SnapshotReader::SnapshotReader(std::unique_ptr<State> state)
    : state_(std::move(state)) {}

SnapshotReader::~SnapshotReader() {
  if (!state_->thread.finish()) (void)state_.release();
}

void SnapshotReader::look() {
  if (std::exchange(state_->is_reading, true)) return;
  State* state = state_.get();
  state->thread.post([state] {
    state->inbox->post([state, news = state->read()]() mutable {
      state->is_reading = false;
      state->receive(std::move(news));
    });
  });
}

}  // namespace gpuward::kubelet::service
