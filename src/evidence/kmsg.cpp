#include "evidence/kmsg.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/text.h"
#include "base/time.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kPath = "/dev/kmsg";
// A read gives one record; more than this the kernel never hands out
// (CONSOLE_EXT_LOG_MAX was 8192, PRINTKRB_RECORD_MAX is 1024 plus escapes).
constexpr size_t kMaxRecord = 16 << 10;
constexpr size_t kMaxBytes = 64 << 20;
constexpr Millis kMaxTime = 2s;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The kernel writes what is not printable ASCII, and the backslash, as \xNN.
std::string without_escapes(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] == 'x') {
      const int high = hex_digit(text[i + 2]);
      const int low = hex_digit(text[i + 3]);
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(high * 16 + low);
        i += 3;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

void add(KmsgRing& ring, std::string_view text) {
  auto record = parse_kmsg_record(text);
  if (!record) {
    ++ring.malformed;
    return;
  }
  if (!ring.records.empty()) {
    const uint64_t expected = ring.records.back().sequence + 1;
    if (record->sequence > expected) ring.lost += record->sequence - expected;
  }
  ring.records.push_back(std::move(*record));
}

Result<KmsgRing> read_device(int fd) {
  // SEEK_SET: all that the ring still has, also what `dmesg -C` has hidden.
  if (::lseek(fd, 0, SEEK_SET) < 0) return fail_errno(errno, "seeking");
  KmsgRing ring;
  size_t bytes = 0;
  const Boot started = BootClock::now();
  std::array<char, kMaxRecord> record{};
  while (true) {
    if (bytes > kMaxBytes || BootClock::now() - started > kMaxTime) {
      ring.cut = true;
      return ring;
    }
    const ssize_t got = ::read(fd, record.data(), record.size());
    if (got < 0 && errno == EAGAIN) return ring;
    // EPIPE: the next record was overwritten; the sequence numbers show how
    // many are gone.
    if (got < 0 && (errno == EPIPE || errno == EINTR)) continue;
    if (got < 0) return fail_errno(errno, "reading /dev/kmsg");
    if (got == 0) return ring;
    bytes += static_cast<size_t>(got);
    add(ring, {record.data(), static_cast<size_t>(got)});
  }
}

}  // namespace

Result<KmsgRecord> parse_kmsg_record(std::string_view record) {
  const size_t semicolon = record.find(';');
  if (semicolon == std::string_view::npos) {
    return fail(Error::Kind::malformed, "a kernel record without ';'");
  }
  const auto fields = split(record.substr(0, semicolon), ',');
  if (fields.size() < 3) {
    return fail(Error::Kind::malformed, "a kernel record with a short head");
  }
  const auto priority = to_number<int>(fields[0]);
  const auto sequence = to_number<uint64_t>(fields[1]);
  const auto usec = to_number<uint64_t>(fields[2]);
  if (!priority || *priority < 0 || !sequence || !usec) {
    return fail(Error::Kind::malformed, "a kernel record with an odd head");
  }
  std::string_view text = record.substr(semicolon + 1);
  text = text.substr(0, text.find('\n'));
  // The upper bits are the facility.
  return KmsgRecord{*priority & 7, *sequence, *usec, without_escapes(text)};
}

KmsgRing parse_kmsg_file(std::string_view text) {
  KmsgRing ring;
  for (std::string_view line : split(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    // Dictionary lines begin with a space.
    if (line.empty() || line.starts_with(' ')) continue;
    add(ring, line);
  }
  return ring;
}

Result<KmsgRing> read_kmsg(const host::Root& root) {
  const Fd fd = TRY(root.open_file(kPath, O_RDONLY));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return fail_errno(errno, "/dev/kmsg");
  KmsgRing ring;
  if (S_ISCHR(status.st_mode)) {
    ring = TRY(read_device(fd.get()));
  } else {
    ring = parse_kmsg_file(TRY(root.read(kPath, kMaxBytes)));
  }
  ring.file = kPath;
  return ring;
}

}  // namespace gpuward::evidence
