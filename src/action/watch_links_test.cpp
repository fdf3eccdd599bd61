#include "action/watch_links.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "support/temp_tree.h"

namespace gpuward::action {
namespace {

constexpr int kLate = 2;  // a timer of this test

class WatchLinks : public testing::Test {
 protected:
  void SetUp() override {
    tree_.directory("/dev").file("/proc/devices", "Character devices:\n");
    if (!make("/dev/nvidia0", 0)) {
      GTEST_SKIP() << "no device nodes can be made here: needs root";
    }
    ASSERT_TRUE(loop_.at(kLate, BootClock::now() + 20s, [this] {
      late_ = true;
      loop_.end();
    }));
  }
  bool make(const std::string& path, unsigned minor_number) {
    return ::mknod((tree_.path() + path).c_str(), S_IFCHR | 0666,
                   makedev(195, minor_number)) == 0;
  }
  bool is_linked(const std::string& numbers) const {
    return root_.exists("/dev/char/" + numbers);
  }
  // Looks until `then` says that it was the last.
  void watch(const std::function<bool(int look)>& then) {
    int look = 0;
    const LinksReport report = [&](const evidence::DevCharLinks&,
                                   const std::vector<LinkOutcome>&) {
      if (then(++look)) loop_.end();
    };
    EXPECT_TRUE(watch_links(loop_, root_, {}, report).has_value());
    EXPECT_FALSE(late_);
  }

  TempTree tree_;
  host::Root root_ = *host::Root::open(tree_.path());
  loop::Loop loop_ = *loop::Loop::create();
  bool late_ = false;
};

TEST_F(WatchLinks, NewNodesInFoldersThatDidNotExist) {
  watch([this](int look) {
    if (look == 1) {
      EXPECT_TRUE(is_linked("195:0"));
      make("/dev/nvidia1", 1);
      tree_.directory("/dev/nvidia-caps");
    }
    if (is_linked("195:1") && !root_.exists("/dev/nvidia-caps/nvidia-cap7")) {
      make("/dev/nvidia-caps/nvidia-cap7", 7);
    }
    return is_linked("195:1") && is_linked("195:7");
  });
}

TEST_F(WatchLinks, ALinkOrTheWholeFolderThatIsTakenAway) {
  const std::string folder = tree_.path() + "/dev/char";
  bool moved = false;
  watch([&](int look) {
    if (look == 1) ::unlink((folder + "/195:0").c_str());
    if (look == 1) return false;
    if (!moved && is_linked("195:0")) {
      moved = ::rename(folder.c_str(), (folder + ".old").c_str()) == 0;
      return false;
    }
    return moved && is_linked("195:0");
  });
}

TEST_F(WatchLinks, EventsOfATenthOfASecondAreOneLook) {
  int looks = 0;
  watch([&](int look) {
    looks = look;
    if (look == 1) {
      for (unsigned i = 1; i < 100; ++i) {
        make("/dev/nvidia" + std::to_string(i), i);
      }
    }
    return is_linked("195:99");
  });
  EXPECT_LE(looks, 3);
}

}  // namespace
}  // namespace gpuward::action
