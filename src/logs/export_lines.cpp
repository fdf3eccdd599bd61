#include "logs/export_lines.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "base/time.h"

namespace gpuward::logs {
namespace {

constexpr size_t kChunk = size_t{256} << 10;
// A field that is longer (a core dump) keeps its head.
constexpr uint64_t kLongestField = uint64_t{64} << 10;

class ExportLines final : public ByteSource {
 public:
  explicit ExportLines(std::unique_ptr<ByteSource> entries)
      : entries_(std::move(entries)) {}

  Result<size_t> read(char* buffer, size_t size) override {
    while (out_.size() == given_) {
      out_.clear();
      given_ = 0;
      if (ended_) return size_t{0};
      TRY_VOID(fill());
    }
    const size_t count = std::min(size, out_.size() - given_);
    std::copy_n(out_.data() + given_, count, buffer);
    given_ += count;
    return count;
  }

 private:
  Result<void> fill() {
    const size_t have = in_.size();
    in_.resize(have + kChunk);
    const auto got = entries_->read(in_.data() + have, kChunk);
    in_.resize(have + got.value_or(0));
    ended_ = !got || *got == 0;
    size_t used = 0;
    while (const size_t taken = field(std::string_view(in_).substr(used))) {
      used += taken;
    }
    in_.erase(0, used);
    if (ended_) entry_ends();
    if (!got) return std::unexpected(got.error());
    return {};
  }

  // How many bytes the field at the start of `text` takes; 0: not all there.
  size_t field(std::string_view text) {
    if (skip_ > 0) {  // the rest of a field that is too long
      const auto step = std::min<uint64_t>(skip_, text.size());
      skip_ -= step;
      return step;
    }
    const size_t newline = text.find('\n');
    if (newline == std::string_view::npos) {
      if (text.size() <= kLongestField) return 0;
      in_line_ = true;  // no field is like this: pass over it
      return text.size();
    }
    const auto line = text.substr(0, newline);
    if (std::exchange(in_line_, false)) return newline + 1;
    const size_t equals = line.find('=');
    if (line.empty()) {
      entry_ends();
    } else if (equals != std::string_view::npos) {
      take(line.substr(0, equals), line.substr(equals + 1));
    } else {
      return sized_field(line, text, newline + 1);
    }
    return newline + 1;
  }

  // NAME\n, eight bytes with the length, the value, \n.
  size_t sized_field(std::string_view name, std::string_view text, size_t at) {
    constexpr size_t kLengthBytes = 8;
    if (text.size() < at + kLengthBytes) return 0;
    uint64_t length = 0;
    std::memcpy(&length, text.data() + at, kLengthBytes);
    at += kLengthBytes;
    const uint64_t kept = std::min(length, kLongestField);
    // With the newline behind it, unless the file is cut there.
    const bool whole = text.size() - at > kept;
    if (!whole && !(ended_ && text.size() - at == kept)) return 0;
    take(name, text.substr(at, kept));
    if (length == kept) return std::min(at + kept + 1, text.size());
    skip_ = length > uint64_t{1} << 40 ? 0 : length - kept + 1;
    return at + kept;
  }

  void take(std::string_view name, std::string_view value) {
    if (name == "MESSAGE") message_ = value;
    if (name == "__REALTIME_TIMESTAMP") realtime_ = value;
    if (name == "_HOSTNAME") host_ = value;
    if (name == "SYSLOG_IDENTIFIER") identifier_ = value;
    if (name == "_COMM" && identifier_.empty()) identifier_ = value;
    if (name == "_PID") pid_ = value;
  }

  void entry_ends() {
    if (!message_.empty()) {
      out_ += as_line({realtime_, host_, identifier_, pid_, message_});
      out_ += '\n';
    }
    for (std::string* one :
         {&message_, &realtime_, &host_, &identifier_, &pid_}) {
      one->clear();
    }
  }

  std::unique_ptr<ByteSource> entries_;
  std::string in_, out_;
  size_t given_ = 0;  // of out_
  uint64_t skip_ = 0;
  bool in_line_ = false;
  bool ended_ = false;
  std::string message_, realtime_, host_, identifier_, pid_;
};

}  // namespace

bool is_export(std::string_view head) {
  return head.starts_with("__CURSOR=") ||
         head.starts_with("__REALTIME_TIMESTAMP=");
}

std::unique_ptr<Buffered> export_lines(std::unique_ptr<ByteSource> entries) {
  return std::make_unique<Buffered>(
      std::make_unique<ExportLines>(std::move(entries)));
}

std::string as_line(const JournalEntry& entry) {
  std::string prefix;
  if (const auto us = to_number<int64_t>(entry.realtime_us)) {
    prefix += to_iso(Wall(Millis(*us / 1000))) + " ";
    if (!entry.host.empty()) prefix += std::string(entry.host) + " ";
  }
  if (!entry.identifier.empty()) {
    prefix += entry.identifier;
    const bool named = !entry.pid.empty() && entry.identifier != "kernel";
    if (named) prefix += "[" + std::string(entry.pid) + "]";
    prefix += ": ";
  }
  std::string line;
  for (const std::string_view part : split(trim(entry.message), '\n')) {
    if (!line.empty()) line += '\n';
    line += prefix;
    line += part;
  }
  return line;
}

}  // namespace gpuward::logs
