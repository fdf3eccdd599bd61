#include "containers/aside.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include "containers/found_json.h"
#include "support/temp_tree.h"

namespace gpuward::containers {
namespace {

TEST(Aside, ItsAnswerComesBack) {
  const std::string large(3 << 20, 'x');
  const auto answer = do_aside([&] { return Json(large); }, 10s);
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_EQ(*answer, Json(large));
}

TEST(Aside, WhatHangsIsEnded) {
  const Boot began = BootClock::now();
  const auto answer = do_aside(
      []() -> Json {
        for (;;) ::pause();
      },
      50ms);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, Error::Kind::timeout);
  EXPECT_LT(BootClock::now() - began, 5s);
  EXPECT_TRUE(do_aside([] { return Json(1); }, 10s));
}

TEST(Aside, WhatDiesIsSaid) {
  const auto answer = do_aside([]() -> Json { ::_exit(3); }, 10s);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, Error::Kind::gone);
}

// Were it to get stuck, a lock of ours would be held for ever.
TEST(Aside, HasNoneOfOurDescriptors) {
  TempTree tree;
  const int file =
      ::open((tree.path() + "/lock").c_str(), O_CREAT | O_RDWR, 0600);
  ASSERT_EQ(::flock(file, LOCK_EX), 0);
  const auto answer = do_aside(
      [file] { return Json(::fcntl(file, F_GETFD) < 0 && errno == EBADF); },
      10s);
  ::close(file);
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_EQ(*answer, Json(true));
}

TEST(Aside, EveryFieldOfAContainerComesBack) {
  Container box;
  box.label = "web \xff\xc3\xa4 \x80";  // a cgroup's name may hold any byte
  box.runtime = "docker";
  box.oci_runtime = "runc";
  box.id = "id";
  box.name = "name";
  box.image = "image";
  box.pod = "pod";
  box.pod_namespace = "ns";
  box.pid = 7;
  box.start_time = 1234567890123;
  box.cgroup = "/a";
  box.cgroup_folder = "/sys/a";
  box.cgroup_v2 = false;
  box.unit = "a.scope";
  box.frozen = box.privileged = box.rootless = box.asked_only = true;
  box.injection = Injection::legacy;
  box.grants = {{"/dev/nvidia0", 195, 1, "rw", "record", "file"}};
  box.unresolved = {"one", "two"};
  const FoundContainers found{{box}, {{"containers", "why"}}, false};
  const auto text = Json::parse(to_json(found).dump());
  ASSERT_TRUE(text);
  const FoundContainers back = found_containers_of(*text);
  EXPECT_EQ(back.containers, found.containers);
  EXPECT_EQ(back.gaps, found.gaps);
  EXPECT_EQ(back.is_whole, found.is_whole);
}

}  // namespace
}  // namespace gpuward::containers
