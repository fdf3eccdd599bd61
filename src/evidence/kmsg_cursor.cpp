#include "evidence/kmsg_cursor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "base/text.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kPath = "/dev/kmsg";
constexpr size_t kMaxRecord = 16 << 10;  // as in kmsg.cpp
constexpr size_t kMaxBytes = 1 << 20;    // of a file, in one look

void add(std::vector<KmsgRecord>& out, std::string_view text) {
  // Dictionary lines begin with a space.
  if (text.empty() || text.starts_with(' ')) return;
  if (auto record = parse_kmsg_record(text)) out.push_back(std::move(*record));
}

}  // namespace

Result<void> KmsgCursor::open() {
  Fd fd = TRY(root_.open_file(kPath, O_RDONLY));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return fail_errno(errno, "/dev/kmsg");
  is_device_ = S_ISCHR(status.st_mode);
  // SEEK_SET: all that the ring still has, also what `dmesg -C` has hidden.
  if (is_device_ && ::lseek(fd.get(), 0, SEEK_SET) < 0) {
    return fail_errno(errno, "seeking in /dev/kmsg");
  }
  offset_ = 0;
  fd_ = std::move(fd);
  return {};
}

Result<std::vector<KmsgRecord>> KmsgCursor::next(size_t most) {
  if (!fd_.valid()) TRY_VOID(open());
  return is_device_ ? from_device(most) : from_file(most);
}

Result<std::vector<KmsgRecord>> KmsgCursor::from_device(size_t most) {
  std::vector<KmsgRecord> out;
  std::array<char, kMaxRecord> record{};
  for (size_t i = 0; i < most; ++i) {
    const ssize_t got = ::read(fd_.get(), record.data(), record.size());
    if (got == 0 || (got < 0 && errno == EAGAIN)) return out;
    // EPIPE: the next record was overwritten, and the one after it is next.
    if (got < 0 && (errno == EPIPE || errno == EINTR)) continue;
    if (got < 0) return fail_errno(errno, "reading /dev/kmsg");
    add(out, {record.data(), static_cast<size_t>(got)});
  }
  return out;
}

Result<std::vector<KmsgRecord>> KmsgCursor::from_file(size_t most) {
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) return fail_errno(errno, "/dev/kmsg");
  if (status.st_size < offset_) offset_ = 0;
  std::string text(kMaxBytes, '\0');
  const ssize_t got = ::pread(fd_.get(), text.data(), text.size(), offset_);
  if (got < 0) return fail_errno(errno, "reading /dev/kmsg");
  text.resize(static_cast<size_t>(got));
  std::vector<KmsgRecord> out;
  size_t at = 0;
  // The last line may be half written.
  for (size_t end = text.find('\n'); end != text.npos && out.size() < most;
       end = text.find('\n', at)) {
    add(out, std::string_view(text).substr(at, end - at));
    at = end + 1;
  }
  offset_ += static_cast<off_t>(at);
  return out;
}

}  // namespace gpuward::evidence
