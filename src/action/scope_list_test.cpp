#include <gtest/gtest.h>

#include "action/restore_access.h"

namespace gpuward::action {
namespace {

const std::vector<Grant> kGrants = {
    {"/dev/nvidia0", 195, 0, "rw", "OCI specification", ""},
    {"/dev/nvidiactl", 195, 255, "r", "OCI specification", ""}};

TEST(ScopeList, ExactlyWhatWasGranted) {
  EXPECT_EQ(entries_for({{"/dev/char/1:3", "rwm"}}, kGrants),
            (host::DeviceAllow{{"/dev/char/195:0", "rw"},
                               {"/dev/char/195:255", "r"}}));
}

TEST(ScopeList, NobodyLosesAnAccessThatIsThere) {
  EXPECT_EQ(
      entries_for({{"/dev/char/195:0", "m"}, {"/dev/char/195:255", "rwm"}},
                  kGrants),
      (host::DeviceAllow{{"/dev/char/195:0", "rwm"},
                         {"/dev/char/195:255", "rwm"}}));
}

TEST(ScopeList, KnowsWhatIsMissing) {
  host::DeviceAllow list = {{"/dev/char/195:0", "rwm"}};
  EXPECT_FALSE(lists_all(list, kGrants));
  list.emplace_back("/dev/char/195:255", "r");
  EXPECT_TRUE(lists_all(list, kGrants));
  list[0].second = "r";
  EXPECT_FALSE(lists_all(list, kGrants));
}

TEST(ScopeList, TakesBackWhatWasAddedAndNothingElse) {
  const host::DeviceAllow former = {{"/dev/char/1:3", "rwm"},
                                    {"/dev/char/195:0", "r"}};
  const host::DeviceAllow now = {
      {"/dev/char/195:255", "r"},
      {"/dev/char/195:0", "rw"},
      {"/dev/char/1:3", "rwm"},
      {"/dev/char/10:229", "rw"}};  // somebody else's
  EXPECT_EQ(taken_back(now, former, kGrants),
            (host::DeviceAllow{{"/dev/char/195:0", "r"},
                               {"/dev/char/1:3", "rwm"},
                               {"/dev/char/10:229", "rw"}}));
  EXPECT_EQ(taken_back(former, former, kGrants), former);
  EXPECT_EQ(taken_back(entries_for({}, kGrants), {}, kGrants),
            host::DeviceAllow{});
}

// An update of the runtime's may have put an entry in our entry's place.
TEST(ScopeList, LeavesWhatSomebodyElseHasSetMeanwhile) {
  const host::DeviceAllow now = {{"/dev/char/195:0", "rwm"},
                                 {"/dev/char/195:255", "r"}};
  EXPECT_EQ(taken_back(now, {}, kGrants),
            (host::DeviceAllow{{"/dev/char/195:0", "rwm"}}));
}

TEST(ScopeList, AWiderEntryOfAnothersIsNotNarrowed) {
  const host::DeviceAllow listed = {{"char-195", "rwm"}};
  EXPECT_FALSE(lists_all(listed, kGrants));
  host::DeviceAllow now = entries_for(listed, kGrants);
  now.push_back(listed[0]);
  EXPECT_EQ(taken_back(now, listed, kGrants), listed);
}

}  // namespace
}  // namespace gpuward::action
