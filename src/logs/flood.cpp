#include "logs/flood.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace gpuward::logs {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

constexpr size_t kLooked = 512;
using Shape = std::array<char, kLooked + sizeof(uint64_t)>;

// Writes `body` without the decimal numbers of four digits or more. Those
// before a colon stay (a PCI domain), shorter ones too (an Xid), and what may
// be hexadecimal (a status).
size_t shape_of(std::string_view body, Shape& out) {
  constexpr size_t kLong = 4;
  size_t size = 0;
  for (size_t at = 0; at < body.size();) {
    if (!is_digit(body[at])) {
      out[size++] = body[at++];
      continue;
    }
    size_t end = at;
    while (end < body.size() && is_digit(body[end])) ++end;
    const bool joined =
        (at > 0 && is_letter(body[at - 1])) ||
        (end < body.size() && (is_letter(body[end]) || body[end] == ':'));
    if (end - at >= kLong && !joined) {
      out[size++] = '#';
      at = end;
    }
    while (at < end) out[size++] = body[at++];
  }
  return size;
}

// Eight bytes at a time; `shape` is padded with zeros.
uint64_t hash_of(Shape& shape, size_t size, uint64_t seed) {
  constexpr uint64_t kPrime = 0x9E3779B97F4A7C15ULL;
  std::memset(shape.data() + size, 0, sizeof(uint64_t));
  uint64_t hash = seed + size;
  for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
    uint64_t bytes = 0;
    std::memcpy(&bytes, shape.data() + at, sizeof(bytes));
    hash = (hash ^ bytes) * kPrime;
    hash ^= hash >> 32;
  }
  return hash;
}

}  // namespace

bool FloodGate::passes(const LogLine& line) {
  const auto body = line.text.substr(std::min(line.body, line.text.size()));
  if (body.size() > kLooked) return true;
  Shape shape;
  const size_t size = shape_of(body, shape);
  const uint64_t key = hash_of(shape, size, line.host);
  auto found = kinds_.find(key);
  if (found == kinds_.end()) {
    if (kinds_.size() >= kMostKinds) return true;
    found = kinds_.try_emplace(key).first;
  }
  Kind& kind = found->second;
  if (++kind.count <= kAll) return true;
  ++kind.held;
  kind.last = line;
  kind.text.assign(line.text);
  return false;
}

void FloodGate::drain(const Sink& sink) {
  std::vector<Kind*> held;
  for (auto& [key, kind] : kinds_) {
    if (kind.held > 0) held.push_back(&kind);
  }
  std::ranges::sort(held, {}, [](const Kind* kind) { return kind->last.line; });
  for (Kind* kind : held) {
    kind->last.text = kind->text;
    kind->last.times = kind->held;
    sink(kind->last);
  }
  kinds_.clear();
}

}  // namespace gpuward::logs
