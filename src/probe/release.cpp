#include "probe/release.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "base/json.h"
#include "host/task.h"

namespace gpuward::probe {
namespace {

std::string path_of(const host::Host& host) {
  return host.run_dir + "/released";
}

}  // namespace

std::optional<Released> released_until(const host::Host& host, Wall now) {
  const Fd fd(::open(path_of(host).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid()) return std::nullopt;
  std::array<char, 512> buffer{};
  const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
  if (got <= 0) return std::nullopt;
  const auto json = Json::parse({buffer.data(), static_cast<size_t>(got)});
  if (!json) return std::nullopt;
  const auto until = from_iso((*json)["until"].as_string());
  const auto boot_id = host::boot_id_of(host.self);
  if (!until || *until <= now || !boot_id ||
      (*json)["boot_id"].as_string() != *boot_id) {
    return std::nullopt;
  }
  return Released{*until, static_cast<int>((*json)["pid"].as_integer())};
}

Result<void> write_release(const host::Host& host, const Released& released) {
  TRY_VOID(host::make_run_dir(host));
  Json json = Json::object();
  json.set("until", to_iso(released.until));
  json.set("pid", released.by_pid);
  json.set("boot_id", TRY(host::boot_id_of(host.self)));
  const std::string text = json.dump() + "\n";
  const std::string fresh = path_of(host) + ".new";
  const Fd fd(::open(fresh.c_str(),
                     O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                     0644));
  if (!fd.valid()) return fail_errno(errno, "writing " + fresh);
  ::fchmod(fd.get(), 0644);  // whatever the umask
  if (::write(fd.get(), text.data(), text.size()) !=
      static_cast<ssize_t>(text.size())) {
    return fail_errno(errno, "writing " + fresh);
  }
  if (::rename(fresh.c_str(), path_of(host).c_str()) != 0) {
    return fail_errno(errno, "writing " + path_of(host));
  }
  return {};
}

Result<void> end_release(const host::Host& host) {
  if (::unlink(path_of(host).c_str()) != 0 && errno != ENOENT) {
    return fail_errno(errno, "removing " + path_of(host));
  }
  return {};
}

std::string in_words(const Released& released) {
  return fmt::format("released until {} by process {}: not probed before",
                     to_clock(released.until), released.by_pid);
}

}  // namespace gpuward::probe
