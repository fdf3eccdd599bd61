// The catalogue and what reads lines by it; patterns; plans for files.
#include <re2/re2.h>
#include <re2/set.h>
#include <zlib.h>

#include <fstream>

#include "base/json.h"
#include "base/text.h"
#include "base/toml.h"
#include "diagnosis/catalogue.h"
#include "diagnosis/conclude.h"
#include "diagnosis/explain.h"
#include "diagnosis/fold.h"
#include "diagnosis/harmless.h"
#include "diagnosis/version.h"
#include "diagnosis/xid_line.h"
#include "fuzz/target.h"
#include "logs/log_reader.h"
#include "plan/config_text.h"

namespace gpuward::fuzz {
namespace {

const Wall kNow = Wall(Millis(1'770'000'000'000));

const diagnosis::Catalogue& whole_catalogue() {
  static const Result<diagnosis::Catalogue> kCatalogue =
      diagnosis::load_catalogue();
  must(kCatalogue.has_value(), "our own catalogue loads");
  return *kCatalogue;
}

void xid_line(std::string_view bytes) {
  const auto found = diagnosis::find_xid_line(bytes);
  if (!found) return;
  must(found->code >= 0, "an Xid is a number");
  must(found->text.size() <= bytes.size(), "its words are a part");
  for (const std::string& sentence : diagnosis::decode_xid(*found)) {
    must(!sentence.empty(), "a sentence says something");
  }
}

void explain_line(std::string_view bytes) {
  const diagnosis::Explanation explanation =
      diagnosis::explain(whole_catalogue(), bytes);
  to_json(explanation);
  (void)diagnosis::find_harmless(bytes);
}

void versions(std::string_view bytes) {
  static const std::vector<diagnosis::BranchRange> kRanges = {
      {570, {570, 124, 6}, {570, 158, 1}, {570, 172, 8}, "", "", ""},
      {575, {575, 51}, {}, {}, "", "", ""}};
  const auto version = diagnosis::parse_version(bytes);
  if (!version) return;
  for (const int part : *version) must(part >= 0, "a part is a number");
  diagnosis::driver_status(kRanges, *version);
  diagnosis::range_in_words(kRanges, *version);
}

void catalogue_file(std::string_view bytes) {
  const auto catalogue =
      diagnosis::load_catalogue_from({{"a.yaml", std::string(bytes)}});
  if (catalogue) return;
  must(!catalogue.error().text.empty(), "a refusal says why");
}

// Any pattern and any text: what the gate lets through must hold all that the
// expression alone finds.
void gate(std::string_view bytes) {
  const auto both = parts(bytes, 2);
  if (both[0].size() > 200) return;
  const matching::Pattern pattern{std::string(both[0]), {}};
  if (!matching::PatternSet::check(pattern)) return;
  RE2::Options options;
  options.set_encoding(RE2::Options::EncodingLatin1);
  options.set_log_errors(false);
  const RE2 alone(pattern.regex, options);
  if (!alone.ok()) return;
  const matching::PatternSet set({pattern});
  for (const auto line : split(both[1], '\n')) {
    const bool expected =
        RE2::PartialMatch(re2::StringPiece(line.data(), line.size()), alone);
    must(set.match(line).size() == (expected ? 1 : 0), "a gate loses no match");
    if (expected) (void)set.captures(0, line);
  }
}

// The catalogue's own patterns over any line.
void signatures(std::string_view bytes) {
  static const std::unique_ptr<RE2::Set> kAlone = [] {
    RE2::Options options;
    options.set_encoding(RE2::Options::EncodingLatin1);
    options.set_log_errors(false);
    options.set_max_mem(int64_t{256} << 20);
    auto set = std::make_unique<RE2::Set>(options, RE2::UNANCHORED);
    for (const diagnosis::Signature& signature : whole_catalogue().signatures) {
      set->Add(signature.pattern.regex, nullptr);
    }
    set->Compile();
    return set;
  }();
  for (const auto line : split(bytes, '\n')) {
    std::vector<int> expected;
    kAlone->Match(re2::StringPiece(line.data(), line.size()), &expected);
    std::ranges::sort(expected);
    const auto found = whole_catalogue().patterns.match(line);
    for (const int index : expected) {
      const auto wanted = static_cast<size_t>(index);
      const diagnosis::Signature& signature =
          whole_catalogue().signatures[wanted];
      // An entry may name literals that ask for more than its pattern does.
      if (!signature.pattern.literals.empty()) continue;
      must(std::ranges::find(found, wanted) != found.end(),
           ("a gate loses no match of " + signature.name).c_str());
    }
  }
}

std::string gzipped(std::string_view text) {
  z_stream stream{};
  deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

struct Reading {
  std::vector<Evidence> lines;
  std::vector<Evidence> facts;
};

Reading read_log(std::string_view bytes) {
  static TempTree tree;
  tree.file("/log", bytes);
  Reading out;
  logs::LogReader reader(
      whole_catalogue().patterns.literals(),
      [&](size_t, const Evidence& line) { out.lines.push_back(line); });
  logs::LogOptions options;
  options.now = kNow;
  options.only_one = true;
  const auto summary = reader.read(tree.path() + "/log", options);
  must(summary.has_value(), "a file that is there can be read");
  for (const Gap& gap : summary->gaps) {
    must(!gap.why.empty(), "a gap has its reason");
  }
  for (const Gap& gap : reader.finish()) must(!gap.why.empty(), "a reason");
  for (const auto& machine : reader.machines()) {
    out.facts.insert(out.facts.end(), machine.facts.begin(),
                     machine.facts.end());
  }
  return out;
}

// A log as doctor reads it, to its findings; packed it says the same.
void log(std::string_view bytes) {
  const Reading plain = read_log(bytes);
  const Reading packed = read_log(gzipped(bytes));
  must(plain.lines == packed.lines && plain.facts == packed.facts,
       "a packed log says the same");
  const diagnosis::Catalogue& catalogue = whole_catalogue();
  diagnosis::State state;
  for (const auto* some : {&plain.lines, &plain.facts}) {
    for (const Evidence& evidence : *some)
      diagnosis::fold(catalogue, state, evidence);
  }
  const Diagnosis once = diagnosis::conclude(catalogue, state, {}, kNow);
  must(diagnosis::conclude(catalogue, state, {}, kNow) == once,
       "the same evidence gives the same diagnosis");
  for (const Finding& finding : once.findings) {
    must(catalogue.find(finding.id) != nullptr, "a finding has its entry");
    must(!finding.evidence.empty(), "a finding has its evidence");
  }
}

void toml_edit(std::string_view bytes) {
  const std::vector<std::string> key = {
      "plugins",      "io.containerd.grpc.v1.cri",
      "containerd",   "runtimes",
      "runc",         "options",
      "SystemdCgroup"};
  for (const bool value : {true, false}) {
    const auto changed = plan::set_toml_flag(bytes, key, value);
    if (!changed) continue;
    const auto read = parse_toml(*changed);
    must(read.has_value(), "what was edited can be read");
    const Json* at = &*read;
    for (const std::string& part : key) at = &(*at)[part];
    must(at->is_bool() && at->as_bool() == value, "the flag has its value");
    must(plan::set_toml_flag(*changed, key, value) == *changed,
         "what stands there stays");
  }
}

void json_edit(std::string_view bytes) {
  constexpr std::string_view kName = "native.cgroupdriver";
  const auto changed = plan::set_exec_option(bytes, kName, "cgroupfs");
  if (!changed) return;
  const auto read = Json::parse(*changed);
  must(read.has_value(), "what was edited can be read");
  size_t found = 0;
  for (const Json& option : (*read)["exec-opts"].as_array()) {
    found += option.as_string() == "native.cgroupdriver=cgroupfs" ? 1 : 0;
  }
  must(found >= 1, "the option stands there");
  must(plan::set_exec_option(*changed, kName, "cgroupfs") == *changed,
       "what stands there stays");
}

constexpr Target kTargets[] = {
    {"xid_line", xid_line, 300},
    {"explain", explain_line, 300},
    {"driver_version", versions, 30000},
    {"catalogue", catalogue_file, 800},
    {"gate", gate, 1500},
    {"signatures", signatures, 3000},
    {"log", log, 60},
    {"toml_edit", toml_edit, 3000},
    {"json_edit", json_edit, 10000},
};

}  // namespace

std::span<const Target> knowledge_targets() { return kTargets; }

}  // namespace gpuward::fuzz
