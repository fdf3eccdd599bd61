// What choosing the best set of GPUs costs, beside walking through every
// partition as go-gpuallocator does. For each size the worst of some hundred
// topologies and wishes is sought first, and measured then.
#include <benchmark/benchmark.h>

#include <chrono>
#include <map>

#include "kubelet/allocation/partitions_for_tests.h"

namespace gpuward::kubelet {
namespace {

constexpr int kTried = 30 * allocation::RandomTopologies::kKinds;

struct Instance {
  allocation::PairScores pairs{0};
  allocation::PartitionWish wish;
};

std::chrono::nanoseconds time_of(const allocation::GpuScores& scores,
                                 const allocation::PartitionWish& wish) {
  auto best = std::chrono::nanoseconds::max();
  for (int i = 0; i < 5; ++i) {
    const auto began = std::chrono::steady_clock::now();
    benchmark::DoNotOptimize(allocation::best_partition(scores, wish));
    best = std::min<std::chrono::nanoseconds>(
        best, std::chrono::steady_clock::now() - began);
  }
  return best;
}

Instance worst(int devices, int size) {
  allocation::RandomTopologies random(
      static_cast<uint32_t>(devices * 100 + size));
  Instance out;
  std::chrono::nanoseconds longest{0};
  for (int i = 0; i < kTried; ++i) {
    const Instance each{random.scores(static_cast<size_t>(devices),
                                      i % allocation::RandomTopologies::kKinds),
                        random.wish(devices, size)};
    const auto took = time_of(allocation::GpuScores(each.pairs), each.wish);
    if (took < longest) continue;
    longest = took;
    out = each;
  }
  return out;
}

const Instance& worst_known(const benchmark::State& state) {
  static std::map<std::pair<int64_t, int64_t>, Instance> known;
  const std::pair at(state.range(0), state.range(1));
  if (!known.contains(at)) {
    known[at] = worst(static_cast<int>(at.first), static_cast<int>(at.second));
  }
  return known[at];
}

void allocation(benchmark::State& state) {
  const Instance& instance = worst_known(state);
  const allocation::GpuScores scores(instance.pairs);
  for (auto _ : state) {
    benchmark::DoNotOptimize(allocation::best_partition(scores, instance.wish));
  }
}

void partitions(benchmark::State& state) {
  const Instance& instance = worst_known(state);
  const allocation::GpuScores scores(instance.pairs);
  int count = 0;
  for (auto _ : state) {
    count = allocation::EveryPartition(scores, instance.wish).best().steps;
  }
  state.counters["partitions"] = count;
}

BENCHMARK(allocation)
    ->Name("allocation")
    ->ArgsProduct({{8, 16}, {2, 3, 4, 5, 6, 7, 8}})
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(partitions)
    ->Name("partitions")
    ->ArgsProduct({{8, 16}, {2, 3, 4, 5, 6, 7, 8}})
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace gpuward::kubelet
