#include "logs/log_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <unordered_map>

#include "base/text.h"
#include "logs/extract.h"
#include "logs/flood.h"
#include "logs/line_head.h"
#include "logs/line_scan.h"
#include "logs/line_store.h"
#include "logs/log_files.h"
#include "logs/machines.h"
#include "logs/origin.h"
#include "logs/report_sections.h"
#include "logs/tool_output.h"
#include "logs/unwrap.h"
#include "logs/wrapped_lines.h"
#include "matching/literal_gate.h"

namespace gpuward::logs {
namespace {

constexpr size_t kBlock = size_t{256} << 10;
// A log that unpacks to more is a trap.
constexpr int64_t kMostBytes = int64_t{256} << 30;

// The header of nvidia-bug-report.log names the machine.
constexpr std::string_view kReportHost = "uname: Linux ";
// A GPU's part of `nvidia-smi -q`.
constexpr std::string_view kSmiGpu = "GPU 00000";
// A message of the journal that is not plain text, in JSON.
constexpr std::string_view kJournalBytes = "\"message\":[";

// The longest part of `literal` that stands in JSON as it stands here.
std::string unescaped_part(const std::string& literal) {
  std::string_view best;
  std::string_view rest = literal;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find_first_of("\"\\<>&\t'"), rest.size());
    if (end > best.size()) best = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return best.size() >= matching::LiteralGate::kShortest ? std::string(best)
                                                         : literal;
}

std::vector<std::string> gate_literals(std::span<const std::string> left,
                                       const std::vector<std::string>& right) {
  std::vector<std::string> all = {std::string(kReportHost),
                                  std::string(kJournalBytes),
                                  std::string(kSmiGpu),
                                  std::string(Origin::kRule),
                                  std::string(Origin::kResult),
                                  std::string(ReportSections::kStart),
                                  std::string(ReportSections::kRule),
                                  std::string(ReportSections::kBoot),
                                  std::string(ReportSections::kKernel)};
  for (std::string& one : ToolOutput::literals()) all.push_back(std::move(one));
  for (const std::string& one : left) all.push_back(unescaped_part(one));
  for (const std::string& one : right) all.push_back(unescaped_part(one));
  return all;
}

void note(LogSummary& summary, std::string why) {
  summary.gaps.push_back({"log", std::move(why)});
}

void note_oddities(const LineScan& scan, const LogFile& file, int64_t bytes,
                   LogSummary& summary) {
  // Among many files some are empty; that tells nothing.
  if (bytes == 0 && file.alone) note(summary, file.name + " is empty");
  // Text has no NUL; one torn block of a crashed machine is forgiven.
  if (scan.odd_bytes() > bytes / 1000) {
    note(summary, file.name + " is not text: it was searched all the same");
  }
  if (scan.long_lines() > 0) {
    note(summary,
         fmt::format("{}: of {} line{} only the first 64 KiB were read",
                     file.name, scan.long_lines(),
                     scan.long_lines() == 1 ? "" : "s"));
  }
}

// Takes the lines of one file apart.
class FileLines {
 public:
  using Sink = std::function<void(const LogLine&)>;
  FileLines(Hosts& hosts, const YearHint& hint, const Sink& sink)
      : hosts_(hosts), hint_(hint), sink_(sink) {}

  // How many of the lines that follow are to be shown as well.
  int line(std::string_view raw, int64_t number) {
    if (!origin_.take_prefix(raw)) return Origin::kHeading;
    if (report_.divides(raw)) return whole_ = 0;
    bool begins = false;
    // What a terminal has overwritten stands before a return.
    while (true) {
      const size_t end = std::min(raw.find('\r'), raw.size());
      begins = record(raw.substr(0, end), number) || begins;
      if (end == raw.size()) break;
      raw.remove_prefix(end + 1);
    }
    // Every line of such a part counts, floods or not.
    if (begins) return whole_ = SmiQuery::kLines;
    whole_ = std::max(whole_, ToolOutput::lines_after(raw));
    if (whole_ > 0) --whole_;
    return whole_;
  }
  void drain() { flood_.drain(sink_); }
  size_t host() const { return first_host_; }

 private:
  // True where it begins a GPU's part of nvidia-smi -q.
  bool record(std::string_view raw, int64_t number) {
    const Unwrapped inside = unwrap(raw, scratch_);
    std::string_view rest = inside.text;
    while (true) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      part(rest.substr(0, end), inside, number);
      if (end == rest.size()) break;
      rest.remove_prefix(end + 1);
    }
    return SmiQuery::begins(inside.text);
  }

  void part(std::string_view text, const Unwrapped& inside, int64_t number) {
    const LineHead head = line_head(text, hint_);
    if (head.when && head.has_year) hint_.neighbour = head.when;
    take_host(text, head, inside.host);
    LogLine line;
    line.text = text;
    line.source = inside.is_kernel ? "kernel-log" : head.source;
    line.when = head.when ? head.when : inside.when;
    line.body = head.body;
    line.host = host_;
    line.line = number;
    line.boot = report_.boot();
    if (line.source == "kernel-log" &&
        report_.is_repeated(text.substr(line.body))) {
      line.times = 0;
    }
    if (whole_ > 0 || SmiQuery::begins(text) || flood_.passes(line)) {
      sink_(line);
    }
  }

  void take_host(std::string_view text, const LineHead& head,
                 std::string_view carried) {
    size_t host = hosts_.number_of(head.host);
    if (host == 0) host = hosts_.number_of(carried);
    if (host == 0) host = hosts_.number_of(origin_.host());
    if (host == 0 && text.starts_with(kReportHost)) {
      const auto name = text.substr(kReportHost.size());
      host = hosts_.number_of(name.substr(0, name.find(' ')));
    }
    if (host == 0) return;
    host_ = host;
    if (first_host_ == 0) first_host_ = host;
  }

  Hosts& hosts_;
  YearHint hint_;
  const Sink& sink_;
  FloodGate flood_;
  Origin origin_;
  ReportSections report_;
  std::string scratch_;
  int whole_ = 0;    // lines that are still to be shown, whatever they say
  size_t host_ = 0;  // of the last line that named one
  size_t first_host_ = 0;
};

// The kernel's lines stand in several files of one machine (kern.log, syslog,
// the journal): of the same second, with the same words, they are one event.
class Twins {
 public:
  bool seen(size_t file, const LogLine& line) {
    constexpr size_t kMost = 4096;
    if (!line.when || line.source != "kernel-log") return false;
    const auto second = std::chrono::floor<std::chrono::seconds>(*line.when);
    if (second != second_ || told_.size() >= kMost) told_.clear();
    second_ = second;
    const auto body = line.text.substr(std::min(line.body, line.text.size()));
    const uint64_t key = std::hash<std::string_view>{}(body) + line.host;
    return told_.try_emplace(key, file).first->second != file;
  }

 private:
  std::chrono::sys_seconds second_{};
  std::unordered_map<uint64_t, size_t> told_;  // the file that told it first
};

}  // namespace

struct LogReader::Impl {
  Impl(std::span<const std::string> literals, Sink to)
      : patterns(Extractor::patterns()),
        gate(gate_literals(literals, patterns.literals())),
        sink(std::move(to)) {}

  struct One {
    size_t host = 0;
    Extractor extractor;
  };

  size_t machine_of(size_t host);
  void hand_on(const std::string& file, const LogLine& line);
  void read_file(LogFile& file, const LogOptions& options, LogSummary& summary);

  matching::PatternSet patterns;
  matching::LiteralGate gate;
  Sink sink;
  Hosts hosts;
  std::vector<std::string> files;
  LineStore store;
  std::vector<One> machines;
  std::vector<char> block = std::vector<char>(kBlock);
};

LogReader::LogReader(std::span<const std::string> literals, Sink sink)
    : impl_(std::make_unique<Impl>(literals, std::move(sink))) {}
LogReader::~LogReader() = default;
LogReader::LogReader(LogReader&&) noexcept = default;
LogReader& LogReader::operator=(LogReader&&) noexcept = default;

// What came before anything named the machine is of the first that is named.
size_t LogReader::Impl::machine_of(size_t host) {
  const auto found = std::ranges::find(machines, host, &One::host);
  if (found != machines.end()) {
    return static_cast<size_t>(found - machines.begin());
  }
  const bool nameless = machines.size() == 1 && machines[0].host == 0;
  if (nameless && store.runs().empty()) {
    machines[0].host = host;
    return 0;
  }
  machines.push_back({host, Extractor(patterns)});
  return machines.size() - 1;
}

void LogReader::Impl::hand_on(const std::string& file, const LogLine& line) {
  const size_t machine = machine_of(line.host);
  machines[machine].extractor.line(line.text, file, line.line);
  if (line.times == 0) return;
  Evidence evidence;
  evidence.source = std::string(line.source);
  evidence.when = line.when;
  evidence.text = std::string(line.text);
  evidence.file = file;
  evidence.line = line.line;
  evidence.times = line.times;
  evidence.boot = line.boot;
  sink(machine, evidence);
}

void LogReader::Impl::read_file(LogFile& file, const LogOptions& options,
                                LogSummary& summary) {
  files.push_back(file.name);
  const size_t index = files.size() - 1;
  const bool at_once = options.only_one && file.alone;
  if (!at_once) store.begin_run(index);
  const FileLines::Sink take = [&](const LogLine& line) {
    at_once ? hand_on(file.name, line) : store.add(line);
  };
  YearHint hint;
  hint.latest = std::min(file.modified.value_or(options.now), options.now);
  FileLines lines(hosts, hint, take);
  LineScan* running = nullptr;
  const LineScan::Sink on_line = [&](std::string_view line, int64_t number) {
    running->follow(lines.line(line, number));
  };
  LineScan scan(gate, on_line);
  running = &scan;
  WrappedLines whole(file.bytes, gate);
  int64_t bytes = 0;
  while (true) {
    const auto got = whole.read(block.data(), block.size());
    if (!got) {
      note(summary, got.error().text);
      break;
    }
    if (*got == 0) break;
    bytes += static_cast<int64_t>(*got);
    scan.feed({block.data(), *got});
    if (bytes > kMostBytes || BootClock::now() > options.deadline) {
      note(summary, file.name + " was not read to its end: it is too long");
      break;
    }
  }
  scan.finish();
  const size_t first = store.runs().size();
  if (!at_once) store.begin_run(index);  // the last of floods have their place
  lines.drain();
  if (!at_once) {
    store.runs()[first - 1].host = store.runs()[first].host = lines.host();
  }
  summary.bytes += bytes;
  summary.lines += scan.lines();
  ++summary.files;
  note_oddities(scan, file, bytes, summary);
}

Result<LogSummary> LogReader::read(const std::string& path,
                                   const LogOptions& options) {
  LogSummary summary;
  LogWalk walk;
  walk.deadline = options.deadline;
  walk.progress = options.progress;
  walk.visit = [&](LogFile& file) { impl_->read_file(file, options, summary); };
  TRY_VOID(walk_logs(path, walk));
  summary.gaps.insert(summary.gaps.end(), walk.gaps.begin(), walk.gaps.end());
  return summary;
}

std::vector<Gap> LogReader::finish() {
  Impl& self = *impl_;
  settle_hosts(self.store.runs(), self.files, self.hosts);
  Twins twins;
  self.store.merge([&](const LineStore::Run& run, const LogLine& line) {
    LogLine one = line;
    if (twins.seen(run.file, line)) one.times = 0;
    self.hand_on(self.files[run.file], one);
  });
  std::vector<Gap> gaps;
  if (self.store.lost() > 0) {
    gaps.push_back({"log", fmt::format("{} lines found no place while they "
                                       "waited: free some space in TMPDIR",
                                       self.store.lost())});
  }
  if (self.hosts.turned_away() > 0) {
    gaps.push_back(
        {"log", fmt::format("more than {} machines are in this pile: the rest "
                            "were not told apart",
                            Hosts::kMost)});
  }
  return gaps;
}

std::vector<LogReader::Machine> LogReader::machines() const {
  std::vector<Machine> all;
  for (const Impl::One& one : impl_->machines) {
    all.push_back({one.host == 0 ? "" : impl_->hosts.name(one.host),
                   one.extractor.facts()});
  }
  return all;
}

}  // namespace gpuward::logs
