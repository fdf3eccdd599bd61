#include "host/tool.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>

#include "base/fd.h"
#include "host/child.h"

namespace gpuward::host {
namespace {

constexpr size_t kMaxOutput = 64 << 10;
constexpr std::array<std::string_view, 4> kFolders = {
    "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"};
// HOME is nobody's: a user's settings could send docker to another machine.
constexpr std::array<const char*, 3> kEnvironment = {
    "LC_ALL=C", "HOME=/",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};

// A program that somebody else than root could have written is not run.
Result<void> check_owner(const std::string& path, const struct stat& status) {
  const bool by_others = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  if (status.st_uid == 0 && !by_others) return {};
  return fail(Error::Kind::denied,
              path + " is not run: others than root may change it");
}

Result<std::string> find_program(const std::string& name) {
  if (name.empty() || name.find('/') != std::string::npos) {
    return fail(Error::Kind::malformed, "not the name of a program: " + name);
  }
  for (const std::string_view folder : kFolders) {
    const std::string path = fmt::format("{}/{}", folder, name);
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
      continue;
    }
    TRY_VOID(check_owner(path, status));
    return path;
  }
  return fail(Error::Kind::not_found, name + " is not installed");
}

// One stream of the program: kept to the limit, read to its end, so that a
// talkative program is not stopped by a full pipe.
struct Stream {
  Fd fd;
  std::string text;

  // Only our end: the program is not to meet EAGAIN.
  explicit Stream(Fd from) : fd(std::move(from)) {
    ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
  }

  void drain() {
    std::array<char, 4096> bytes{};
    while (fd.valid()) {
      const ssize_t got = ::read(fd.get(), bytes.data(), bytes.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) {
        fd.reset();
        return;
      }
      const size_t room = kMaxOutput - std::min(text.size(), kMaxOutput);
      text.append(bytes.data(), std::min(static_cast<size_t>(got), room));
    }
  }
};

// A few milliseconds at most, whatever is left: kernels before 5.3 have no
// descriptor that tells of a child's end.
void wait_a_little(const Stream& output, const Stream& complaints,
                   Millis left) {
  std::array<pollfd, 2> fds = {
      {{output.fd.get(), POLLIN, 0}, {complaints.fd.get(), POLLIN, 0}}};
  const bool both_closed = !output.fd.valid() && !complaints.fd.valid();
  const Millis most = both_closed ? 1ms : 10ms;
  ::poll(fds.data(), fds.size(),
         static_cast<int>(std::clamp(left, 0ms, most).count()));
}

int exit_code_of(int status) {
  if (WIFSIGNALED(status)) return 128 + WTERMSIG(status);
  return WEXITSTATUS(status);
}

// The exit code, or nothing if the deadline passed first.
Result<int> wait_for(Child& child, Stream& output, Stream& complaints,
                     Boot deadline) {
  for (;;) {
    const auto status = child.status_by(BootClock::now());
    // What a child of its own may still write is not waited for.
    output.drain();
    complaints.drain();
    if (status) return exit_code_of(*status);
    const Millis left = deadline - BootClock::now();
    if (left <= 0ms) {
      child.kill_group();
      return fail(Error::Kind::timeout, "it did not end in time");
    }
    wait_a_little(output, complaints, left);
  }
}

}  // namespace

Result<ToolResult> run_tool(const std::vector<std::string>& command,
                            Millis deadline) {
  if (command.empty()) return fail(Error::Kind::malformed, "no command");
  const Boot until = BootClock::now() + deadline;
  const std::string program = TRY(find_program(command.front()));
  Pipe output = TRY(make_pipe());
  Pipe complaints = TRY(make_pipe());
  auto child = start_child(
      {.descriptors = {-1, output.write_end.get(), complaints.write_end.get()},
       .program = program,
       .arguments = command,
       .environment = {kEnvironment.begin(), kEnvironment.end()}});
  if (!child) return wrap(std::move(child).error(), "starting " + program);
  output.write_end.reset();
  complaints.write_end.reset();

  Stream out(std::move(output.read_end));
  Stream err(std::move(complaints.read_end));
  auto code = wait_for(*child, out, err, until);
  if (!code) return wrap(std::move(code).error(), program);
  if (const auto why = child->start_failure()) {
    return fail_errno(*why, "starting " + program);
  }
  return ToolResult{*code, std::move(out.text), std::move(err.text)};
}

}  // namespace gpuward::host
