#include "host/systemd.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <optional>

#include "support/fake_systemd.h"
#include "support/temp_tree.h"

namespace gpuward::host {
namespace {

const std::string kUnit = "docker-0123.scope";

class SystemdTest : public ::testing::Test {
 protected:
  void begin(FakeSystemd::Quirk quirk = FakeSystemd::Quirk::none) {
    fake_.emplace(tree_.path(), FakeSystemd::Scope{kUnit,
                                                   "/system.slice/" + kUnit,
                                                   "strict",
                                                   {{"/dev/char/1:3", "rwm"}},
                                                   quirk});
  }
  Result<Systemd> connect(Millis deadline = 2s) const {
    return Systemd::connect(*Root::open(tree_.path()), deadline);
  }

  TempTree tree_;
  std::optional<FakeSystemd> fake_;
};

TEST_F(SystemdTest, NoneIsSaid) {
  const auto none = connect();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, Error::Kind::not_found);
}

TEST_F(SystemdTest, ASilentOneIsNotWaitedFor) {
  begin(FakeSystemd::Quirk::silent);
  const Boot began = BootClock::now();
  const auto late = connect(100ms);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, Error::Kind::timeout);
  EXPECT_LT(BootClock::now() - began, 1s);
}

TEST_F(SystemdTest, ReadsAScope) {
  begin();
  auto systemd = connect();
  ASSERT_TRUE(systemd) << systemd.error().text;
  EXPECT_EQ(systemd->device_policy(kUnit), "strict");
  EXPECT_EQ(systemd->control_group(kUnit), "/system.slice/" + kUnit);
  EXPECT_EQ(systemd->device_allow(kUnit),
            (DeviceAllow{{"/dev/char/1:3", "rwm"}}));
  EXPECT_EQ(systemd->device_allow("other.scope").error().kind,
            Error::Kind::not_found);
  EXPECT_EQ(systemd->device_allow("x.mount").error().kind,
            Error::Kind::unsupported);
}

TEST_F(SystemdTest, AddsAndReplaces) {
  begin();
  auto systemd = connect();
  ASSERT_TRUE(systemd);
  ASSERT_TRUE(systemd->add_device_allow(kUnit, {{"/dev/char/195:0", "rw"}}));
  EXPECT_EQ(systemd->device_allow(kUnit),
            (DeviceAllow{{"/dev/char/195:0", "rw"}, {"/dev/char/1:3", "rwm"}}));
  ASSERT_TRUE(systemd->replace_device_allow(kUnit, {{"/dev/char/1:5", "r"}}));
  EXPECT_EQ(systemd->device_allow(kUnit),
            (DeviceAllow{{"/dev/char/1:5", "r"}}));
  // Both would empty the list.
  EXPECT_FALSE(systemd->add_device_allow(kUnit, {}));
  EXPECT_FALSE(systemd->replace_device_allow(kUnit, {}));
  EXPECT_EQ(systemd->device_allow(kUnit)->size(), 1u);
}

TEST_F(SystemdTest, HearsOfChangesAndOfTheEnd) {
  begin();
  auto systemd = connect();
  ASSERT_TRUE(systemd);
  std::vector<std::string> changed;
  ASSERT_TRUE(
      systemd->subscribe({.unit_changed = [&changed](const std::string& unit) {
        changed.push_back(unit);
      }}));
  ASSERT_TRUE(systemd->add_device_allow(kUnit, {{"/dev/char/195:0", "rw"}}));
  ASSERT_TRUE(systemd->process());
  EXPECT_EQ(changed, std::vector<std::string>{kUnit});
  fake_.reset();
  pollfd end{systemd->fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&end, 1, 2000), 1);
  const auto gone = systemd->process();
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind, Error::Kind::gone);
  EXPECT_EQ(systemd->device_allow(kUnit).error().kind, Error::Kind::gone);
}

}  // namespace
}  // namespace gpuward::host
