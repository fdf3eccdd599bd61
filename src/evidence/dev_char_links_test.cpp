#include "evidence/dev_char_links.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "model/facts.h"
#include "support/temp_tree.h"

namespace gpuward::evidence {
namespace {

using State = DeviceLink::State;

constexpr const char* kDevices =
    "Character devices:\n  1 mem\n195 nvidia\n195 nvidiactl\n"
    "509 nvidia-caps\n510 nvidia-uvm\n\nBlock devices:\n508 nvidia-nvswitch\n";

// A machine with device nodes, which root alone may make.
class DevCharLinksTest : public testing::Test {
 protected:
  void SetUp() override {
    tree_.directory("/dev/char").file("/proc/devices", kDevices);
    if (!make("/dev/nvidia0", 195, 0)) {
      GTEST_SKIP() << "no device nodes can be made here: needs root";
    }
    make("/dev/nvidiactl", 195, 255);
  }

  bool make(const std::string& path, unsigned first, unsigned second) {
    return ::mknod((tree_.path() + path).c_str(), S_IFCHR | 0666,
                   makedev(first, second)) == 0;
  }
  host::Root root() const { return *host::Root::open(tree_.path()); }
  DevCharLinks find(const LinkPlaces& places = {}) const {
    return find_dev_char_links(root(), places);
  }
  // "195:0 missing"
  static std::string line_of(const DeviceLink& link) {
    static constexpr const char* kNames[] = {"present", "missing", "wrong",
                                             "blocked"};
    return link.path.substr(link.path.rfind('/') + 1) + " " +
           kNames[static_cast<size_t>(link.state)];
  }
  std::vector<std::string> states(const LinkPlaces& places = {}) const {
    std::vector<std::string> out;
    for (const DeviceLink& link : find(places).links) {
      out.push_back(line_of(link));
    }
    return out;
  }
  std::string fact() const {
    const auto host =
        host::Host::open({.root = tree_.path(), .run_dir = "/none"});
    const Collected got = collect_dev_char_links(*host);
    return got.evidence.empty() ? "-" : to_text(got.evidence[0].value);
  }

  TempTree tree_;
};

using Lines = std::vector<std::string>;

TEST_F(DevCharLinksTest, MissingThenPresentAbsoluteAndRelative) {
  EXPECT_EQ(states(), (Lines{"195:0 missing", "195:255 missing"}));
  EXPECT_EQ(fact(), "missing");
  tree_.link("/dev/char/195:0", "/dev/nvidia0");
  tree_.link("/dev/char/195:255", "../nvidiactl");
  EXPECT_EQ(states(), (Lines{"195:0 present", "195:255 present"}));
  EXPECT_EQ(fact(), "present");
  EXPECT_TRUE(find().problems.empty());
}

TEST_F(DevCharLinksTest, WrongTargetDanglingAndNoLinkAtAll) {
  make("/dev/nvidia1", 195, 1);
  tree_.link("/dev/char/195:0", "/dev/nvidia1");
  tree_.link("/dev/char/195:1", "../nvidia7").file("/dev/char/195:255", "");
  EXPECT_EQ(states(), (Lines{"195:0 wrong", "195:1 wrong", "195:255 blocked"}));
  EXPECT_EQ(find().links[1].points_at, "../nvidia7");
  EXPECT_EQ(fact(), "wrong");
}

TEST_F(DevCharLinksTest, ChainsLoopsAndNodesInPlaceOfLinks) {
  make("/dev/nvidia1", 195, 1);
  make("/dev/char/195:255", 195, 255);
  tree_.link("/dev/char/195:0", "/dev/first").link("/dev/first", "nvidia0");
  tree_.link("/dev/char/195:1", "195:1");
  EXPECT_EQ(states(),
            (Lines{"195:0 present", "195:1 wrong", "195:255 present"}));
}

TEST_F(DevCharLinksTest, EveryKindOfNodeAndNoOther) {
  tree_.directory("/dev/nvidia-caps")
      .directory("/dev/nvidia-caps-imex-channels");
  make("/dev/nvidia-uvm", 510, 0);
  make("/dev/nvidia-nvswitch0", 508, 0);
  make("/dev/nvidia-nvlink", 507, 0);
  make("/dev/nvidia-caps/nvidia-cap3", 509, 3);
  make("/dev/nvidia-caps-imex-channels/channel2", 506, 2);
  make("/dev/nvidia0x", 195, 9);
  make("/dev/nvidia-caps/other", 509, 9);
  tree_.file("/dev/nvidia9", "");  // stands in for a node
  EXPECT_EQ(states(),
            (Lines{"195:0 missing", "195:9 missing", "195:255 missing",
                   "506:2 missing", "507:0 missing", "508:0 missing",
                   "509:3 missing", "510:0 missing"}));
}

TEST_F(DevCharLinksTest, ANodeWithAnEarlierMajorGetsNoLink) {
  make("/dev/nvidia-uvm", 511, 0);
  const DevCharLinks found = find();
  EXPECT_EQ(found.links.size(), 2u);
  ASSERT_EQ(found.problems.size(), 1u);
  EXPECT_NE(found.problems[0].find("major 511, the driver registered 510"),
            std::string::npos);
}

TEST_F(DevCharLinksTest, StaleLinksAreThoseWithOtherNumbers) {
  make("/dev/nvidia-uvm", 510, 0);
  make("/dev/hidraw0", 511, 5);
  tree_.link("/dev/char/511:0", "/dev/nvidia-uvm");
  tree_.link("/dev/char/511:1", "../nvidia-uvm-tools");
  tree_.link("/dev/char/511:5", "../hidraw0");
  tree_.link("/dev/char/195:3", "../nvidia3");  // to come
  tree_.link("/dev/char/word", "../nvidia0");
  const DevCharLinks found = find();
  ASSERT_EQ(found.stale.size(), 2u);
  EXPECT_EQ(found.stale[0].path, "/dev/char/511:0");
  EXPECT_EQ(found.stale[0].why, "/dev/nvidia-uvm has 510:0 now");
  EXPECT_EQ(found.stale[1].why, "/dev/nvidia-uvm-tools is to have 510:1");
  EXPECT_EQ(fact(), "wrong");
}

TEST_F(DevCharLinksTest, NodesToCome) {
  const auto device = [this](const std::string& address, const char* driver) {
    const std::string path = "/sys/bus/pci/devices/" + address;
    tree_.file(path + "/vendor", "0x10de").file(path + "/class", "0x030200");
    tree_.link(path + "/driver", std::string("../../drivers/") + driver);
  };
  device("0000:0f:00.0", "nvidia");
  device("0000:10:00.0", "nvidia");
  device("0000:11:00.0", "vfio-pci");
  tree_.file("/proc/devices", kDevices);
  const LinkPlaces places{.which = Which::to_come};
  const Lines lines = states(places);
  // nvidia0 and 1, modeset, ctl; config, monitor and two GPUs' instances; uvm.
  ASSERT_EQ(lines.size(), 4u + 2 + 2 * 135 + 2);
  EXPECT_EQ(lines[1], "195:1 missing");
  EXPECT_EQ(lines[2], "195:254 missing");
  EXPECT_EQ(lines[4], "509:1 missing");
  EXPECT_EQ(lines[4 + 271], "509:272 missing");
  EXPECT_TRUE(find(places).problems.empty());
  EXPECT_FALSE(find(places).links[1].node.exists);
  tree_.link("/dev/char/195:1", "../nvidia1");
  EXPECT_EQ(states(places)[1], "195:1 present");
}

TEST_F(DevCharLinksTest, AModuleThatIsNotLoadedIsSaidAndTheRestGoesOn) {
  tree_.file("/proc/devices", "Character devices:\n195 nvidia-frontend\n");
  const DevCharLinks found = find({.which = Which::to_come});
  EXPECT_EQ(found.links.size(), 3u);
  ASSERT_EQ(found.problems.size(), 1u);
  EXPECT_NE(found.problems[0].find("nvidia-modprobe -u"), std::string::npos);
}

TEST_F(DevCharLinksTest, BelowADriversRootAndInAnotherFolder) {
  tree_.directory("/run/nvidia/driver/dev");
  make("/run/nvidia/driver/dev/nvidia3", 195, 3);
  tree_.link("/dev/char/195:3", "/run/nvidia/driver/dev/nvidia3");
  LinkPlaces places{.driver_root = "/run/nvidia/driver/"};
  EXPECT_EQ(states(places), (Lines{"195:3 present"}));
  places.folder = "/dev/other";
  EXPECT_EQ(states(places), (Lines{"195:3 missing"}));
  EXPECT_EQ(find(places).links[0].node.path, "/run/nvidia/driver/dev/nvidia3");
  EXPECT_FALSE(find({.driver_root = "/none"}).gaps.empty());
}

TEST(DevCharLinks, NoNodesNoFactAndPlainFilesCountByName) {
  TempTree tree;
  tree.directory("/dev").file("/proc/devices", kDevices);
  const auto host = host::Host::open({.root = tree.path(), .run_dir = "/none"});
  EXPECT_TRUE(collect_dev_char_links(*host).evidence.empty());
  EXPECT_TRUE(collect_dev_char_links(*host).gaps.empty());
  tree.file("/dev/nvidia-uvm", "").link("/dev/char/510:0", "../nvidia-uvm");
  EXPECT_EQ(to_text(collect_dev_char_links(*host).evidence.at(0).value),
            "present");
}

}  // namespace
}  // namespace gpuward::evidence
