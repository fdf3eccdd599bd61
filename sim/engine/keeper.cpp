#include "sim/engine/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "sim/engine/node.h"
#include "sim/engine/process.h"
#include "sim/engine/timeline.h"
#include "sim/engine/tree.h"

namespace gpuward::simulator {
namespace {

constexpr int kNoCommand = 127;

// Signals that end the node, and those that only matter to the command.
sigset_t watched_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGCHLD, SIGTERM, SIGHUP, SIGINT, SIGQUIT}) {
    ::sigaddset(&set, signal);
  }
  return set;
}

[[noreturn]] void become_command(const KeeperOptions& options) {
  for (const auto& [name, value] : node_environment(options.node)) {
    ::setenv(name.c_str(), value.c_str(), 1);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::vector<char*> words;
  for (const std::string& word : options.command) {
    words.push_back(const_cast<char*>(word.c_str()));
  }
  words.push_back(nullptr);
  ::execvp(words[0], words.data());
  fmt::print(stderr, "gpuward: {}: {}\n", words[0], ::strerror(errno));
  ::_exit(errno == ENOENT ? kNoCommand : 126);
}

class Life {
 public:
  Life(const Scenario& scenario, const KeeperOptions& options, Fd owner)
      : options_(options), owner_(std::move(owner)), timeline_(scenario) {}

  int live() {
    const sigset_t set = watched_signals();
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    signals_ = Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    auto state = StateFile::open(options_.node);
    if (!state) return 1;
    start_command();
    while (!over_) wait(*state);
    report();
    end_descendants_after_lifting(*state);
    return end_node(options_.node) ? 0 : 1;
  }

 private:
  void start_command() {
    if (options_.command.empty()) return;
    command_ = ::fork();
    if (command_ == 0) become_command(options_);
  }

  void wait(StateFile& state) {
    pollfd watched[] = {{signals_.get(), POLLIN, 0}, {owner_.get(), POLLIN, 0}};
    const Millis next = timeline_.play(options_.node, state);
    ::poll(watched, owner_.valid() ? 2 : 1, static_cast<int>(next.count()));
    if (watched[0].revents != 0) read_signals();
    if (owner_.valid() && watched[1].revents != 0) hear_owner();
    // Somebody ended the node from outside, or removed its folder.
    if (state.get().stopped != 0) over_ = true;
  }

  void read_signals() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
      const auto signal = static_cast<int>(info.ssi_signo);
      if (signal == SIGCHLD) {
        reap();
      } else if (options_.command.empty()) {
        over_ = over_ || signal == SIGTERM;
      } else if (info.ssi_code != SI_KERNEL && command_ > 0) {
        // What the terminal sent reached the command as well.
        ::kill(command_, signal);
      }
    }
  }

  void reap() {
    int status = 0;
    pid_t pid = 0;
    while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
      if (pid != command_) continue;
      status_ = status;
      over_ = true;
    }
  }

  // A byte is a signal to pass on; the end of file is the owner's death.
  void hear_owner() {
    unsigned char signal = 0;
    if (::read(owner_.get(), &signal, 1) == 1) {
      if (command_ > 0) ::kill(command_, signal);
    } else {
      over_ = true;
    }
  }

  void report() {
    if (!owner_.valid() || command_ <= 0) return;
    (void)!::send(owner_.get(), &status_, sizeof status_, MSG_NOSIGNAL);
  }

  // Hangs end first: who is in state D hears no signal.
  void end_descendants_after_lifting(StateFile& state) {
    (void)state.change([](sim_state& now) -> Result<void> {
      now.stopped = 1;
      return {};
    });
    (void)clear_fault(options_.node, 0);
    end_descendants(1s, 8s);
  }

  const KeeperOptions& options_;
  Fd owner_;
  Fd signals_;
  Timeline timeline_;
  pid_t command_ = -1;
  int status_ = 0;
  bool over_ = false;
};

// No terminal, no folder and no descriptor of whoever started us.
void let_go_of_everything() {
  ::setsid();
  if (::chdir("/") != 0) return;
  const int null = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
  ::close_range(3, ~0U, 0);
}

[[noreturn]] void keeper_main(const Scenario& scenario,
                              const KeeperOptions& options, Fd owner,
                              pid_t parent) {
  ::prctl(PR_SET_NAME, "gpuward-keeper");
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (options.detached) {
    owner.reset();
    let_go_of_everything();
  } else if (::getppid() != parent) {
    owner.reset();
    (void)end_node(options.node);
    ::_exit(1);
  }
  ::_exit(Life(scenario, options, std::move(owner)).live());
}

}  // namespace

std::vector<std::pair<std::string, std::string>> node_environment(
    const std::string& node) {
  const auto prefixed = [](std::string first, const char* variable) {
    const char* rest = ::getenv(variable);
    if (rest != nullptr && *rest != 0) first += fmt::format(":{}", rest);
    return first;
  };
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  return {{"GPUWARD_SIM", node},
          {"GPUWARD_ROOT", node + "/root"},
          {"GPUWARD_RUN_DIR", node + "/run"},
          {"LD_LIBRARY_PATH", prefixed(node + "/lib", "LD_LIBRARY_PATH")},
          {"PATH", prefixed(program.parent_path().string(), "PATH")}};
}

Result<Keeper> start_keeper(const Scenario& scenario,
                            const KeeperOptions& options) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail_errno(errno, "making the keeper's line");
  }
  Keeper keeper{0, Fd(ends[0])};
  Fd theirs(ends[1]);
  const pid_t parent = ::getpid();
  keeper.pid = ::fork();
  if (keeper.pid < 0) return fail_errno(errno, "starting the keeper");
  if (keeper.pid == 0) {
    keeper.line.reset();
    keeper_main(scenario, options, std::move(theirs), parent);
  }
  if (options.detached) keeper.line.reset();
  const Tree folder(options.node);
  TRY_VOID(folder.file("/keeper.pid", fmt::format("{}\n", keeper.pid)));
  return keeper;
}

}  // namespace gpuward::simulator
