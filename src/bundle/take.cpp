#include "bundle/take.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "bundle/archive.h"
#include "bundle/names.h"
#include "bundle/pieces.h"
#include "bundle/redact.h"
#include "bundle/secrets.h"
#include "containers/aside.h"
#include "containers/container_json.h"
#include "model/json.h"

namespace gpuward::bundle {
namespace {

// The child of aside.h has no descriptor of ours.
Result<host::Host> reopened(const std::string& evidence,
                            const std::string& self, const host::Host& host) {
  host::Root from = TRY(host::Root::open(evidence));
  host::Root own = TRY(host::Root::open(self));
  return host::Host{std::move(from), std::move(own), host.run_dir,
                    host.state_dir,  host.simulated, host.driver_root};
}

Json to_json(const Pieces& pieces) {
  Json list = Json::array();
  for (const Piece& piece : pieces.pieces) {
    Json json;
    json.set("name", piece.name);
    json.set("text", piece.text);
    json.set("cut", piece.cut);
    list.push(std::move(json));
  }
  Json missing = Json::array();
  for (const Missing& one : pieces.missing) {
    Json json;
    json.set("name", one.name);
    json.set("why", one.why);
    missing.push(std::move(json));
  }
  Json out;
  out.set("pieces", std::move(list));
  out.set("missing", std::move(missing));
  return out;
}

Pieces pieces_of(const Json& json) {
  Pieces out;
  for (const Json& each : json["pieces"].as_array()) {
    out.pieces.push_back({std::string(each["name"].as_string()),
                          std::string(each["text"].as_string()),
                          each["cut"].as_bool()});
  }
  for (const Json& each : json["missing"].as_array()) {
    out.missing.push_back({std::string(each["name"].as_string()),
                           std::string(each["why"].as_string())});
  }
  return out;
}

Pieces collect(const Collector& collector, const Job& job) {
  if (!collector.aside) return collector.collect(job);
  const std::string evidence = job.host.evidence.directory();
  const std::string self = job.host.self.directory();
  const auto done = containers::do_aside(
      [&]() -> Json {
        auto host = reopened(evidence, self, job.host);
        if (!host) {
          return to_json(
              Pieces{{}, {{std::string(collector.name), host.error().text}}});
        }
        return to_json(
            collector.collect({*host, job.seen, job.factor, job.left}));
      },
      job.left);
  if (done) return pieces_of(*done);
  const bool late = done.error().kind == Error::Kind::timeout;
  const std::string why =
      late ? fmt::format("it took longer than {}: a disk does not answer",
                         to_words(job.left))
           : done.error().text;
  return {{}, {{std::string(collector.name), why}}};
}

// "gpu-07.example.com" as a part of a file's name.
std::string safe_name(std::string_view host) {
  constexpr size_t kMost = 64;
  std::string out;
  for (const char c : host.substr(0, kMost)) {
    const bool is_safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '.' || c == '-';
    out += is_safe ? c : '_';
  }
  while (out.starts_with('.') || out.starts_with('-')) out.erase(0, 1);
  return out.empty() ? "unknown" : out;
}

std::string name_of(const Snapshot& snapshot, Wall now) {
  std::string time = to_iso(now).substr(0, 19) + "Z";
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  return fmt::format("gpuward-bundle-{}-{}", safe_name(snapshot.hostname),
                     time);
}

class Taking {
 public:
  Taking(const host::Host& host, const Seen& seen, const TakeOptions& options)
      : host_(host), seen_(seen), options_(options) {}

  // Ours, as JSON: what stands under a secret's name goes.
  void add_json(const std::string& name, std::string_view what,
                const Json& json, int64_t count = 0) {
    const Boot began = BootClock::now();
    const std::string text = redact(json, count).dump(1) + "\n";
    keep({name, text, false}, what, count, BootClock::now() - began);
  }

  void run(const Collector& collector) {
    const Boot began = BootClock::now();
    const bool is_extra = collector.only_where_asked;
    const Millis left =
        is_extra ? scaled(collector.deadline)
                 : std::min(collector.deadline, options_.until - began);
    if (left <= 0ms) {
      miss(std::string(collector.name),
           fmt::format("not collected: the {} for a bundle were over",
                       to_words(kLongest)));
      return;
    }
    Pieces got = collect(collector, {host_, seen_, options_.factor, left});
    const Millis took = BootClock::now() - began;
    for (Piece& piece : got.pieces) {
      Redacted clean = redact(piece.text);
      keep({std::move(piece.name), std::move(clean.text), piece.cut},
           collector.what, clean.count, took);
    }
    for (const Missing& one : got.missing) {
      miss(one.name, one.why);
    }
  }

  Result<Taken> finish() {
    Taken out;
    out.name = name_of(seen_.snapshot, seen_.now);
    out.index = index();
    out.pieces = kept_.size();
    out.missing = missing_.as_array().size();
    Archive archive(out.name, seen_.now);
    const std::string text = out.index.dump(1) + "\n";
    TRY_VOID(archive.add(std::string(kIndexName), text));
    TRY_VOID(archive.add("index.txt", readable()));
    for (const Piece& piece : kept_) {
      TRY_VOID(archive.add(piece.name, piece.text));
    }
    out.packed = TRY(archive.finish());
    return out;
  }

 private:
  Millis scaled(Millis deadline) const {
    return Millis(static_cast<Millis::rep>(
        static_cast<double>(deadline.count()) * options_.factor));
  }

  void keep(Piece piece, std::string_view what, int64_t secrets, Millis took) {
    constexpr size_t kLongestName = 180;
    if (total_ + piece.text.size() > kMostUnpacked) {
      return miss(piece.name, "the bundle would have been too large");
    }
    if (piece.name.size() > kLongestName) {
      return miss(piece.name.substr(0, kLongestName) + "…",
                  "its name is too long");
    }
    total_ += piece.text.size();
    Json row;
    row.set("name", piece.name);
    row.set("what", what);
    row.set("bytes", static_cast<int64_t>(piece.text.size()));
    row.set("took_ms", int64_t{took.count()});
    row.set("cut", piece.cut);
    row.set("left_out", secrets);
    rows_.push(std::move(row));
    kept_.push_back(std::move(piece));
  }

  void miss(const std::string& name, const std::string& why) {
    Json row;
    row.set("name", printable(name));
    row.set("why", printable(redact(why).text));
    missing_.push(std::move(row));
  }

  Json index() const {
    Json json;
    json.set(kMark, "bundle");
    json.set("schema", kSchema);
    json.set("version", options_.version);
    json.set("host", seen_.snapshot.hostname);
    json.set("taken_at", to_iso(seen_.now));
    json.set("took_ms", int64_t{(BootClock::now() - started_).count()});
    json.set("pieces", rows_);
    json.set("missing", missing_);
    return json;
  }

  std::string readable() const {
    std::string text = fmt::format(
        "# gpuward bundle of {}, taken at {}\n"
        "# gpuward doctor --bundle FILE says what is wrong with that machine.\n"
        "# Secrets were cut out: {} stands in their place.\n\n",
        seen_.snapshot.hostname, to_iso(seen_.now), kLeftOut);
    std::string_view what;
    for (const Json& row : rows_.as_array()) {
      if (what != row["what"].as_string()) {
        what = row["what"].as_string();
        text += fmt::format("{}:\n", what);
      }
      text += fmt::format("  {:>9}  {}{}\n", row["bytes"].as_integer(),
                          row["name"].as_string(),
                          row["cut"].as_bool() ? "  (cut)" : "");
    }
    text += "\nMissing, and why:\n";
    for (const Json& row : missing_.as_array()) {
      text += fmt::format("  {}: {}\n", row["name"].as_string(),
                          row["why"].as_string());
    }
    return text;
  }

  const host::Host& host_;
  const Seen& seen_;
  const TakeOptions& options_;
  const Boot started_ = BootClock::now();
  std::vector<Piece> kept_;
  Json rows_ = Json::array();
  Json missing_ = Json::array();
  size_t total_ = 0;
};

Json containers_json(const Seen& seen) {
  Json list = Json::array();
  for (const Container& one : seen.gathered.containers) {
    list.push(containers::to_json(one));
  }
  Json json;
  json.set(kMark, "containers");
  json.set("schema", kSchema);
  json.set("containers", std::move(list));
  return json;
}

// Of a private key that was printed line by line each line looks harmless; only
// the one before says what it is. How many were cut.
int64_t leave_out_keys(std::vector<Evidence>& lines) {
  constexpr int kMostLines = 120;
  int64_t count = 0;
  std::map<std::string, int> left;  // by source
  for (Evidence& line : lines) {
    if (!line.key.empty()) continue;
    int& more = left[line.source];
    const bool begins = line.text.find("-----BEGIN ") != std::string::npos &&
                        line.text.find("PRIVATE KEY") != std::string::npos;
    if (begins) more = kMostLines;
    if (line.text.find("-----END ") != std::string::npos) more = 0;
    if (begins || more == 0) continue;
    --more;
    const size_t word = line.text.find_last_of(" \t") + 1;
    const std::string_view data = std::string_view(line.text).substr(word);
    const bool is_base64 =
        data.size() > 3 && std::ranges::all_of(data, [](char c) {
          return is_base64_char(c) || c == '=' || c == '\r';
        });
    if (!is_base64) continue;
    line.text.replace(word, std::string::npos, kLeftOut);
    ++count;
  }
  return count;
}

// With the mark in front.
Json marked(std::string_view kind, const Json& json) {
  Json out;
  out.set(kMark, kind);
  for (const auto& [key, value] : json.as_object()) out.set(key, value);
  return out;
}

}  // namespace

examine::Gathered gather_aside(
    const host::Host& host, Millis deadline,
    const std::function<bool(const std::string&)>& matters) {
  const std::string evidence = host.evidence.directory();
  const std::string self = host.self.directory();
  const auto failed = [](const std::string& why) {
    examine::Gathered out;
    for (const evidence::Source& source : evidence::sources()) {
      out.gaps.push_back({std::string(source.name), why});
    }
    return out;
  };
  const auto done = containers::do_aside(
      [&]() -> Json {
        auto again = reopened(evidence, self, host);
        if (!again) return {};
        examine::Gathered gathered = examine::gather(*again);
        bound_lines(gathered, kMostEvidenceBytes / 2, matters);
        return to_json(gathered);
      },
      deadline);
  if (!done) return failed(done.error().text);
  auto gathered = gathered_from_json(*done);
  if (!gathered) return failed(gathered.error().text);
  return std::move(*gathered);
}

Result<Taken> take(const host::Host& host, const Seen& seen, const Json& doctor,
                   const TakeOptions& options,
                   const OnCollector& on_collector) {
  Seen clean = seen;
  const int64_t cut = leave_out_keys(clean.gathered.evidence);
  Taking taking(host, clean, options);
  taking.add_json(std::string(kEvidenceName),
                  "all that diagnosis saw; doctor --bundle reads it",
                  to_json(clean), cut);
  taking.add_json("doctor.json", "what doctor says of it",
                  marked("doctor", doctor));
  taking.add_json("snapshot.json", "what NVML says, each value with its age",
                  marked("snapshot", gpuward::to_json(seen.snapshot)));
  taking.add_json("containers.json", "containers with NVIDIA devices",
                  containers_json(seen));
  const auto all = collectors();
  size_t number = 0;
  for (const Collector& collector : all) {
    ++number;
    if (collector.only_where_asked && !options.vendor_report) continue;
    if (on_collector) on_collector(collector.what, number, all.size());
    taking.run(collector);
  }
  return taking.finish();
}

}  // namespace gpuward::bundle
