#include "evidence/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"

namespace gpuward::evidence {
namespace {

Result<std::string> read_from(int fd, off_t offset, size_t size) {
  std::string text(size, '\0');
  size_t have = 0;
  while (have < size) {
    const ssize_t got = ::pread(fd, text.data() + have, size - have,
                                offset + static_cast<off_t>(have));
    if (got < 0) return fail_errno(errno, "read");
    if (got == 0) break;  // truncated meanwhile
    have += static_cast<size_t>(got);
  }
  text.resize(have);
  return text;
}

}  // namespace

Result<std::vector<FileLine>> read_tail(const host::Root& root,
                                        std::string_view path, size_t limit) {
  const Fd fd = TRY(root.open_file(path, O_RDONLY));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    return fail_errno(errno, root.outside(path));
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(Error::Kind::unsupported,
                root.outside(path) + " is not a regular file");
  }
  const size_t size = static_cast<size_t>(status.st_size);
  const size_t offset = size > limit ? size - limit : 0;
  const std::string text = TRY(
      read_from(fd.get(), static_cast<off_t>(offset), std::min(size, limit)));
  std::vector<FileLine> lines;
  int64_t number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    if (offset > 0 && number == 1) continue;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    lines.push_back({std::string(line), offset > 0 ? 0 : number});
  }
  return lines;
}

std::optional<KernelFileLine> parse_kernel_line(std::string_view line) {
  constexpr std::string_view kTag = " kernel: ";
  const size_t at = line.find(kTag);
  if (at == std::string_view::npos) return std::nullopt;
  KernelFileLine out;
  std::string_view text = line.substr(at + kTag.size());
  const size_t end = text.find("] ");
  if (text.starts_with('[') && end != std::string_view::npos) {
    const auto stamp = split(trim(text.substr(1, end - 1)), '.');
    const auto seconds = to_number<uint64_t>(stamp[0]);
    const auto micros =
        stamp.size() == 2 ? to_number<uint64_t>(stamp[1]) : std::nullopt;
    if (seconds && micros) {
      out.boot_usec = *seconds * 1'000'000 + *micros;
      text = text.substr(end + 2);
    }
  }
  out.text = text;
  return out;
}

}  // namespace gpuward::evidence
