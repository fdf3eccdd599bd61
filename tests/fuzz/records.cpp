// What our own processes write for each other, and a hostile one may have
// written: snapshots, frames of a prober, requests of a socket, plans, the
// progress record.
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/target.h"
#include "model/container_arguments.h"
#include "model/json.h"
#include "probe/progress.h"
#include "probe/protocol.h"
#include "snapshot/wire.h"

namespace gpuward::fuzz {
namespace {

const Wall kNow = Wall(Millis(1'770'000'000'000));

// Bytes that are no UTF-8 cannot come out of a parsed document, so what was
// read once comes back whole.
void snapshot(std::string_view bytes) {
  const auto json = Json::parse(bytes);
  if (!json) return;
  const auto read = snapshot_from_json(*json);
  if (!read) return;
  const auto again = snapshot_from_json(to_json(*read));
  must(again.has_value(), "a snapshot that was written can be read");
  // Ages count from taken_at, so the second reading settles what the first
  // one rounded.
  const auto third = snapshot_from_json(to_json(*again));
  must(third && *third == *again, "a snapshot reads the same again");
}

template <typename T>
void back_and_forth(const Json& json, Result<T> (*read)(const Json&)) {
  const auto value = read(json);
  if (!value) return;
  const auto again = read(to_json(*value));
  must(again && *again == *value, "what was written reads the same");
}

void parts_of_records(std::string_view bytes) {
  const auto json = Json::parse(bytes);
  if (!json) return;
  back_and_forth(*json, &evidence_from_json);
  back_and_forth(*json, &finding_from_json);
  back_and_forth(*json, &step_from_json);
  if (const auto reading = reading_from_json(*json, kNow)) {
    to_json(*reading, kNow);
  }
  if (const auto gpu = gpu_from_json(*json, kNow)) to_json(*gpu, kNow);
  const auto container = container_of(*json);
  if (!container) return;
  const auto again = container_of(arguments_of(*container));
  must(again && *again == *container, "a container reads the same again");
}

void frame(std::string_view bytes) {
  const auto read = probe::decode_frame(bytes, kNow);
  if (!read) return;
  const std::string written = probe::encode(*read, kNow);
  must(probe::decode_frame(written, kNow).has_value(),
       "a frame that was written can be read");
}

void request(std::string_view bytes) {
  if (const auto read = probe::decode_request(bytes)) {
    const auto again = probe::decode_request(probe::encode(*read));
    must(again && *again == *read, "a request reads the same again");
  }
  if (const auto ask = snapshot::decode_ask(bytes)) {
    must(ask->patience >= 0ms && ask->patience <= 10min, "patience is bounded");
    const auto again = snapshot::decode_ask(encode(*ask));
    must(again && again->fresh == ask->fresh, "an ask reads the same again");
  }
}

void progress(std::string_view bytes) {
  const Fd file(::memfd_create("progress", MFD_CLOEXEC));
  must(file.valid() && ::write(file.get(), bytes.data(), bytes.size()) ==
                           static_cast<ssize_t>(bytes.size()),
       "a file in memory takes bytes");
  const auto map = probe::ProgressMap::reader(file);
  if (!map) return;
  const auto read = map->read();
  if (!read) return;
  must(read->symbol.size() <= 64 && read->placement.size() <= 192,
       "texts end where their fields do");
}

constexpr Target kTargets[] = {
    {"snapshot", snapshot, 6000}, {"record", parts_of_records, 10000},
    {"frame", frame, 10000},      {"request", request, 20000},
    {"progress", progress, 8000},
};

}  // namespace

std::span<const Target> record_targets() { return kTargets; }

}  // namespace gpuward::fuzz
