#include "matching/pattern_set.h"

#include <fmt/core.h>
#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>

namespace gpuward::matching {
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

// Some patterns that are compiled together, once a line has a literal of
// theirs: compiling all at the start would take longer than most answers.
struct Group {
  size_t first = 0;
  size_t end = 0;
  LiteralGate gate{{}};
  std::unique_ptr<RE2::Set> set;
};

struct PatternSet::Impl {
  const RE2& single(size_t index);
  const RE2::Set& set_of(Group& group);
  void match_in(Group& group, std::string_view line,
                std::vector<size_t>& found);

  std::vector<std::string> literals;
  LiteralGate gate{{}};
  std::vector<std::string> regexes;
  // Compiled when they are first asked for: most never are.
  std::vector<std::unique_ptr<RE2>> compiled;
  std::vector<Group> groups;
};

const RE2& PatternSet::Impl::single(size_t index) {
  auto& one = compiled[index];
  if (!one) one = std::make_unique<RE2>(regexes[index], options());
  return *one;
}

const RE2::Set& PatternSet::Impl::set_of(Group& group) {
  if (!group.set) {
    group.set = std::make_unique<RE2::Set>(options(group.end - group.first),
                                           RE2::UNANCHORED);
    for (size_t i = group.first; i < group.end; ++i) {
      group.set->Add(regexes[i], nullptr);
    }
    group.set->Compile();
  }
  return *group.set;
}

void PatternSet::Impl::match_in(Group& group, std::string_view line,
                                std::vector<size_t>& found) {
  std::vector<int> indices;
  RE2::Set::ErrorInfo error{};
  if (!set_of(group).Match(piece(line), &indices, &error)) {
    if (error.kind == RE2::Set::kNoError) return;
    // The automaton outgrew its memory: slower, not wrong.
    for (size_t i = group.first; i < group.end; ++i) {
      if (RE2::PartialMatch(piece(line), single(i))) found.push_back(i);
    }
    return;
  }
  for (const int index : indices) {
    found.push_back(group.first + static_cast<size_t>(index));
  }
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
    : impl_(std::make_unique<Impl>()) {
  constexpr size_t kTogether = 16;
  for (size_t first = 0; first < patterns.size(); first += kTogether) {
    Group group;
    group.first = first;
    group.end = std::min(first + kTogether, patterns.size());
    std::vector<std::string> literals;
    for (size_t i = group.first; i < group.end; ++i) {
      for (std::string& one : literals_of(patterns[i])) {
        literals.push_back(std::move(one));
      }
      impl_->regexes.push_back(patterns[i].regex);
    }
    group.gate = LiteralGate(literals);
    impl_->groups.push_back(std::move(group));
    impl_->literals.insert(impl_->literals.end(), literals.begin(),
                           literals.end());
  }
  impl_->compiled.resize(patterns.size());
  impl_->gate = LiteralGate(impl_->literals);
}

const std::vector<std::string>& PatternSet::literals() const {
  return impl_->literals;
}

std::vector<size_t> PatternSet::match(std::string_view line) const {
  std::vector<size_t> found;
  if (impl_->gate.find(line) == std::string_view::npos) return found;
  for (Group& group : impl_->groups) {
    if (group.gate.find(line) == std::string_view::npos) continue;
    impl_->match_in(group, line, found);
  }
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

}  // namespace gpuward::matching
