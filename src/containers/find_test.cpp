// Each runtime, on each kind of cgroup: who is found, and how it is called.
#include "containers/find.h"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <algorithm>
#include <filesystem>

#include "containers/find_machine.h"
#include "support/temp_tree.h"

namespace gpuward::containers {
namespace {

constexpr const char* kBoth = "nvidia0 195:0 rwm;nvidiactl 195:255 rwm;";

TEST(FindContainers, DockerOnV2) {
  Machine machine;
  machine.docker('a', 20, with_gpu());
  // docker exec: a younger task of the same cgroup.
  machine.task(19, 900, "/system.slice/docker-" + id_of('a') + ".scope");
  const Container box = only(machine.find());
  EXPECT_EQ(box.label, "box-a");
  EXPECT_EQ(box.runtime, "docker");
  EXPECT_EQ(box.oci_runtime, "runc");
  EXPECT_EQ(box.image, "cuda");
  EXPECT_EQ(box.pid, 20);
  EXPECT_EQ(box.start_time, 200U);
  EXPECT_EQ(box.unit, "docker-" + id_of('a') + ".scope");
  EXPECT_EQ(box.cgroup, "/system.slice/docker-" + id_of('a') + ".scope");
  EXPECT_EQ(box.cgroup_folder, "/sys/fs/cgroup" + box.cgroup);
  EXPECT_TRUE(box.cgroup_v2);
  EXPECT_FALSE(box.frozen || box.privileged || box.rootless || box.asked_only);
  EXPECT_EQ(box.injection, Injection::devices);
  EXPECT_EQ(in_short(box), kBoth);
  EXPECT_EQ(box.grants[0].record, "OCI specification");
  EXPECT_TRUE(box.unresolved.empty());
}

TEST(FindContainers, DockerOnV1AndOnAHybridMachine) {
  Machine v1(Machine::Kind::v1);
  v1.docker('a', 20, with_gpu());
  const Container old = only(v1.find());
  EXPECT_FALSE(old.cgroup_v2);
  EXPECT_EQ(old.cgroup_folder, "/sys/fs/cgroup/devices" + old.cgroup);
  EXPECT_EQ(in_short(old), kBoth);

  Machine hybrid(Machine::Kind::hybrid);
  hybrid.docker('a', 20, with_gpu());
  const Container mixed = only(hybrid.find());
  EXPECT_TRUE(mixed.cgroup_v2);
  EXPECT_EQ(mixed.cgroup_folder, "/sys/fs/cgroup/unified" + mixed.cgroup);
}

TEST(FindContainers, SeesWhatIsFrozen) {
  Machine v2;
  v2.docker('a', 20, with_gpu());
  const std::string scope = "/system.slice/docker-" + id_of('a') + ".scope";
  v2.file("/sys/fs/cgroup" + scope + "/cgroup.events",
          "populated 1\nfrozen 1\n");
  EXPECT_TRUE(only(v2.find()).frozen);
  Machine v1(Machine::Kind::v1);
  v1.docker('a', 20, with_gpu());
  v1.file("/sys/fs/cgroup/freezer" + scope + "/freezer.state", "FROZEN\n");
  EXPECT_TRUE(only(v1.find()).frozen);
}

TEST(FindContainers, PodsOfContainerd) {
  Machine machine;
  const std::string annotations =
      R"("io.kubernetes.cri.sandbox-name": "train-0",
         "io.kubernetes.cri.sandbox-namespace": "ml",
         "io.kubernetes.cri.image-name": "img:1",
         "io.kubernetes.cri.container-name": "main",)";
  const std::string slice = "/kubepods.slice/kubepods-podx.slice/";
  const std::string bundles =
      "/run/containerd/io.containerd.runtime.v2.task/k8s.io/";
  Spec spec = with_gpu("rw");
  spec.annotations =
      annotations + R"("io.kubernetes.cri.container-type": "container")";
  machine.task(30, 300, slice + "cri-containerd-" + id_of('b') + ".scope");
  machine.file(bundles + id_of('b') + "/config.json", spec.text());
  // Its pause container, even if it had devices, is none.
  spec.annotations =
      annotations + R"("io.kubernetes.cri.container-type": "sandbox")";
  machine.task(29, 290, slice + "cri-containerd-" + id_of('c') + ".scope");
  machine.file(bundles + id_of('c') + "/config.json", spec.text());
  const Container box = only(machine.find());
  EXPECT_EQ(box.label, "ml/train-0/main");
  EXPECT_EQ(box.runtime, "containerd");
  EXPECT_EQ(box.image, "img:1");
  EXPECT_EQ(box.pod, "train-0");
  EXPECT_EQ(box.pod_namespace, "ml");
  EXPECT_EQ(box.pid, 30);
  EXPECT_EQ(in_short(box), "nvidia0 195:0 rw;nvidiactl 195:255 rw;");
}

TEST(FindContainers, PodsOfCrio) {
  Machine machine;
  Spec spec = with_gpu("rw");
  spec.annotations =
      R"("io.kubernetes.cri-o.ContainerType": "container",
         "io.kubernetes.pod.name": "p", "io.kubernetes.pod.namespace": "n",
         "io.kubernetes.container.name": "c")";
  machine.task(30, 300, "/kubepods.slice/crio-" + id_of('b') + ".scope");
  machine.task(28, 280, "/kubepods.slice/crio-conmon-" + id_of('b') + ".scope");
  machine.file("/run/containers/storage/overlay-containers/" + id_of('b') +
                   "/userdata/config.json",
               spec.text());
  machine.file("/run/runc/" + id_of('b') + "/state.json",
               Machine::runc_state(30, 300, ""));
  const Container box = only(machine.find());
  EXPECT_EQ(box.label, "n/p/c");
  EXPECT_EQ(box.runtime, "cri-o");
  EXPECT_EQ(box.oci_runtime, "runc");
}

TEST(FindContainers, PodmanWithCrun) {
  Machine machine;
  const std::string id = id_of('d');
  const std::string scope = "/machine.slice/libpod-" + id + ".scope";
  const std::string storage = "/var/lib/containers/storage/overlay-containers";
  machine.task(41, 410, scope + "/container/init.scope");
  machine.task(40, 400, "/machine.slice/libpod-conmon-" + id + ".scope");
  machine.task(42, 400, scope + "/container/system.slice");
  machine.file("/run/crun/" + id + "/status",
               Machine::crun_status(41, 410, storage + "/" + id + "/userdata"));
  machine.file("/run/crun/" + id + "/config.json", with_gpu().text());
  machine.file(storage + "/" + id + "/userdata/config.json", with_gpu().text());
  machine.file(storage + "/containers.json",
               fmt::format(R"([{{"id": "{}", "names": ["pc"], "metadata":
                 "{{\"image-name\": \"localhost/x:1\"}}"}}])",
                           id));
  const Container box = only(machine.find());
  EXPECT_EQ(box.label, "pc");
  EXPECT_EQ(box.runtime, "podman");
  EXPECT_EQ(box.oci_runtime, "crun");
  EXPECT_EQ(box.image, "localhost/x:1");
  EXPECT_EQ(box.pid, 41);
  EXPECT_EQ(box.cgroup, scope + "/container/init.scope");
  EXPECT_EQ(box.unit, "libpod-" + id + ".scope");
}

TEST(FindContainers, PlainRuncAndCrunAreKnownByTheirState) {
  Machine machine;
  machine.task(50, 500, "/system.slice/lab-rs.scope");
  machine.file("/run/runc/box/state.json",
               Machine::runc_state(50, 500, "/srv/bundle"));
  machine.file("/srv/bundle/config.json", with_gpu().text());
  machine.task(51, 510, "/lab/cf");
  machine.file("/run/crun/box/status", Machine::crun_status(51, 510, "/gone"));
  machine.file("/run/crun/box/config.json", with_gpu().text());
  const auto found = machine.find();
  ASSERT_EQ(found.containers.size(), 2U);
  EXPECT_NE(found.containers[0].label, found.containers[1].label);
  const bool runc_first = found.containers[0].runtime == "runc";
  const Container& runc = found.containers[runc_first ? 0 : 1];
  const Container& crun = found.containers[runc_first ? 1 : 0];
  EXPECT_EQ(runc.unit, "lab-rs.scope");
  EXPECT_EQ(runc.pid, 50);
  EXPECT_EQ(crun.runtime, "crun");
  EXPECT_EQ(crun.unit, "");
  EXPECT_EQ(crun.cgroup, "/lab/cf");
}

TEST(FindContainers, AStateThatOutlivedItsContainerIsIgnored) {
  Machine machine;
  machine.task(50, 777, "/system.slice/other.service");
  machine.file("/run/runc/reused/state.json",
               Machine::runc_state(50, 500, "/srv/bundle"));
  machine.file("/run/runc/gone/state.json",
               Machine::runc_state(51, 500, "/srv/bundle"));
  machine.file("/srv/bundle/config.json", with_gpu().text());
  const auto found = machine.find();
  EXPECT_TRUE(found.containers.empty());
  EXPECT_TRUE(found.gaps.empty());
}

TEST(FindContainers, AStaleStateOfARunningContainerLeavesItsOldestTask) {
  Machine machine;
  machine.docker('a', 20, with_gpu());
  machine.file("/run/docker/runtime-runc/moby/" + id_of('a') + "/state.json",
               Machine::runc_state(1, 1, ""));
  EXPECT_EQ(only(machine.find()).pid, 20);
}

TEST(FindContainers, Nerdctl) {
  Machine machine;
  Spec spec = with_gpu();
  spec.annotations = R"("nerdctl/name": "nerd")";
  machine.task(60, 600, "/system.slice/nerdctl-" + id_of('e') + ".scope");
  machine.file("/run/containerd/io.containerd.runtime.v2.task/default/" +
                   id_of('e') + "/config.json",
               spec.text());
  const Container box = only(machine.find());
  EXPECT_EQ(box.label, "nerd");
  EXPECT_EQ(box.runtime, "containerd");
}

TEST(FindContainers, Lxc) {
  const std::string config =
      "lxc.cgroup2.devices.deny = a\nlxc.cgroup2.devices.allow = c 195:0 rw\n"
      "lxc.cgroup.devices.deny = a\nlxc.cgroup.devices.allow = c 195:1 r\n";
  Machine v2;
  v2.task(70, 700, "/lxc.payload.web/init.scope");
  v2.file("/var/lib/lxc/web/config", config);
  const Container web = only(v2.find());
  EXPECT_EQ(web.label, "web");
  EXPECT_EQ(web.runtime, "lxc");
  EXPECT_EQ(in_short(web), "nvidia0 195:0 rw;");
  Machine v1(Machine::Kind::v1);
  v1.task(70, 700, "/lxc/web");
  v1.file("/var/lib/lxc/web/config", config);
  EXPECT_EQ(in_short(only(v1.find())), "nvidia1 195:1 r;");
  Machine without;
  without.task(70, 700, "/lxc.payload.web");
  without.file("/var/lib/lxc/web/config", "lxc.uts.name = web\n");
  EXPECT_TRUE(without.find().containers.empty());
}

TEST(FindContainers, RootlessOnes) {
  Machine machine;
  const std::string id = id_of('f');
  Spec spec;
  spec.mounts = R"({"source": "/dev/nvidia0", "destination": "/dev/nvidia0"})";
  machine.task(80, 800,
               "/user.slice/user-1000.slice/user@1000.service/user.slice/"
               "libpod-" +
                   id + ".scope/container");
  machine.file("/run/user/1000/crun/" + id + "/status",
               Machine::crun_status(80, 800, "/home/x"));
  machine.file("/run/user/1000/crun/" + id + "/config.json", spec.text());
  const Container box = only(machine.find());
  EXPECT_TRUE(box.rootless);
  EXPECT_EQ(box.runtime, "podman");
  EXPECT_EQ(in_short(box), "nvidia0 195:0 rw;");
}

// A user writes a state about a container of the system, so that it would be
// granted what it never was.
TEST(FindContainers, AUserIsNotBelievedAboutOthersTasks) {
  Machine machine;
  machine.docker('a', 20, Spec{});
  machine.task(50, 500, "/system.slice/other.service");
  int number = 0;
  for (const auto& [name, pid] : {std::pair(id_of('a'), 20),
                                  {std::string("x"), 20},
                                  {std::string("y"), 50}}) {
    const std::string folder = "/run/user/1000/crun/" + name;
    machine.file(folder + "/status",
                 Machine::crun_status(pid, pid * 10, "/home/x"));
    machine.file(folder + "/config.json", with_gpu().text());
    ++number;
  }
  ASSERT_EQ(number, 3);
  EXPECT_TRUE(machine.find().containers.empty());
}

// A user may make links to anywhere, mounts, and a million names.
TEST(FindContainers, NothingIsFollowedOutOfAUsersFolder) {
  Machine machine;
  const std::string id = id_of('f');
  machine.task(80, 800, "/user.slice/user-1000.slice/libpod-" + id + ".scope");
  machine.file("/home/status", Machine::crun_status(80, 800, "/home/x"));
  machine.file("/home/config.json", with_gpu().text());
  machine.file("/run/user/1000/crun/z/status", "{}");
  std::filesystem::create_directory_symlink(
      "/home", machine.path() + "/run/user/1000/crun/" + id);
  const auto found = machine.find();
  EXPECT_TRUE(found.containers.empty());
  for (const Gap& gap : found.gaps) {
    EXPECT_EQ(gap.why.find("root"), std::string::npos) << gap.why;
  }
  // The same without the link is believed.
  std::filesystem::remove(machine.path() + "/run/user/1000/crun/" + id);
  for (const std::string file : {"/status", "/config.json"}) {
    std::filesystem::create_directories(machine.path() +
                                        "/run/user/1000/crun/" + id);
    std::filesystem::copy(machine.path() + "/home" + file,
                          machine.path() + "/run/user/1000/crun/" + id + file);
  }
  EXPECT_EQ(machine.find().containers.size(), 1U);
}

// A FUSE file system that never answers, say.
TEST(FindContainers, NoMountOfAUsersIsEntered) {
  Machine machine;
  const std::string id = id_of('f');
  machine.task(80, 800, "/user.slice/user-1000.slice/libpod-" + id + ".scope");
  const std::string folder = "/run/user/1000/crun/" + id;
  machine.file(folder + "/other", "");
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("none", (machine.path() + folder).c_str(), "tmpfs", 0, nullptr) !=
          0) {
    GTEST_SKIP() << "needs mounts of its own";
  }
  machine.file(folder + "/status", Machine::crun_status(80, 800, "/home/x"));
  machine.file(folder + "/config.json", with_gpu().text());
  const auto found = machine.find();
  ::umount2((machine.path() + folder).c_str(), MNT_DETACH);
  EXPECT_TRUE(found.containers.empty());
}

// Of two cgroups with a container's name the one that its process is in counts.
TEST(FindContainers, AFalseCgroupDoesNotTakeAContainersRecord) {
  Machine machine;
  machine.docker('a', 20, with_gpu());
  machine.task(90, 900, "/aaa.slice/own/docker-" + id_of('a') + ".scope");
  const auto found = machine.find();
  const auto real = std::ranges::find(found.containers, 20, &Container::pid);
  ASSERT_NE(real, found.containers.end());
  EXPECT_EQ(real->cgroup, "/system.slice/docker-" + id_of('a') + ".scope");
}

// A user's cgroup may have any name: a stopped container's, say.
TEST(FindContainers, AUsersCgroupIsNotBelievedByItsNameAlone) {
  Machine machine;
  const std::string slice = "/user.slice/user-1000.slice/";
  machine.task(90, 900, slice + "libpod-" + id_of('a') + ".scope");
  machine.file("/var/lib/containers/storage/overlay-containers/" + id_of('a') +
                   "/userdata/config.json",
               with_gpu().text());
  machine.task(91, 910, slice + "lxc.payload.web");
  machine.file("/var/lib/lxc/web/config",
               "lxc.cgroup2.devices.allow = c 195:* rw\n");
  const auto found = machine.find();
  EXPECT_TRUE(found.containers.empty());
  EXPECT_EQ(found.gaps.size(), 1U);
}

TEST(FindContainers, LabelsAreUnique) {
  Machine machine;
  machine.docker('a', 20, with_gpu()).docker('b', 21, with_gpu());
  machine.docker_files('a', "same", "{}").docker_files('b', "same", "{}");
  const auto found = machine.find();
  ASSERT_EQ(found.containers.size(), 2U);
  EXPECT_EQ(found.containers[0].label, "same " + std::string(12, 'a'));
  EXPECT_EQ(found.containers[1].label, "same " + std::string(12, 'b'));
}

TEST(FindContainers, AMachineWithoutAnythingHasNone) {
  const TempTree tree;
  auto evidence = host::Root::open(tree.path());
  auto self = host::Root::open(tree.path());
  ASSERT_TRUE(evidence && self);
  const host::Host host{std::move(*evidence), std::move(*self), "/run/gpuward",
                        "/var/lib/gpuward"};
  const auto found = find_containers(host);
  EXPECT_TRUE(found.containers.empty());
  EXPECT_FALSE(found.gaps.empty());
}

}  // namespace
}  // namespace gpuward::containers
