#include "matching/pattern_set.h"

#include <fmt/core.h>
#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>

namespace gpuward {
namespace {

// Bytes, not characters: logs need not be UTF-8, and a pattern's own UTF-8
// literals match all the same.
RE2::Options options(size_t patterns = 1) {
  constexpr size_t kLeast = size_t{8} << 20;
  constexpr size_t kMost = size_t{64} << 20;
  RE2::Options options;
  options.set_encoding(RE2::Options::EncodingLatin1);
  options.set_log_errors(false);
  options.set_max_mem(static_cast<int64_t>(
      std::clamp(patterns * (size_t{256} << 10), kLeast, kMost)));
  return options;
}

std::vector<std::string> literals_of(const Pattern& pattern) {
  return pattern.literals.empty() ? required_literals(pattern.regex)
                                  : pattern.literals;
}

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

struct PatternSet::Impl {
  explicit Impl(const std::vector<Pattern>& all)
      : set(options(all.size()), RE2::UNANCHORED) {}
  const RE2& single(size_t index);

  std::vector<std::string> literals;
  LiteralGate gate{{}};
  std::vector<std::string> regexes;
  // Compiled when they are first asked for: most never are.
  std::vector<std::unique_ptr<RE2>> compiled;
  RE2::Set set;
};

const RE2& PatternSet::Impl::single(size_t index) {
  auto& one = compiled[index];
  if (!one) one = std::make_unique<RE2>(regexes[index], options());
  return *one;
}

PatternSet::~PatternSet() = default;
PatternSet::PatternSet(PatternSet&&) noexcept = default;
PatternSet& PatternSet::operator=(PatternSet&&) noexcept = default;

Result<void> PatternSet::check(const Pattern& pattern) {
  // A set only parses what is added: far cheaper than compiling it.
  RE2::Set parser(options(), RE2::UNANCHORED);
  std::string mistake;
  if (parser.Add(pattern.regex, &mistake) < 0) {
    return fail(Error::Kind::malformed,
                fmt::format("'{}' is not a regular expression: {}",
                            pattern.regex, mistake));
  }
  const auto literals = literals_of(pattern);
  const bool usable = std::ranges::all_of(literals, [](const auto& one) {
    return one.size() >= LiteralGate::kShortest;
  });
  if (literals.empty() || !usable) {
    return fail(Error::Kind::malformed,
                fmt::format("'{}' has no literal of {} characters or more that "
                            "must occur; name one under 'literals'",
                            pattern.regex, LiteralGate::kShortest));
  }
  return {};
}

PatternSet::PatternSet(const std::vector<Pattern>& patterns)
    : impl_(std::make_unique<Impl>(patterns)) {
  for (const Pattern& pattern : patterns) {
    for (std::string& one : literals_of(pattern)) {
      impl_->literals.push_back(std::move(one));
    }
    impl_->regexes.push_back(pattern.regex);
    impl_->set.Add(pattern.regex, nullptr);
  }
  impl_->compiled.resize(patterns.size());
  impl_->gate = LiteralGate(impl_->literals);
  impl_->set.Compile();
}

const std::vector<std::string>& PatternSet::literals() const {
  return impl_->literals;
}

std::vector<size_t> PatternSet::match(std::string_view line) const {
  std::vector<size_t> found;
  if (impl_->gate.find(line) == std::string_view::npos) return found;
  std::vector<int> indices;
  RE2::Set::ErrorInfo error{};
  if (!impl_->set.Match(piece(line), &indices, &error)) {
    if (error.kind == RE2::Set::kNoError) return found;
    // The automaton outgrew its memory: slower, not wrong.
    for (size_t i = 0; i < impl_->regexes.size(); ++i) {
      if (RE2::PartialMatch(piece(line), impl_->single(i))) found.push_back(i);
    }
    return found;
  }
  for (const int index : indices) found.push_back(static_cast<size_t>(index));
  std::ranges::sort(found);
  return found;
}

Captures PatternSet::captures(size_t index, std::string_view line) const {
  const RE2& pattern = impl_->single(index);
  const auto& names = pattern.CapturingGroupNames();
  Captures found;
  if (names.empty()) return found;
  std::vector<re2::StringPiece> groups(
      static_cast<size_t>(pattern.NumberOfCapturingGroups()) + 1);
  if (!pattern.Match(piece(line), 0, line.size(), RE2::UNANCHORED,
                     groups.data(), static_cast<int>(groups.size()))) {
    return found;
  }
  for (const auto& [number, name] : names) {
    const auto& group = groups[static_cast<size_t>(number)];
    if (group.data() == nullptr) continue;
    found.emplace_back(name, std::string(group.data(), group.size()));
  }
  return found;
}

}  // namespace gpuward
