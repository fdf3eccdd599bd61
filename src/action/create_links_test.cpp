#include "action/create_links.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "support/temp_tree.h"

namespace gpuward::action {
namespace {

using What = LinkOutcome::What;

class CreateLinks : public testing::Test {
 protected:
  void SetUp() override {
    tree_.directory("/dev").file(
        "/proc/devices", "Character devices:\n195 nvidia\n510 nvidia-uvm\n");
    if (!make("/dev/nvidia0", 195, 0)) {
      GTEST_SKIP() << "no device nodes can be made here: needs root";
    }
    make("/dev/nvidiactl", 195, 255);
    make("/dev/nvidia-uvm", 510, 0);
  }

  bool make(const std::string& path, unsigned first, unsigned second) {
    return ::mknod((tree_.path() + path).c_str(), S_IFCHR | 0666,
                   makedev(first, second)) == 0;
  }
  std::vector<LinkOutcome> put(Do how = Do::it) const {
    return put_links(host_.evidence, found(), how);
  }
  evidence::DevCharLinks found() const {
    return evidence::find_dev_char_links(host_.evidence, {});
  }
  std::string at(const std::string& name) const {
    return host_.evidence.read_link("/dev/char/" + name).value_or("-");
  }

  TempTree tree_;
  host::Host host_ =
      *host::Host::open({.root = tree_.path(), .run_dir = "/none"});
};

TEST_F(CreateLinks, MakesMendsRemovesAndIsIdempotent) {
  tree_.link("/dev/char/195:255", "/dev/nvidia0");
  tree_.link("/dev/char/511:0", "../nvidia-uvm");
  EXPECT_EQ(put(Do::nothing).size(), 4u);
  EXPECT_EQ(at("195:0"), "-");
  EXPECT_EQ(at("511:0"), "../nvidia-uvm");
  const auto first = put();
  ASSERT_EQ(first.size(), 4u);
  EXPECT_EQ(first[0].what, What::removed);
  EXPECT_EQ(first[1].what, What::made);
  EXPECT_EQ(first[2].what, What::replaced);
  EXPECT_EQ(first[2].was, "/dev/nvidia0");
  EXPECT_EQ(at("195:0"), "/dev/nvidia0");
  EXPECT_EQ(at("195:255"), "/dev/nvidiactl");
  EXPECT_EQ(at("510:0"), "/dev/nvidia-uvm");
  EXPECT_EQ(at("511:0"), "-");
  for (const LinkOutcome& outcome : put()) {
    EXPECT_EQ(outcome.what, What::already) << outcome.path;
  }
}

TEST_F(CreateLinks, AMissingFolderIsMadeAndABlockedNameIsSaid) {
  EXPECT_EQ(put().front().what, What::made);
  EXPECT_EQ(host_.evidence.lstat("/dev/char")->st_mode & 07777, 0755u);
  ASSERT_TRUE(host_.evidence.exists("/dev/char/195:255"));
  ::unlink((tree_.path() + "/dev/char/195:255").c_str());
  tree_.file("/dev/char/195:255", "mine");
  const auto outcome = put();
  EXPECT_EQ(outcome[1].what, What::failed);
  EXPECT_EQ(outcome[1].error, Error::Kind::busy);
  EXPECT_EQ(outcome[2].what, What::already);
  EXPECT_EQ(host_.evidence.read("/dev/char/195:255"), "mine");
}

TEST_F(CreateLinks, AsAnAction) {
  tree_.link("/dev/char/195:255", "/dev/nvidia0");
  const Action action = create_device_links();
  const Step step = create_links_step(found());
  ASSERT_EQ(step.arguments["links"].as_array().size(), 3u);
  const auto checked = action.check(host_, step);
  ASSERT_TRUE(checked && !checked->already);
  EXPECT_FALSE(action.verify(host_, step).has_value());
  for (int twice = 0; twice < 2; ++twice) {
    ASSERT_TRUE(action.run(host_, step).has_value());
    EXPECT_TRUE(action.verify(host_, step).has_value());
  }
  EXPECT_TRUE(action.check(host_, step)->already);
  // Somebody put another link there meanwhile: it stays.
  ASSERT_EQ(::unlink((tree_.path() + "/dev/char/510:0").c_str()), 0);
  tree_.link("/dev/char/510:0", "../nvidia-uvm");
  for (int twice = 0; twice < 2; ++twice) {
    ASSERT_TRUE(action.undo(host_, step, checked->undo).has_value());
    EXPECT_EQ(at("195:0"), "-");
    EXPECT_EQ(at("195:255"), "/dev/nvidia0");
    EXPECT_EQ(at("510:0"), "../nvidia-uvm");
  }
}

TEST_F(CreateLinks, TheActionRefusesWhatItDoesNotUnderstand) {
  const auto kind_of = [this](const char* arguments) {
    const Step step{.arguments = *Json::parse(arguments)};
    const auto checked = create_device_links().check(host_, step);
    return checked ? Error::Kind::system : checked.error().kind;
  };
  EXPECT_EQ(kind_of("{}"), Error::Kind::malformed);
  EXPECT_EQ(kind_of(R"({"links": [{"path": "/dev/char/x", "target": "/a"}]})"),
            Error::Kind::malformed);
  EXPECT_EQ(kind_of(R"({"links": [{"path": "/dev/char/1:2"}]})"),
            Error::Kind::malformed);
  tree_.file("/dev/char/195:0", "");
  EXPECT_EQ(kind_of(R"({"links":
      [{"path": "/dev/char/195:0", "target": "/dev/nvidia0"}]})"),
            Error::Kind::busy);
}

TEST_F(CreateLinks, ATargetThatIsAnotherDeviceDoesNotVerify) {
  const Step step{.arguments = *Json::parse(
                      R"({"links": [{"path": "/dev/char/195:7",
                          "target": "/dev/nvidia0"}]})")};
  ASSERT_TRUE(create_device_links().run(host_, step).has_value());
  EXPECT_FALSE(create_device_links().verify(host_, step).has_value());
}

}  // namespace
}  // namespace gpuward::action
