// What one log line, one progress record, one snapshot costs, each beside the
// least that could be done in its place. bench/run starts this and puts the
// numbers into its table; by hand:
//
//   GPUWARD_BENCH_SNAPSHOT=snapshot.json build-bench/bench/bench-micro
#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

#include "base/fd.h"
#include "base/json.h"
#include "diagnosis/catalogue.h"
#include "matching/literal_gate.h"
#include "model/json.h"
#include "probe/progress.h"

namespace gpuward {
namespace {

constexpr std::string_view kOrdinary =
    "Jul 30 20:39:03 node kernel: [341115.123456] audit: type=1400 "
    "audit(1753907943.123:45): apparmor=\"STATUS\" operation=\"profile_load\"";
constexpr std::string_view kNoXid =
    "Jul 30 20:39:03 node kernel: [341115.123456] NVRM: loading NVIDIA UNIX "
    "Open Kernel Module for x86_64  570.172.08  Release Build";
constexpr std::string_view kXid =
    "Jul 30 20:39:03 node kernel: [341115.123456] NVRM: Xid "
    "(PCI:0000:5a:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen "
    "off the bus.";

const diagnosis::Catalogue* catalogue(benchmark::State& state) {
  static const Result<diagnosis::Catalogue> loaded =
      diagnosis::load_catalogue();
  if (!loaded) state.SkipWithError(loaded.error().text.c_str());
  return loaded ? &*loaded : nullptr;
}

void count_bytes(benchmark::State& state, size_t bytes) {
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) *
                          static_cast<int64_t>(bytes));
}

void load(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(diagnosis::load_catalogue());
}

// One block of lines that say nothing of a GPU.
std::string ordinary_block() {
  std::string block;
  while (block.size() < size_t{1} << 20) {
    block += kOrdinary;
    block += '\n';
  }
  return block;
}

void gate(benchmark::State& state) {
  const diagnosis::Catalogue* all = catalogue(state);
  if (all == nullptr) return;
  const matching::LiteralGate literals(all->patterns.literals());
  const std::string block = ordinary_block();
  for (auto _ : state) benchmark::DoNotOptimize(literals.find(block));
  count_bytes(state, block.size());
}

void find_newlines(benchmark::State& state) {
  const std::string block = ordinary_block();
  for (auto _ : state) {
    size_t lines = 0;
    const char* const end = block.data() + block.size();
    for (const char* at = block.data(); at != end; ++at, ++lines) {
      const auto left = static_cast<size_t>(end - at);
      at = static_cast<const char*>(std::memchr(at, '\n', left));
      if (at == nullptr) break;
    }
    benchmark::DoNotOptimize(lines);
  }
  count_bytes(state, block.size());
}

void match(benchmark::State& state, std::string_view line) {
  const diagnosis::Catalogue* all = catalogue(state);
  if (all == nullptr) return;
  for (auto _ : state) benchmark::DoNotOptimize(all->patterns.match(line));
  count_bytes(state, line.size());
}

void captures(benchmark::State& state) {
  const diagnosis::Catalogue* all = catalogue(state);
  if (all == nullptr) return;
  const auto hits = all->patterns.match(kXid);
  if (hits.empty()) return state.SkipWithError("no pattern knows Xid 79");
  for (auto _ : state) {
    benchmark::DoNotOptimize(all->patterns.captures(hits.front(), kXid));
  }
}

void progress(benchmark::State& state) {
  const Fd file(::memfd_create("bench", MFD_CLOEXEC));
  auto map = probe::ProgressMap::writer(file);
  if (!map) return state.SkipWithError(map.error().text.c_str());
  probe::ProgressWriter writer(*map, 1.0);
  for (auto _ : state) {
    writer.begin("nvmlDeviceGetTemperature", 3, probe::CallClass::query);
    writer.end();
  }
}

void read_clock(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(BootClock::now());
}

std::string snapshot_text(benchmark::State& state) {
  const char* const path = std::getenv("GPUWARD_BENCH_SNAPSHOT");
  std::ostringstream text;
  if (path != nullptr) text << std::ifstream(path).rdbuf();
  if (text.str().empty()) state.SkipWithError("no GPUWARD_BENCH_SNAPSHOT");
  return text.str();
}

void parse_json(benchmark::State& state) {
  const std::string text = snapshot_text(state);
  for (auto _ : state) benchmark::DoNotOptimize(Json::parse(text));
  count_bytes(state, text.size());
}

void read_snapshot(benchmark::State& state) {
  const std::string text = snapshot_text(state);
  for (auto _ : state) {
    const auto json = Json::parse(text);
    if (!json) return state.SkipWithError(json.error().text.c_str());
    benchmark::DoNotOptimize(snapshot_from_json(*json));
  }
  count_bytes(state, text.size());
}

void write_snapshot(benchmark::State& state) {
  const auto json = Json::parse(snapshot_text(state));
  if (!json) return state.SkipWithError(json.error().text.c_str());
  const auto snapshot = snapshot_from_json(*json);
  if (!snapshot) return state.SkipWithError(snapshot.error().text.c_str());
  for (auto _ : state) benchmark::DoNotOptimize(to_json(*snapshot).dump());
}

BENCHMARK(load)->Name("catalogue_load")->Unit(benchmark::kMillisecond);
BENCHMARK(gate)->Name("gate");
BENCHMARK(find_newlines)->Name("newlines");
BENCHMARK_CAPTURE(match, ordinary, kOrdinary)->Name("match_ordinary");
BENCHMARK_CAPTURE(match, no_xid, kNoXid)->Name("match_nvrm");
BENCHMARK_CAPTURE(match, xid, kXid)->Name("match_xid");
BENCHMARK(captures)->Name("captures_xid");
BENCHMARK(progress)->Name("progress");
BENCHMARK(read_clock)->Name("clock");
BENCHMARK(parse_json)->Name("json_parse");
BENCHMARK(read_snapshot)->Name("snapshot_read");
BENCHMARK(write_snapshot)->Name("snapshot_write");

}  // namespace
}  // namespace gpuward
