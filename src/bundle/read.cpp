#include "bundle/read.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "bundle/names.h"
#include "logs/file_bytes.h"
#include "logs/tar.h"

namespace gpuward::bundle {
namespace {

// Of what a bundle of ours may unpack to, twice.
constexpr int64_t kMostBytes = 2 * static_cast<int64_t>(kMostUnpacked);
constexpr size_t kMostEvidence = kMostEvidenceBytes + kMostEvidenceBytes / 2;
constexpr int kMostMembers = 4096;

// Fails where more comes out of a packed file than any bundle holds.
class Bounded final : public logs::ByteSource {
 public:
  Bounded(std::unique_ptr<logs::Buffered> inner, int64_t most)
      : inner_(std::move(inner)), left_(most) {}
  Result<size_t> read(char* buffer, size_t size) override {
    const size_t got = TRY(inner_->read(buffer, size));
    left_ -= static_cast<int64_t>(got);
    if (left_ >= 0) return got;
    return fail(Error::Kind::malformed, "it unpacks to more than any bundle");
  }

 private:
  std::unique_ptr<logs::Buffered> inner_;
  int64_t left_;
};

Result<std::unique_ptr<logs::Buffered>> open(const std::string& path,
                                             int64_t most, Boot deadline) {
  auto file = TRY(logs::FileBytes::open(path, deadline));
  if (file->is_directory()) {
    return fail(Error::Kind::unsupported,
                path +
                    " is a folder: give the bundle as it was made, or the "
                    "folder with --log");
  }
  auto plain =
      logs::unpacked(std::make_unique<logs::Buffered>(std::move(file)), path);
  return std::make_unique<logs::Buffered>(
      std::make_unique<Bounded>(std::move(plain), most));
}

// All of it, if it is not more than `most`.
template <typename Source>
Result<std::string> read_all(Source& source, size_t most) {
  std::string out;
  std::array<char, 64 << 10> chunk;
  while (true) {
    const size_t got = TRY(source.read(chunk.data(), chunk.size()));
    if (got == 0) return out;
    out.append(chunk.data(), got);
    if (out.size() > most) {
      return fail(Error::Kind::malformed, "it is longer than any of ours");
    }
  }
}

bool is_named(const std::string& member, std::string_view name) {
  return member == name || member.ends_with(fmt::format("/{}", name));
}

Result<Seen> seen_in(std::string_view text) {
  return seen_from_json(TRY(Json::parse(text)));
}

Result<Seen> find_evidence(logs::Buffered& bytes) {
  logs::TarReader tar(bytes);
  for (int i = 0; i < kMostMembers; ++i) {
    const auto member = TRY(tar.next());
    if (!member) break;
    if (!member->is_file || !is_named(member->name, kEvidenceName)) continue;
    auto text = read_all(tar, kMostEvidence);
    if (!text) return wrap(text.error(), member->name);
    auto seen = seen_in(*text);
    if (!seen) return wrap(seen.error(), member->name);
    return seen;
  }
  return fail(Error::Kind::malformed,
              fmt::format("it holds no {}", kEvidenceName));
}

Result<bool> has_index(logs::Buffered& bytes) {
  logs::TarReader tar(bytes);
  for (int i = 0; i < kMostMembers; ++i) {
    const auto member = TRY(tar.next());
    if (!member) return false;
    if (!member->is_file || !is_named(member->name, kIndexName)) continue;
    std::array<char, 64> head{};
    const size_t got = TRY(tar.read(head.data(), head.size()));
    return std::string_view(head.data(), got).find(kIndexMark) !=
           std::string_view::npos;
  }
  return false;
}

}  // namespace

Result<Seen> read_bundle(const std::string& path, Boot deadline) {
  auto bytes = TRY(open(path, kMostBytes, deadline));
  const std::string about = "no bundle can be read from " + path;
  if (logs::TarReader::looks_like_one(bytes->peek(logs::TarReader::kBlock))) {
    auto seen = find_evidence(*bytes);
    return seen ? std::move(seen) : wrap(seen.error(), about);
  }
  if (!bytes->peek(1).starts_with('{')) {
    // A damaged file fails as such, and not as one of another kind.
    constexpr size_t kLooked = 1 << 20;
    const auto rest = read_all(*bytes, kLooked);
    const bool is_long = bytes->peek(1).size() == 1;
    if (!rest && !is_long) return wrap(rest.error(), about);
    return fail(Error::Kind::malformed,
                about +
                    ": it is neither an archive nor evidence of ours; "
                    "logs are read with --log");
  }
  auto text = read_all(*bytes, kMostEvidence);
  if (!text) return wrap(text.error(), about);
  auto seen = seen_in(*text);
  return seen ? std::move(seen) : wrap(seen.error(), about);
}

bool is_bundle(const std::string& path, Boot deadline) {
  // The index is the first member of ours; of one that was packed anew, it is
  // somewhere.
  constexpr int64_t kLookedAt = 16 << 20;
  // What was read of a pipe is gone for whoever reads the log.
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return false;
  }
  auto bytes = open(path, kLookedAt, deadline);
  if (!bytes || !logs::TarReader::looks_like_one(
                    (*bytes)->peek(logs::TarReader::kBlock))) {
    return false;
  }
  return has_index(**bytes).value_or(false);
}

}  // namespace gpuward::bundle
