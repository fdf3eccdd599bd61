// How finding the lines that matter changes with the number of signatures:
// gate and set as `doctor --log` uses them, beside plain RE2, one pattern after
// the other, on the same lines of GPUWARD_BENCH_LOG. The argument is the number
// of signatures in per cent of the catalogue's.
#include <benchmark/benchmark.h>
#include <re2/re2.h>

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "diagnosis/catalogue.h"
#include "matching/literal_gate.h"
#include "matching/pattern_set.h"

namespace gpuward {
namespace {

constexpr int kCatalogue = 100;  // per cent

const std::string& log_text(benchmark::State& state) {
  static const std::string text = [] {
    const char* const path = std::getenv("GPUWARD_BENCH_LOG");
    std::ostringstream out;
    if (path != nullptr) out << std::ifstream(path).rdbuf();
    return out.str();
  }();
  if (text.empty()) state.SkipWithError("no GPUWARD_BENCH_LOG");
  return text;
}

// Letters moved on in the alphabet: words as frequent as the catalogue's that
// no log holds.
std::string moved_on(std::string text, int by) {
  constexpr int kLetters = 26;
  for (char& letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (std::isalpha(byte) == 0) continue;
    const int first = std::isupper(byte) != 0 ? 'A' : 'a';
    letter = static_cast<char>(first + (byte - first + by) % kLetters);
  }
  return text;
}

// The catalogue's patterns; beyond them, as many of other words.
std::vector<matching::Pattern> patterns_of(
    const diagnosis::Catalogue& catalogue, size_t wanted) {
  std::vector<matching::Pattern> found;
  for (int round = 0; found.size() < wanted; ++round) {
    for (const diagnosis::Signature& signature : catalogue.signatures) {
      if (found.size() == wanted) break;
      if (round == 0) {
        found.push_back(signature.pattern);
        continue;
      }
      matching::Pattern other;
      for (const std::string& literal :
           signature.pattern.literals.empty()
               ? matching::required_literals(signature.pattern.regex)
               : signature.pattern.literals) {
        other.literals.push_back(moved_on(literal, round));
      }
      if (other.literals.empty()) continue;
      other.regex =
          RE2::QuoteMeta(other.literals.front()) + R"(.*?(?P<number>\d+))";
      found.push_back(std::move(other));
    }
  }
  return found;
}

std::vector<matching::Pattern> patterns(benchmark::State& state) {
  static const Result<diagnosis::Catalogue> loaded =
      diagnosis::load_catalogue();
  if (!loaded) {
    state.SkipWithError(loaded.error().text.c_str());
    return {};
  }
  return patterns_of(*loaded, loaded->signatures.size() *
                                  static_cast<size_t>(state.range(0)) /
                                  kCatalogue);
}

template <typename Line>
void each_line(std::string_view text, const Line& line) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    line(text.substr(at, end - at));
    at = end + 1;
  }
}

void count(benchmark::State& state, size_t bytes, size_t signatures) {
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) *
                          static_cast<int64_t>(bytes));
  state.counters["signatures"] = static_cast<double>(signatures);
}

void gate_and_set(benchmark::State& state) {
  const std::string& text = log_text(state);
  const std::vector<matching::Pattern> all = patterns(state);
  const matching::PatternSet set(all);
  const matching::LiteralGate gate(set.literals());
  size_t matched = 0;
  for (auto _ : state) {
    for (size_t at = gate.find(text, 0); at != std::string::npos;) {
      const size_t newline = text.rfind('\n', at);
      const size_t begin = newline == std::string::npos ? 0 : newline + 1;
      const size_t end = std::min(text.find('\n', at), text.size());
      const std::string_view line(text.data() + begin, end - begin);
      matched += set.match(line).size();
      at = end < text.size() ? gate.find(text, end) : std::string::npos;
    }
  }
  benchmark::DoNotOptimize(matched);
  count(state, text.size(), all.size());
}

void one_by_one(benchmark::State& state) {
  constexpr size_t kEnough = size_t{256} << 10;
  const std::string_view text =
      std::string_view(log_text(state)).substr(0, kEnough);
  const std::vector<matching::Pattern> all = patterns(state);
  std::vector<std::unique_ptr<RE2>> compiled;
  for (const matching::Pattern& one : all) {
    compiled.push_back(std::make_unique<RE2>(one.regex, RE2::Latin1));
  }
  size_t matched = 0;
  for (auto _ : state) {
    each_line(text, [&](std::string_view line) {
      const re2::StringPiece piece(line.data(), line.size());
      for (const auto& one : compiled) {
        matched += RE2::PartialMatch(piece, *one) ? 1 : 0;
      }
    });
  }
  benchmark::DoNotOptimize(matched);
  count(state, text.size(), all.size());
}

BENCHMARK(gate_and_set)
    ->Name("signatures")
    ->Arg(25)
    ->Arg(50)
    ->Arg(kCatalogue)
    ->Arg(200)
    ->Arg(400);
BENCHMARK(one_by_one)
    ->Name("one_by_one")
    ->Arg(25)
    ->Arg(50)
    ->Arg(kCatalogue)
    ->Arg(200)
    ->Arg(400);

}  // namespace
}  // namespace gpuward
