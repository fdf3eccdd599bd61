#include "snapshot/merge.h"

#include <gtest/gtest.h>

#include "model/fields.h"

namespace gpuward::snapshot {
namespace {

const Wall kThen = Wall(Millis(1'000'000));
const Wall kNow = Wall(Millis(1'060'000));

Gpu answering(int index, Wall when) {
  Gpu gpu;
  gpu.index = index;
  gpu.readings[std::string(field::kHandle)] = reading_of(true, when);
  gpu.readings[std::string(field::kTemperature)] =
      reading_of(int64_t{30}, when);
  return gpu;
}

Gpu silent(int index) {
  Gpu gpu;
  gpu.index = index;
  gpu.readings[std::string(field::kHandle)].why = "nvmlX has not come back";
  return gpu;
}

TEST(Merge, ASilentGpuKeepsItsOldReadingsAndTheirAge) {
  Snapshot old;
  old.gpus = {answering(0, kThen), answering(1, kThen)};
  Snapshot fresh;
  fresh.gpu_count = reading_of(int64_t{2}, kNow);
  fresh.gpus = {answering(0, kNow), silent(1)};
  keep_old_readings(fresh, old);
  ASSERT_EQ(fresh.gpus.size(), 2U);
  EXPECT_EQ(reading(fresh.gpus[0], field::kTemperature).at, kNow);
  EXPECT_EQ(reading(fresh.gpus[1], field::kTemperature).at, kThen);
  EXPECT_EQ(reading(fresh.gpus[1], field::kHandle).state,
            Reading::State::unknown);
}

TEST(Merge, WhereNothingCouldBeCountedTheOldGpusStay) {
  Snapshot old;
  old.gpu_count = reading_of(int64_t{1}, kThen);
  old.gpus = {answering(0, kThen)};
  Snapshot fresh;
  keep_old_readings(fresh, old);
  ASSERT_EQ(fresh.gpus.size(), 1U);
  EXPECT_EQ(fresh.gpu_count.at, kThen);
}

TEST(Merge, AGpuThatIsNotCountedAnyMoreIsGone) {
  Snapshot old;
  old.gpus = {answering(0, kThen), answering(1, kThen)};
  Snapshot fresh;
  fresh.gpu_count = reading_of(int64_t{1}, kNow);
  fresh.gpus = {answering(0, kNow)};
  keep_old_readings(fresh, old);
  EXPECT_EQ(fresh.gpus.size(), 1U);
}

TEST(Merge, AnErrorNowIsNewsAndNotOverwritten) {
  Snapshot old;
  old.gpus = {answering(0, kThen)};
  Snapshot fresh;
  fresh.gpu_count = reading_of(int64_t{1}, kNow);
  Gpu lost;
  lost.index = 0;
  lost.readings[std::string(field::kHandle)] =
      reading_error(15, "GPU_IS_LOST", kNow);
  fresh.gpus = {lost};
  keep_old_readings(fresh, old);
  EXPECT_EQ(fresh.gpus.front(), lost);
}

}  // namespace
}  // namespace gpuward::snapshot
