#include "evidence/text/log_reader.h"

#include <fmt/core.h>

#include "evidence/text/line_scan.h"
#include "evidence/text/log_stream.h"
#include "evidence/text/timestamp.h"

namespace gpuward {
namespace {

constexpr size_t kBlock = size_t{1} << 20;

std::vector<std::string> together(std::span<const std::string> left,
                                  const std::vector<std::string>& right) {
  std::vector<std::string> all(left.begin(), left.end());
  all.insert(all.end(), right.begin(), right.end());
  return all;
}

Evidence evidence_of(std::string_view line, int64_t number,
                     const std::string& path, Wall now) {
  Evidence evidence;
  evidence.source = std::string(line_source(line));
  evidence.when = line_time(line, now);
  evidence.text = std::string(line);
  evidence.file = path;
  evidence.line = number;
  return evidence;
}

void note(LogSummary& summary, std::string why) {
  summary.gaps.push_back({"log", std::move(why)});
}

void note_oddities(const LineScan& scan, const std::string& name,
                   LogSummary& summary) {
  summary.lines = scan.lines();
  if (summary.bytes == 0) note(summary, name + " is empty");
  // Text has no NUL; one torn block of a crashed machine is forgiven.
  if (scan.odd_bytes() > summary.bytes / 1000) {
    note(summary, name + " is not text: it was searched all the same");
  }
  if (scan.long_lines() > 0) {
    note(summary,
         fmt::format("{}: of {} line{} only the first 64 KiB were read", name,
                     scan.long_lines(), scan.long_lines() == 1 ? "" : "s"));
  }
}

}  // namespace

LogReader::LogReader(std::span<const std::string> literals)
    : gate_(together(literals, extractor_.literals())) {}

Result<LogSummary> LogReader::read(const std::string& path,
                                   const LogOptions& options,
                                   const Sink& sink) {
  LogStream stream = TRY(LogStream::open(path));
  const std::string name = path == "-" ? "standard input" : path;
  LogSummary summary;
  const LineScan::Sink on_line = [&](std::string_view line, int64_t number) {
    extractor_.line(line, name, number);
    sink(evidence_of(line, number, name, options.now));
  };
  LineScan scan(gate_, on_line);
  std::vector<char> block(kBlock);
  while (true) {
    const auto got = stream.read(block.data(), block.size(), options.deadline);
    if (!got) {
      note(summary, got.error().text);
      break;
    }
    if (*got == 0) break;
    summary.bytes += static_cast<int64_t>(*got);
    scan.feed({block.data(), *got});
    if (options.progress) options.progress(stream.bytes_in(), stream.size());
  }
  scan.finish();
  note_oddities(scan, name, summary);
  return summary;
}

}  // namespace gpuward
