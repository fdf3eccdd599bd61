#include "probe/progress.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <thread>

namespace gpuward::probe {
namespace {

Fd memory() { return Fd(::memfd_create("progress", MFD_CLOEXEC)); }

TEST(Progress, AReaderSeesTheCallThatIsNotBack) {
  const Fd fd = memory();
  auto map = ProgressMap::writer(fd);
  ASSERT_TRUE(map.has_value());
  ProgressWriter writer(*map, 0.1);
  writer.identify("boot", 4711, 99, 12, 34);
  writer.set_placement("cgroup x");
  writer.begin("nvmlInit_v2", -1, CallClass::init);

  const auto reader = ProgressMap::reader(fd);
  ASSERT_TRUE(reader.has_value());
  auto seen = reader->read();
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->boot_id, "boot");
  EXPECT_EQ(seen->pid, 4711);
  EXPECT_EQ(seen->owner_pid, 12);
  EXPECT_TRUE(seen->in_call);
  EXPECT_EQ(seen->symbol, "nvmlInit_v2");
  EXPECT_EQ(seen->call_class, CallClass::init);
  EXPECT_EQ(seen->deadline, 1500ms);
  EXPECT_EQ(seen->placement, "cgroup x");
  EXPECT_EQ(seen->calls, 0U);

  writer.end();
  seen = reader->read();
  ASSERT_TRUE(seen.has_value());
  EXPECT_FALSE(seen->in_call);
  EXPECT_EQ(seen->calls, 1U);
}

TEST(Progress, AnEmptyOrForeignFileIsNoRecord) {
  const Fd empty = memory();
  EXPECT_FALSE(ProgressMap::reader(empty).has_value());
  const Fd foreign = memory();
  const std::string text(4096, 'x');
  ASSERT_EQ(::write(foreign.get(), text.data(), text.size()),
            static_cast<ssize_t>(text.size()));
  const auto map = ProgressMap::reader(foreign);
  ASSERT_TRUE(map.has_value());
  EXPECT_EQ(map->read(), std::nullopt);
}

// A prober that was killed while writing leaves the counter odd: a reader must
// not wait for it, and the next writer must be readable again.
TEST(Progress, AWriterThatDiedInTheMiddleStopsNobody) {
  const Fd fd = memory();
  auto map = ProgressMap::writer(fd);
  ASSERT_TRUE(map.has_value());
  ProgressWriter first(*map, 1.0);
  first.identify("boot", 1, 1, 1, 1);
  map->record().sequence.fetch_add(1);
  EXPECT_EQ(map->read(), std::nullopt);
  ProgressWriter second(*map, 1.0);
  second.identify("boot", 2, 2, 2, 2);
  ASSERT_TRUE(map->read().has_value());
  EXPECT_EQ(map->read()->pid, 2);
}

// symbol and gpu are always written together; a torn read would mix them.
TEST(Progress, ReadersNeverSeeHalfAChange) {
  const Fd fd = memory();
  auto map = ProgressMap::writer(fd);
  ASSERT_TRUE(map.has_value());
  ProgressWriter writer(*map, 1.0);
  writer.identify("boot", 1, 1, 1, 1);
  writer.begin("nvmlA", 1, CallClass::query);
  std::atomic<bool> stop = false;
  std::thread busy([&] {
    while (!stop) {
      writer.begin("nvmlA", 1, CallClass::query);
      writer.begin("nvmlB", 2, CallClass::query);
    }
  });
  const auto reader = ProgressMap::reader(fd);
  ASSERT_TRUE(reader.has_value());
  int torn = 0;
  int good = 0;
  for (int i = 0; i < 20000; ++i) {
    const auto seen = reader->read();
    if (!seen) continue;
    ++good;
    if ((seen->symbol == "nvmlA") != (seen->gpu == 1)) ++torn;
  }
  stop = true;
  busy.join();
  EXPECT_EQ(torn, 0);
  EXPECT_GT(good, 0);
}

}  // namespace
}  // namespace gpuward::probe
