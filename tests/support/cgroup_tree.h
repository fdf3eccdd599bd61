// Cgroups of one test, and a tree that shows them, this machine's /proc and a
// /dev of its own, as an evidence root; gone at its end. Where they cannot be
// made why_not() says why, and the test is to be skipped.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "host/host.h"
#include "support/temp_tree.h"

namespace gpuward {

class CgroupTree {
 public:
  enum class Version { v1, v2 };

  explicit CgroupTree(Version version) {
    std::filesystem::path place = "/sys/fs/cgroup/devices";
    if (version == Version::v2) {
      place = "/sys/fs/cgroup";
      if (!exists(place / "cgroup.procs")) place /= "unified";
    }
    mount_ = place;
    if (::geteuid() != 0) why_not_ = "needs root";
    if (!exists(place / "cgroup.procs")) why_not_ = "needs " + mount_;
    if (!why_not_.empty()) return;
    static int count = 0;
    name_ = "/gpuward-test-" + std::to_string(::getpid()) + "-" +
            std::to_string(++count);
    static const bool apart =
        ::unshare(CLONE_NEWNS) == 0 &&
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    if (!apart || !bind(mount_) || !bind("/proc")) {
      why_not_ = "needs mounts of its own";
      return;
    }
    make("");
    tree_.directory("/dev");
  }

  ~CgroupTree() {
    for (const int pid : processes_) end_process(pid);
    // Deepest first; the kernel may take a moment to let go of the processes.
    for (size_t i = made_.size(); i-- > 0;) {
      for (int attempt = 0; attempt < 200; ++attempt) {
        if (::rmdir(made_[i].c_str()) == 0 || errno != EBUSY) break;
        ::usleep(5000);
      }
    }
    // Nothing may be removed through a mount that is still there.
    for (const std::string& place : mounted_) {
      if (::umount2(place.c_str(), MNT_DETACH) != 0) ::abort();
    }
  }
  CgroupTree(const CgroupTree&) = delete;
  CgroupTree& operator=(const CgroupTree&) = delete;

  const std::string& why_not() const { return why_not_; }
  TempTree& tree() { return tree_; }
  host::Host host() const {
    return host::Host{*host::Root::open(tree_.path()),
                      *host::Root::open("/"),
                      "",
                      "",
                      false,
                      ""};
  }

  // `inside` is "" for the test's own cgroup, else "/below".
  std::string cgroup(const std::string& inside = "") const {
    return name_ + inside;
  }
  std::string folder(const std::string& inside = "") const {
    return mount_ + cgroup(inside);
  }
  void make(const std::string& inside) {
    if (::mkdir(folder(inside).c_str(), 0755) == 0) {
      made_.push_back(folder(inside));
    }
  }
  bool write(const std::string& file, const std::string& text) const {
    const int fd = ::open(folder(file).c_str(), O_WRONLY | O_CLOEXEC);
    const bool done = fd >= 0 && ::write(fd, text.data(), text.size()) ==
                                     static_cast<ssize_t>(text.size());
    if (fd >= 0) ::close(fd);
    return done;
  }

  // A process in that cgroup whose root is `root`; it does nothing.
  int start_process(const std::string& inside = "",
                    const std::string& root = "/") {
    int ready[2];
    if (::pipe2(ready, O_CLOEXEC) != 0) return -1;
    const int pid = ::fork();
    if (pid == 0) {
      const bool in =
          write(inside + "/cgroup.procs", "0") && ::chroot(root.c_str()) == 0;
      if (in) (void)!::write(ready[1], "x", 1);
      ::close(ready[1]);
      while (in) ::pause();
      ::_exit(1);
    }
    ::close(ready[1]);
    char said = 0;
    const bool well = ::read(ready[0], &said, 1) == 1;
    ::close(ready[0]);
    processes_.push_back(pid);
    return well ? pid : -1;
  }
  void end_process(int pid) {
    if (pid <= 0) return;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    std::erase(processes_, pid);
  }

  // A character node in the tree, "/dev/nvidia0".
  bool make_node(const std::string& path, unsigned major_number,
                 unsigned minor_number) {
    const std::string outside = tree_.path() + path;
    std::filesystem::create_directories(
        std::filesystem::path(outside).parent_path());
    return ::mknod(outside.c_str(), S_IFCHR | 0666,
                   makedev(major_number, minor_number)) == 0;
  }

 private:
  bool bind(const std::string& place) {
    tree_.directory(place);
    const std::string here = tree_.path() + place;
    if (::mount(place.c_str(), here.c_str(), nullptr, MS_BIND, nullptr) != 0) {
      return false;
    }
    mounted_.push_back(here);
    return true;
  }

  TempTree tree_;
  std::string why_not_;
  std::string mount_;  // "/sys/fs/cgroup/unified"
  std::string name_;   // "/gpuward-test-12-1"
  std::vector<std::string> made_;
  std::vector<std::string> mounted_;
  std::vector<int> processes_;
};

}  // namespace gpuward
