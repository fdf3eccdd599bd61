#include "matching/literal_gate.h"

#include <algorithm>
#include <cstring>
#include <map>

namespace gpuward::matching {
namespace {

constexpr size_t kGram = 4;  // bytes that are looked up at a time
constexpr int kMarkBits = 18;
constexpr int kBucketBits = 12;
constexpr size_t kWidestStride = 4;

// What nearly every log is full of. An anchor that occurs here would be
// compared in vain all the time, so a literal is found by another part of it.
constexpr std::string_view kCommonText =
    " kernel: [ systemd[1]: audit: type=1400 audit( apparmor=\"STATUS\" "
    "operation=\"profile_load\" profile_replace name= comm= pid= uid= exe= "
    "kubelet[ containerd[ dockerd[ level=info msg=\" time=\" error= err=\" "
    "failed to status state entered forwarding disabled blocking device link "
    "becomes ready mounted filesystem with ordered data mode Succeeded. "
    "Started Stopped Starting session of user root connection closed port "
    "from for the and not found invalid no such file or directory timeout "
    "running container runtime pod volume image created removed Reached "
    "target service unit scope slice mount /run/ /var/lib/ /usr/bin/ /proc/ "
    "segfault at ip sp error 4 in libc.so.6 call trace: ? 0x ffff 0000: 00:00 "
    "driver module version loaded register memory address resource PCI pci "
    "bridge window bus usb hub input cpu ACPI: NET: TCP: UDP IPv6: ADDRCONF "
    "XFS nvme ext4 eth0 veth cni0 cali docker0 renamed promiscuous update "
    "reported detected support enabled using default command option [info] "
    "warning WARN INFO ERROR {\"log\":\" \"stream\":\"stderr\" \"msg\":\" }\n";

// Folds letters' case and some punctuation as well, which only lets a little
// more pass.
constexpr uint32_t kFold = 0x20202020U;
char fold(char c) { return static_cast<char>(c | 0x20); }

uint32_t gram_at(const char* at) {
  uint32_t bytes = 0;
  std::memcpy(&bytes, at, kGram);
  return bytes | kFold;
}

uint32_t hash_of(uint32_t gram) { return gram * 2654435761U; }
uint32_t mark_of(uint32_t gram) { return hash_of(gram) >> (32 - kMarkBits); }
uint32_t bucket_of(uint32_t gram) {
  return hash_of(gram) >> (32 - kBucketBits);
}

class Commonness {
 public:
  Commonness() {
    for (size_t at = 0; at + kGram <= kCommonText.size(); ++at) {
      ++counts_[gram_at(kCommonText.data() + at)];
    }
  }
  // Of the anchors of `literal` that begin at `offset`.
  int at(const std::string& literal, size_t offset, size_t stride) const {
    int sum = 0;
    for (size_t i = offset; i < offset + stride; ++i) {
      const auto found = counts_.find(gram_at(literal.data() + i));
      if (found != counts_.end()) sum += found->second;
    }
    return sum;
  }

 private:
  std::map<uint32_t, int> counts_;
};

}  // namespace

LiteralGate::LiteralGate(const std::vector<std::string>& literals)
    : literals_(literals),
      marks_((size_t{1} << kMarkBits) / 64),
      buckets_((size_t{1} << kBucketBits) + 1) {
  stride_ = kWidestStride;
  for (std::string& literal : literals_) {
    open_ = open_ || literal.size() < kShortest;
    std::ranges::transform(literal, literal.begin(), fold);
    if (!open_) stride_ = std::min(stride_, literal.size() - kGram + 1);
  }
  std::ranges::sort(literals_);
  const auto again = std::ranges::unique(literals_);
  literals_.erase(again.begin(), again.end());
  if (!open_) place_anchors();
}

// As many neighbouring anchors for each literal as places are skipped: one of
// them lies where the text is looked at.
void LiteralGate::place_anchors() {
  const Commonness common;
  for (uint32_t i = 0; i < literals_.size(); ++i) {
    const std::string& literal = literals_[i];
    size_t best = 0;
    int least = common.at(literal, 0, stride_);
    for (size_t at = 1; at + stride_ + kGram - 1 <= literal.size(); ++at) {
      const int cost = common.at(literal, at, stride_);
      if (cost >= least) continue;
      least = cost;
      best = at;
    }
    for (size_t at = best; at < best + stride_; ++at) {
      const uint32_t gram = gram_at(literal.data() + at);
      anchors_.push_back({gram, i, static_cast<uint32_t>(at)});
      marks_[mark_of(gram) >> 6] |= uint64_t{1} << (mark_of(gram) & 63);
    }
  }
  std::ranges::stable_sort(
      anchors_, {}, [](const Anchor& one) { return bucket_of(one.bytes); });
  for (const Anchor& one : anchors_) ++buckets_[bucket_of(one.bytes) + 1];
  for (size_t i = 1; i < buckets_.size(); ++i) buckets_[i] += buckets_[i - 1];
}

// The start of a literal whose anchor stands at `at`.
size_t LiteralGate::literal_around(std::string_view text, size_t at,
                                   size_t from) const {
  const uint32_t gram = gram_at(text.data() + at);
  const uint32_t bucket = bucket_of(gram);
  for (uint32_t i = buckets_[bucket]; i < buckets_[bucket + 1]; ++i) {
    const Anchor& anchor = anchors_[i];
    if (anchor.bytes != gram || at < from + anchor.offset) continue;
    const std::string& literal = literals_[anchor.literal];
    const size_t start = at - anchor.offset;
    if (text.size() - start < literal.size()) continue;
    if (std::equal(literal.begin(), literal.end(),
                   text.begin() + static_cast<std::ptrdiff_t>(start),
                   [](char a, char b) { return a == fold(b); })) {
      return start;
    }
  }
  return std::string_view::npos;
}

// The first place at or after `at`, in strides, where a mark is set; past the
// end where there is none.
size_t LiteralGate::next_mark(std::string_view text, size_t at) const {
  const auto mark = [&](size_t place) {
    return is_marked(mark_of(gram_at(text.data() + place)));
  };
  const size_t step = stride_;
  // Four at a time keep the processor's units busy.
  while (at + 3 * step + kGram <= text.size()) {
    const bool any =
        mark(at) | mark(at + step) | mark(at + 2 * step) | mark(at + 3 * step);
    if (any) break;
    at += 4 * step;
  }
  while (at + kGram <= text.size() && !mark(at)) at += step;
  return at;
}

size_t LiteralGate::find(std::string_view text, size_t from) const {
  if (open_) return from < text.size() ? from : std::string_view::npos;
  size_t at = next_mark(text, from);
  while (at + kGram <= text.size()) {
    const size_t start = literal_around(text, at, from);
    if (start != std::string_view::npos) return start;
    at = next_mark(text, at + stride_);
  }
  return std::string_view::npos;
}

}  // namespace gpuward::matching
