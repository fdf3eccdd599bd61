#include "sim/engine/runner.h"

#include <errno.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "sim/engine/keeper.h"
#include "sim/engine/process.h"

namespace gpuward::simulator {
namespace {

constexpr Millis kEndPatience = 15s;

// While a command runs, its owner only passes signals on.
class SignalsHeld {
 public:
  SignalsHeld() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGHUP, SIGINT, SIGQUIT}) {
      ::sigaddset(&set, signal);
    }
    ::sigprocmask(SIG_BLOCK, &set, &before_);
    fd_ = Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  ~SignalsHeld() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;

  int fd() const { return fd_.get(); }

  // Those that a process sent; the terminal's reach the command by themselves.
  void pass_on(int line) {
    signalfd_siginfo info{};
    while (::read(fd_.get(), &info, sizeof info) == sizeof info) {
      if (info.ssi_code == SI_KERNEL) continue;
      const auto signal = static_cast<unsigned char>(info.ssi_signo);
      (void)!::write(line, &signal, 1);
    }
  }

 private:
  sigset_t before_{};
  Fd fd_;
};

int as_exit_code(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// The command's wait status; nothing where the keeper died before it.
std::optional<int> wait_for_command(const Keeper& keeper,
                                    SignalsHeld& signals) {
  while (true) {
    pollfd watched[] = {{signals.fd(), POLLIN, 0},
                        {keeper.line.get(), POLLIN, 0}};
    if (::poll(watched, 2, -1) < 0 && errno != EINTR) return std::nullopt;
    if (watched[0].revents != 0) signals.pass_on(keeper.line.get());
    if (watched[1].revents == 0) continue;
    int status = 0;
    const bool whole =
        ::read(keeper.line.get(), &status, sizeof status) == sizeof status;
    return whole ? std::optional(status) : std::nullopt;
  }
}

// True once the process is gone; a child of ours is reaped.
bool wait_for_end(pid_t pid, Millis patience) {
  const Boot deadline = BootClock::now() + patience;
  while (true) {
    if (::waitpid(pid, nullptr, WNOHANG) == pid) return true;
    if (!is_alive(pid)) return true;
    if (BootClock::now() > deadline) return false;
    ::usleep(2'000);
  }
}

// The number in keeper.pid may be somebody else's by now.
bool is_keeper(pid_t pid) {
  std::string comm;
  std::ifstream(fmt::format("/proc/{}/comm", pid)) >> comm;
  return comm == "gpuward-keeper";
}

// What the keeper does, where it could not.
Result<void> clean_up_after(const Keeper& keeper, const std::string& node) {
  wait_for_end(keeper.pid, kEndPatience);
  if (!std::filesystem::exists(node)) return {};
  ::kill(keeper.pid, SIGKILL);
  wait_for_end(keeper.pid, 1s);
  (void)clear_fault(node, 0);
  end_descendants(500ms, 5s);
  return end_node(node);
}

}  // namespace

Result<int> run_in_node(const Scenario& scenario, const std::string& directory,
                        const std::vector<std::string>& command,
                        const std::function<void(const std::string&)>& told) {
  const std::string library = TRY(find_library());
  const Node node = TRY(create_node(
      scenario, {.directory = directory, .library = library, .soften = true}));
  for (const std::string& note : node.notes) told(note);
  // Should the keeper die, its children come to us.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  SignalsHeld signals;
  auto keeper = start_keeper(scenario, {node.directory, command, false});
  if (!keeper) {
    (void)end_node(node.directory);
    return std::unexpected(keeper.error());
  }
  const auto status = wait_for_command(*keeper, signals);
  TRY_VOID(clean_up_after(*keeper, node.directory));
  if (!status)
    return fail(Error::Kind::gone, "the simulated node's keeper died");
  return as_exit_code(*status);
}

Result<Node> start_node(const Scenario& scenario,
                        const std::string& directory) {
  const std::string library = TRY(find_library());
  Node node = TRY(create_node(
      scenario, {.directory = directory, .library = library, .soften = true}));
  const auto keeper = start_keeper(scenario, {node.directory, {}, true});
  if (keeper) return node;
  (void)end_node(node.directory);
  return std::unexpected(keeper.error());
}

Result<std::string> node_folder(const std::string& directory) {
  std::string folder = directory;
  if (const char* given = ::getenv("GPUWARD_SIM");
      folder.empty() && given != nullptr) {
    folder = given;
  }
  if (folder.empty()) {
    return fail(Error::Kind::not_found,
                "which simulated node? give --dir DIR, or set GPUWARD_SIM");
  }
  std::error_code error;
  folder = std::filesystem::absolute(folder, error).lexically_normal();
  if (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  if (::access((folder + "/state").c_str(), F_OK) != 0) {
    return fail(Error::Kind::not_found, folder + " is no simulated node");
  }
  return folder;
}

Result<void> stop_node(const std::string& directory) {
  const std::string node = TRY(node_folder(directory));
  pid_t keeper = 0;
  std::ifstream(node + "/keeper.pid") >> keeper;
  {
    StateFile state = TRY(StateFile::open(node));
    TRY_VOID(state.change([](sim_state& now) -> Result<void> {
      now.stopped = 1;
      return {};
    }));
  }
  if (is_keeper(keeper)) {
    ::kill(keeper, SIGTERM);
    wait_for_end(keeper, kEndPatience);
  }
  if (!std::filesystem::exists(node)) return {};
  return end_node(node);
}

}  // namespace gpuward::simulator
