#include "action/engine.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>

#include "base/text.h"
#include "kill/two_files.h"
#include "support/temp_tree.h"

namespace gpuward::action {
namespace {

using State = Outcome::State;

Result<Action::Checked> never(const host::Host&, const Step&) {
  return fail(Error::Kind::denied, "never");
}

constexpr Action kBoundToBoot{.name = "bound-to-boot",
                              .what = "for tests",
                              .ends_with_boot = true,
                              .check = never,
                              .run = nullptr,
                              .verify = nullptr,
                              .undo = nullptr};

class Engine : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    tree_.file("/one/a", "old").file("/one/b", "old");
    tree_.file("/two/a", "old").file("/two/b", "old");
  }
  host::Host host() const {
    return std::move(*host::Host::open({.run_dir = tree_.path()}));
  }
  ledger::Ledger ledger(const std::string& boot = "boot-1") const {
    return std::move(
        *ledger::Ledger::open_for_acting(tree_.path() + "/state", boot));
  }
  Step step(const std::string& name,
            std::vector<std::string> fails = {}) const {
    Step out = two_files::step(tree_.path() + "/" + name);
    Json list = Json::array();
    for (const std::string& each : fails) list.push(each);
    out.arguments.set("fails", std::move(list));
    return out;
  }
  std::vector<Outcome> act(const std::vector<Step>& steps) const {
    ledger::Ledger book = ledger();
    Plan plan;
    plan.steps = steps;
    return carry_out(host(), book, plan, {}, kKnown);
  }
  std::vector<Outcome> recover(const std::string& boot = "boot-1") const {
    ledger::Ledger book = ledger(boot);
    auto outcomes = finish_interrupted(host(), book, {}, kKnown);
    EXPECT_TRUE(outcomes) << outcomes.error().text;
    return std::move(*outcomes);
  }
  std::string both(const std::string& name) const {
    const std::string folder = tree_.path() + "/" + name;
    return two_files::read(folder + "/a") + " " +
           two_files::read(folder + "/b");
  }
  std::string newest() const {
    ledger::Ledger book = ledger();
    const auto entries = book.entries(1);
    return entries && !entries->empty() ? entries->at(0).kind : "";
  }
  size_t unfinished() const {
    ledger::Ledger book = ledger();
    return book.unfinished().value().size();
  }

  static constexpr std::array kKnown{two_files::kAction, kBoundToBoot};
  TempTree tree_;
};

TEST_F(Engine, DoesAndVerifies) {
  const auto outcomes = act({step("one"), step("two")});
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_EQ(outcomes[0].state, State::done);
  EXPECT_TRUE(outcomes[0].text.starts_with("both are new (took "))
      << outcomes[0].text;
  EXPECT_EQ(both("one") + both("two"), "new newnew new");
  EXPECT_EQ(unfinished(), 0u);
  EXPECT_EQ(act({step("one")})[0].state, State::already);
}

TEST_F(Engine, UndoesWhatDidNotWork) {
  for (const std::string where : {"run", "verify"}) {
    const auto outcomes = act({step("one", {where})});
    EXPECT_EQ(outcomes[0].state, State::undone) << outcomes[0].text;
    EXPECT_EQ(both("one"), "old old");
    EXPECT_EQ(unfinished(), 0u);
  }
}

TEST_F(Engine, SaysWhereUndoingFailed) {
  const auto outcomes = act({step("one", {"verify", "undo"})});
  EXPECT_EQ(outcomes[0].state, State::failed);
  EXPECT_NE(outcomes[0].text.find("taking it back failed too: stays"),
            std::string::npos)
      << outcomes[0].text;
  EXPECT_EQ(unfinished(), 0u);
}

TEST_F(Engine, TriesToUndoAgainLater) {
  EXPECT_EQ(act({step("one", {"verify", "busy"})})[0].state, State::failed);
  EXPECT_EQ(unfinished(), 1u);
  EXPECT_EQ(recover()[0].state, State::failed);
  EXPECT_EQ(unfinished(), 1u);
}

TEST_F(Engine, WhatHasEndedNeedsNoUndoing) {
  const auto outcomes = act({step("one", {"gone", "undo"})});
  EXPECT_EQ(outcomes[0].state, State::undone);
  EXPECT_EQ(outcomes[0].text, "it has ended: nothing is left to undo");
  EXPECT_EQ(unfinished(), 0u);
}

TEST_F(Engine, RefusalsAreResults) {
  const auto outcomes = act({step("one", {"check"})});
  EXPECT_EQ(outcomes[0].state, State::refused);
  EXPECT_EQ(outcomes[0].text, "not this one");
  EXPECT_EQ(newest(), "refusal");
  Step unknown = step("one");
  unknown.action = "of-tomorrow";
  EXPECT_EQ(act({unknown})[0].state, State::refused);
}

TEST_F(Engine, AFailureStopsItsSubjectAlone) {
  const auto outcomes =
      act({step("one", {"verify"}), step("one"), step("two")});
  ASSERT_EQ(outcomes.size(), 3u);
  EXPECT_EQ(outcomes[1].state, State::refused);
  EXPECT_EQ(outcomes[2].state, State::done);
  EXPECT_EQ(both("one"), "old old");
}

TEST_F(Engine, ALastResortIsForFailures) {
  Step last = step("one");
  last.only_if_failed = 0;
  EXPECT_EQ(act({step("one", {"verify"}), last})[1].state, State::done);
  EXPECT_EQ(act({step("two"), last}).size(), 1u);
  // That of a step which was refused for another one's failure, too.
  last.only_if_failed = 1;
  tree_.file("/one/a", "old").file("/one/b", "old");
  const auto outcomes = act({step("one", {"verify"}), step("one"), last});
  ASSERT_EQ(outcomes.size(), 3u);
  EXPECT_EQ(outcomes[1].state, State::refused);
  EXPECT_EQ(outcomes[2].state, State::done);
}

TEST_F(Engine, WhatIsTooLargeToWriteDownIsNotDone) {
  tree_.file("/large/a", "old").file("/large/b", "old");
  Step large = step("large");
  large.text = std::string(200'000, 'x');
  const auto outcomes = act({large, step("one")});
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_EQ(outcomes[0].state, State::refused);
  EXPECT_EQ(both("large"), "old old");
  EXPECT_EQ(outcomes[1].state, State::done);
}

// The process that has that file open and is not ours.
pid_t keeper_of(const std::string& file) {
  namespace fs = std::filesystem;
  std::error_code error;
  for (const auto& task : fs::directory_iterator("/proc", error)) {
    const auto pid = to_number<pid_t>(task.path().filename().string());
    if (!pid || *pid == ::getpid()) continue;
    for (const auto& fd : fs::directory_iterator(task.path() / "fd", error)) {
      if (fs::read_symlink(fd.path(), error) == file) return *pid;
    }
  }
  return 0;
}

TEST_F(Engine, NothingIsDoneThatCannotBeWrittenDown) {
  ledger::Ledger book = ledger();
  const pid_t keeper = keeper_of(tree_.path() + "/state/ledger.db");
  ASSERT_GT(keeper, 0);
  Plan plan;
  plan.steps = {step("one"), step("two")};
  Watcher watcher;
  watcher.ended = [keeper](const Outcome&) { ::kill(keeper, SIGKILL); };
  const auto outcomes = carry_out(host(), book, plan, watcher, kKnown);
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_EQ(outcomes[0].state, State::done);
  EXPECT_EQ(outcomes[1].state, State::refused);
  EXPECT_NE(outcomes[1].text.find("has ended"), std::string::npos)
      << outcomes[1].text;
  EXPECT_EQ(both("two"), "old old");
}

TEST_F(Engine, ActsOneAtATime) {
  ledger::Ledger other = ledger();
  const auto lock = other.lock_for_acting();
  ASSERT_TRUE(lock);
  const auto outcomes = act({step("one")});
  EXPECT_EQ(outcomes[0].state, State::refused);
  EXPECT_EQ(both("one"), "old old");
}

TEST_F(Engine, FinishesWhatHadWorked) {
  for (const ledger::Stage stage : {ledger::Stage::begun, ledger::Stage::ran}) {
    ledger::Ledger book = ledger();
    const auto id = book.begin(step("one"), Json::object());
    if (stage == ledger::Stage::ran) {
      ASSERT_TRUE(book.advance(*id, ledger::Stage::ran, ""));
    }
    tree_.file("/one/a", "new").file("/one/b", "new");
    const auto outcomes = recover();
    ASSERT_EQ(outcomes.size(), 1u);
    EXPECT_EQ(outcomes[0].state, State::done);
    EXPECT_TRUE(outcomes[0].text.starts_with("finished after an interruption"));
    EXPECT_EQ(unfinished(), 0u);
  }
}

TEST_F(Engine, UndoesWhatIsHalfDone) {
  const Json before = two_files::check(host(), step("one"))->undo;
  for (const ledger::Stage stage :
       {ledger::Stage::begun, ledger::Stage::undoing}) {
    ledger::Ledger book = ledger();
    const auto id = book.begin(step("one"), before);
    if (stage == ledger::Stage::undoing) {
      ASSERT_TRUE(book.advance(*id, stage, ""));
    }
    tree_.file("/one/a", "new").file("/one/b", "old");
    EXPECT_EQ(recover()[0].state, State::undone);
    EXPECT_EQ(both("one"), "old old");
    EXPECT_EQ(unfinished(), 0u);
  }
}

TEST_F(Engine, ARebootEndsWhatIsBoundToIt) {
  Step bound = step("one");
  bound.action = "bound-to-boot";
  ASSERT_TRUE(ledger("another boot").begin(bound, Json::object()));
  const auto outcomes = recover();
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].state, State::undone);
  EXPECT_NE(outcomes[0].text.find("the reboot ended it"), std::string::npos);
  EXPECT_EQ(unfinished(), 0u);
}

TEST_F(Engine, LeavesWhatItDoesNotKnow) {
  Step later = step("one");
  later.action = "of-tomorrow";
  ASSERT_TRUE(ledger().begin(later, Json::object()));
  const auto outcomes = recover();
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].state, State::refused);
  EXPECT_EQ(unfinished(), 1u);
}

TEST_F(Engine, ACopiedMachineIsNotRepaired) {
  ledger::Ledger book = ledger();
  const auto copy =
      host::Host::open({.root = tree_.path(), .run_dir = tree_.path()});
  ASSERT_TRUE(copy);
  Plan plan;
  plan.steps = {step("one")};
  const auto outcomes = carry_out(*copy, book, plan, {}, kKnown);
  EXPECT_EQ(outcomes[0].state, State::refused);
  EXPECT_EQ(both("one"), "old old");
  EXPECT_FALSE(finish_interrupted(*copy, book, {}, kKnown));
}

}  // namespace
}  // namespace gpuward::action
