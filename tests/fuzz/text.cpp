// What reads logs, piece by piece: times, heads, carriers, archives, lines.
#include "base/text.h"

#include <algorithm>
#include <cstring>

#include "fuzz/memory_bytes.h"
#include "fuzz/target.h"
#include "logs/encoding.h"
#include "logs/export_lines.h"
#include "logs/extract.h"
#include "logs/flood.h"
#include "logs/given.h"
#include "logs/json_line.h"
#include "logs/line_head.h"
#include "logs/line_scan.h"
#include "logs/line_store.h"
#include "logs/tar.h"
#include "logs/unwrap.h"
#include "logs/wrapped_lines.h"

namespace gpuward::fuzz {
namespace {

constexpr size_t kMost = size_t{8} << 20;
const Wall kNow = Wall(Millis(1'770'000'000'000));

bool lies_in(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() &&
          part.data() + part.size() <= whole.data() + whole.size());
}

void line_head(std::string_view bytes) {
  for (const auto& hint : {logs::YearHint{{}, kNow},
                           logs::YearHint{kNow - Millis(24h * 400), kNow}}) {
    const auto stamp = logs::stamp_at(bytes, hint);
    if (stamp) {
      must(stamp->size > 0 && stamp->size <= bytes.size(),
           "a time is a part of the line");
      to_iso(stamp->when);
    }
    const logs::LineHead head = logs::line_head(bytes, hint);
    must(head.body <= bytes.size(), "a message is a part of the line");
    must(lies_in(head.host, bytes) && lies_in(head.program, bytes),
         "a host and a program stand in the line");
    const std::string host = logs::host_name(head.host);
    must(logs::host_name(host) == host || logs::host_name(host).empty(),
         "a machine's name stays");
  }
}

void unwrap(std::string_view bytes) {
  std::string scratch;
  const logs::Unwrapped inside = logs::unwrap(bytes, scratch);
  must(lies_in(inside.text, bytes) || lies_in(inside.text, scratch),
       "a message lies in the line or beside it");
  must(inside.host.size() <= bytes.size(), "a host is a part of the line");
  // A journal's JSON can write a byte as "0," and a name twice.
  must(inside.text.size() <= 2 * bytes.size() + 128,
       "a message is no longer than its carrier");
  std::string other(7, 'x');
  const auto object = logs::json_line(bytes, other);
  if (object) must(object->text.size() <= 2 * bytes.size() + 128, "bounded");
}

void exported(std::string_view bytes) {
  logs::is_export(bytes);
  const auto whole = logs::export_lines(in_memory(bytes));
  const Drained once = drained(*whole, kMost);
  for (const size_t piece : {size_t{1}, size_t{7}}) {
    const auto cut = logs::export_lines(in_memory(bytes, piece));
    must(drained(*cut, kMost) == once, "entries do not depend on the reads");
  }
}

// Mutated archives would all fail their checksums: they are made right.
void tar(std::string_view bytes) {
  std::string archive(bytes);
  constexpr size_t kBlock = logs::TarReader::kBlock;
  for (size_t at = 0; at + kBlock <= archive.size(); at += kBlock) {
    char* const block = archive.data() + at;
    if (std::memcmp(block + 257, "ustar", 5) != 0) continue;
    std::memset(block + 148, ' ', 8);
    unsigned sum = 0;
    for (size_t i = 0; i < kBlock; ++i) {
      sum += static_cast<unsigned char>(block[i]);
    }
    std::snprintf(block + 148, 8, "%06o", sum);
  }
  logs::TarReader::looks_like_one(std::string_view(archive).substr(0, kBlock));
  MemoryBytes source(archive);
  logs::TarReader reader(source);
  size_t members = 0;
  std::string content(4096, '\0');
  while (true) {
    const auto member = reader.next();
    if (!member || !*member) break;
    must(++members * kBlock <= archive.size(), "a member has a header");
    size_t size = 0;
    while (true) {
      const auto got = reader.read(content.data(), content.size());
      if (!got || *got == 0) break;
      size += *got;
    }
    must(size <= archive.size(), "a member lies in its archive");
  }
}

void packed(std::string_view bytes) {
  const auto plain = logs::unpacked(in_memory(bytes), "a file");
  const Drained once = drained(*plain, kMost);
  const auto again = logs::unpacked(in_memory(bytes, 13), "a file");
  const Drained twice = drained(*again, kMost);
  if (once.text.size() >= kMost || twice.text.size() >= kMost) return;
  must(once.failed == twice.failed, "damage does not depend on the reads");
  // How much of a damaged block comes out is the decoder's affair.
  must(once.failed ? once.text.starts_with(twice.text) ||
                         twice.text.starts_with(once.text)
                   : once.text == twice.text,
       "what is packed does not depend on the reads");
}

void encoding(std::string_view bytes) {
  const auto plain = logs::decoded(in_memory(bytes));
  const Drained once = drained(*plain, kMost);
  must(!once.failed, "any bytes are text");
  // A unit of UTF-16 becomes three bytes at most.
  must(once.text.size() <= 2 * bytes.size() + 8, "text is bounded");
}

void wrapped(std::string_view bytes) {
  static const matching::LiteralGate kGate({"NVRM: Xid", "fallen off the bus"});
  const auto joined = [bytes](size_t piece) {
    MemoryBytes source(bytes, piece);
    logs::WrappedLines lines(source, kGate);
    return drained(lines, kMost).text;
  };
  const std::string once = joined(1 << 16);
  must(once == joined(1) && once == joined(17),
       "joined lines do not depend on the reads");
  const auto lines = [](std::string_view text) {
    return std::ranges::count(text, '\n') +
           (text.empty() || text.ends_with('\n') ? 0 : 1);
  };
  must(lines(once) == lines(bytes), "the number of lines stays");
}

void extract(std::string_view bytes) {
  static const matching::PatternSet kPatterns = logs::Extractor::patterns();
  logs::Extractor extractor(kPatterns);
  logs::SmiQuery query;
  int64_t number = 0;
  for (const auto line : split(bytes, '\n')) {
    extractor.line(line, "a file", ++number);
    query.line(line, "a file", number);
  }
  for (const auto& facts : {extractor.facts(), query.facts()}) {
    for (const Evidence& fact : facts) {
      must(!fact.key.empty(), "a fact has its key");
      must(fact.line >= 0 && fact.line <= number, "a fact has its line");
    }
  }
}

// However the blocks fall, the same lines come.
void scan(std::string_view bytes) {
  static const matching::LiteralGate kGate({"NVRM: Xid", "nvidia"});
  const auto lines_of = [bytes](size_t block) {
    std::vector<std::pair<std::string, int64_t>> lines;
    logs::LineScan* running = nullptr;
    const logs::LineScan::Sink sink = [&](std::string_view line,
                                          int64_t number) {
      lines.emplace_back(line, number);
      if (line.contains("follow")) running->follow(3);
    };
    logs::LineScan scan(kGate, sink);
    running = &scan;
    for (size_t at = 0; at < bytes.size(); at += block) {
      scan.feed(bytes.substr(at, block));
    }
    scan.finish();
    return std::tuple(lines, scan.lines(), scan.long_lines());
  };
  const auto whole = lines_of(bytes.size() + 1);
  must(whole == lines_of(1) && whole == lines_of(13),
       "lines do not depend on the blocks");
  for (const auto& [line, number] : std::get<0>(whole)) {
    must(line.size() <= logs::LineScan::kLongest, "a line is bounded");
    must(number >= 1 && number <= std::get<1>(whole), "a line has its number");
  }
}

// What goes into the store comes out, in order of time.
void store(std::string_view bytes) {
  logs::LineStore store;
  logs::FloodGate flood;
  int64_t put = 0;
  int64_t stood_for = 0;
  const logs::FloodGate::Sink add = [&](const logs::LogLine& line) {
    store.add(line);
    ++put;
    stood_for += line.times;
  };
  int64_t number = 0;
  store.begin_run(0);
  for (const auto text : split(bytes, '\n')) {
    if (text == "----") {
      store.begin_run(static_cast<size_t>(number));
      continue;
    }
    logs::LogLine line;
    line.text = text;
    line.source = "log";
    line.line = ++number;
    if (const auto stamp = logs::stamp_at(text, {{}, kNow}))
      line.when = stamp->when;
    if (flood.passes(line)) add(line);
  }
  flood.drain(add);
  must(stood_for == number, "every line is handed on or counted");
  int64_t came = 0;
  store.merge(
      [&](const logs::LineStore::Run&, const logs::LogLine&) { ++came; });
  must(came + store.lost() == put, "every line comes out");
}

void given(std::string_view bytes) {
  const auto fact = logs::given_fact(bytes);
  if (!fact) {
    must(!fact.error().text.empty(), "a refusal says why");
    return;
  }
  must(fact->source == "given" && !fact->key.empty(), "a fact has its key");
}

constexpr Target kTargets[] = {
    {"line_head", line_head, 40000},
    {"unwrap", unwrap, 30000},
    {"export", exported, 1500},
    {"tar", tar, 8000},
    {"packed", packed, 3000},
    {"encoding", encoding, 8000},
    {"wrapped", wrapped, 3000},
    {"extract", extract, 4000},
    {"scan", scan, 8000},
    {"store", store, 4000},
    {"given", given, 4000},
};

}  // namespace

std::span<const Target> text_targets() { return kTargets; }

}  // namespace gpuward::fuzz
