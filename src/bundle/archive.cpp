#include "bundle/archive.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <numeric>

#include "base/fd.h"

namespace gpuward::bundle {
namespace {

constexpr size_t kBlock = 512;
using Block = std::array<char, kBlock>;

void put(Block& block, size_t at, std::string_view text) {
  std::ranges::copy(text, block.begin() + static_cast<std::ptrdiff_t>(at));
}

// ustar (POSIX.1-1988): a name of up to 100 bytes behind a prefix of up to 155.
Result<Block> header_of(const std::string& name, size_t size, Wall when) {
  constexpr size_t kName = 100;
  constexpr size_t kPrefix = 155;
  size_t slash = 0;
  if (name.size() > kName) {
    slash = name.find('/', name.size() - kName - 1);
    if (slash > kPrefix) {  // or there is none
      return fail(Error::Kind::unsupported, name + ": the name is too long");
    }
  }
  Block block{};
  put(block, 0, slash == 0 ? name : name.substr(slash + 1));
  put(block, 345, name.substr(0, slash));
  put(block, 100, "0000600");
  put(block, 108, "0000000");
  put(block, 116, "0000000");
  put(block, 124, fmt::format("{:011o}", size));
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(when.time_since_epoch());
  put(block, 136,
      fmt::format("{:011o}", std::max<int64_t>(seconds.count(), 0)));
  put(block, 148, "        ");
  block[156] = '0';
  put(block, 257, std::string_view("ustar\00000", 8));
  put(block, 265, "root");
  put(block, 297, "root");
  const unsigned sum = std::accumulate(
      block.begin(), block.end(), 0U, [](unsigned so_far, char c) {
        return so_far + static_cast<unsigned char>(c);
      });
  put(block, 148, fmt::format("{:06o}", sum));
  block[154] = '\0';
  return block;
}

Result<void> write_all(int fd, std::string_view content,
                       const std::string& path) {
  while (!content.empty()) {
    const ssize_t put_out = ::write(fd, content.data(), content.size());
    if (put_out < 0 && errno == EINTR) continue;
    if (put_out < 0) return fail_errno(errno, "writing " + path);
    content.remove_prefix(static_cast<size_t>(put_out));
  }
  if (::fsync(fd) != 0) return fail_errno(errno, "writing " + path);
  return {};
}

Result<void> fail_taken(const std::string& path) {
  return fail(Error::Kind::busy, path +
                                     " is there already: remove it, or name "
                                     "another with -o");
}

// A name that is taken stays as it is.
Result<void> rename_new(const std::string& from, const std::string& to) {
  const auto done = [&]() -> Result<void> {
    if (errno != EEXIST) return fail_errno(errno, "making " + to);
    return fail_taken(to);
  };
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(),
                  RENAME_NOREPLACE) == 0) {
    return {};
  }
  if (errno != EINVAL && errno != ENOSYS) return done();
  // Some file systems (NFS) cannot do that; a link is refused in the same way.
  if (::link(from.c_str(), to.c_str()) != 0) return done();
  ::unlink(from.c_str());
  return {};
}

// A file without a name gets one when it is on disk: whoever is killed before
// leaves nothing. Error::unsupported where the file system has no such files.
Result<void> write_nameless(const std::string& folder, const std::string& path,
                            std::string_view content) {
  constexpr mode_t kMode = 0600;
  const Fd fd(::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, kMode));
  if (!fd.valid()) {
    return fail(Error::Kind::unsupported, "no file without a name");
  }
  TRY_VOID(write_all(fd.get(), content, path));
  const std::string ours =
      fmt::format("/proc/self/fd/{}", fd.get());  // path: our own
  if (::linkat(AT_FDCWD, ours.c_str(), AT_FDCWD, path.c_str(),
               AT_SYMLINK_FOLLOW) == 0) {
    return {};
  }
  if (errno == EEXIST) return fail_taken(path);
  return fail(Error::Kind::unsupported, "a file without a name stays so");
}

}  // namespace

struct Archive::Packer {
  z_stream zlib{};
  bool ready = false;
  std::string out;

  Packer() {
    constexpr int kGzip = 15 + 16;
    constexpr int kMemory = 8;
    ready = deflateInit2(&zlib, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzip,
                         kMemory, Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~Packer() {
    if (ready) deflateEnd(&zlib);
  }
  Packer(const Packer&) = delete;
  Packer& operator=(const Packer&) = delete;

  Result<void> pack(std::string_view bytes, int flush) {
    if (!ready) return fail(Error::Kind::system, "no memory to pack a bundle");
    std::array<char, 32 << 10> chunk;
    zlib.next_in =
        reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib's
    zlib.avail_in = static_cast<uInt>(bytes.size());
    do {
      zlib.next_out = reinterpret_cast<Bytef*>(chunk.data());
      zlib.avail_out = chunk.size();
      deflate(&zlib, flush);
      out.append(chunk.data(), chunk.size() - zlib.avail_out);
    } while (zlib.avail_out == 0);
    return {};
  }
};

Archive::Archive(std::string folder, Wall when)
    : folder_(std::move(folder)),
      when_(when),
      packer_(std::make_unique<Packer>()) {}
Archive::~Archive() = default;

Result<void> Archive::add(const std::string& name, std::string_view content) {
  const Block head =
      TRY(header_of(folder_ + "/" + name, content.size(), when_));
  TRY_VOID(packer_->pack({head.data(), head.size()}, Z_NO_FLUSH));
  TRY_VOID(packer_->pack(content, Z_NO_FLUSH));
  const size_t rest = content.size() % kBlock;
  if (rest == 0) return {};
  return packer_->pack(std::string(kBlock - rest, '\0'), Z_NO_FLUSH);
}

Result<std::string> Archive::finish() {
  TRY_VOID(packer_->pack(std::string(2 * kBlock, '\0'), Z_FINISH));
  return std::move(packer_->out);
}

Result<void> write_new_file(const std::string& path, std::string_view content) {
  struct stat there {};
  if (::lstat(path.c_str(), &there) == 0) return fail_taken(path);
  const size_t slash = path.rfind('/');
  const std::string folder =
      slash == std::string::npos ? "" : path.substr(0, slash + 1);
  const auto nameless =
      write_nameless(folder.empty() ? "." : folder, path, content);
  if (nameless || nameless.error().kind != Error::Kind::unsupported) {
    return nameless;
  }
  std::string part = folder + ".gpuward-bundle-XXXXXX";
  const Fd fd(::mkostemp(part.data(), O_CLOEXEC));  // 0600
  if (!fd.valid()) return fail_errno(errno, "writing " + path);
  auto done = write_all(fd.get(), content, path);
  if (done) done = rename_new(part, path);
  if (!done) ::unlink(part.c_str());
  return done;
}

}  // namespace gpuward::bundle
