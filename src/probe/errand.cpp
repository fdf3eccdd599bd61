#include "probe/errand.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/text.h"
#include "host/child.h"

namespace gpuward::probe {
namespace {

// Leaves room for JSON's escapes in a frame.
constexpr size_t kMostBytes = 24 * 1024;

Reading error_of(const Error& error) {
  return reading_error(error.error_number, error.text, wall_now());
}

Result<std::string> read_some(int fd, size_t most) {
  std::string out(most, '\0');
  size_t have = 0;
  while (have < most) {
    const ssize_t got = ::read(fd, out.data() + have, most - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "reading");
    if (got == 0) break;
    have += static_cast<size_t>(got);
  }
  out.resize(have);
  return out;
}

// The first two bytes: all ones when nothing answers on the bus.
Result<std::string> read_vendor(const host::Host& host,
                                const std::string& address) {
  const std::string bytes = TRY(read_driver_file(
      host, "/sys/bus/pci/devices/" + address + "/config", kMostBytes));
  if (bytes.size() < 2) {
    return fail(Error::Kind::malformed, "the configuration space is empty");
  }
  const auto low = static_cast<unsigned char>(bytes[0]);
  const auto high = static_cast<unsigned char>(bytes[1]);
  return fmt::format("0x{:02x}{:02x}", high, low);
}

std::vector<std::string> our_environment() {
  std::vector<std::string> out;
  for (char** each = environ; *each != nullptr; ++each) out.emplace_back(*each);
  return out;
}

// Waits for the program without end: that is what this process is for.
Result<std::string> run_tool(const std::vector<std::string>& argv) {
  if (argv.empty()) return fail(Error::Kind::malformed, "no program given");
  host::Pipe pipe = TRY(host::make_pipe());
  const int out = pipe.write_end.get();
  // Of our group: whoever ends this prober ends the program with it.
  auto child = host::start_child({.descriptors = {-1, out, out},
                                  .program = argv[0],
                                  .arguments = argv,
                                  .environment = our_environment(),
                                  .group = host::ChildSpec::Group::of_parent});
  if (!child) return wrap(std::move(child).error(), "starting " + argv[0]);
  pipe.write_end.reset();
  auto text = read_some(pipe.read_end.get(), kMostBytes);
  // A program that prints more must not wait for a reader.
  std::array<char, 4096> rest{};
  while (::read(pipe.read_end.get(), rest.data(), rest.size()) > 0) {
  }
  const int status = child->status_by(Boot::max()).value_or(0);
  if (!text) return text;
  if (const auto why = child->start_failure()) {
    return fail_errno(*why, "starting " + argv[0]);
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return fail(Error::Kind::system,
                fmt::format("{} failed: {}", argv[0], trim(*text)));
  }
  return text;
}

}  // namespace

Result<std::string> read_driver_file(const host::Host& host,
                                     const std::string& path, size_t most) {
  const std::string outside = host.evidence.outside(path);
  const Fd fd(::open(outside.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return fail_errno(errno, "opening " + path);
  return read_some(fd.get(), most);
}

Reading run_errand(const Request& request, const host::Host& host,
                   ProgressWriter& progress) {
  const bool is_tool = request.kind == Request::Kind::tool;
  const std::string what = is_tool && !request.argv.empty()
                               ? "run " + request.argv[0]
                               : "read " + request.target;
  progress.begin(what, -1, is_tool ? CallClass::tool : CallClass::query);
  const auto result = is_tool ? run_tool(request.argv)
                      : request.kind == Request::Kind::pci
                          ? read_vendor(host, request.target)
                          : read_driver_file(host, request.target, kMostBytes);
  progress.end();
  if (!result) return error_of(result.error());
  // Files have lines: only what is no text at all is replaced.
  return reading_of(*result, wall_now());
}

}  // namespace gpuward::probe
