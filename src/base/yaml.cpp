#include "base/yaml.h"

#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <unordered_set>

#include "base/text.h"

namespace gpuward {
namespace {

constexpr int kMaxDepth = 50;

int line_of(const YAML::Mark& mark) { return mark.line + 1; }

std::string at(std::string_view file, int line, std::string_view text) {
  return fmt::format("{}:{}: {}", file, line, text);
}

// How much may still come: aliases of aliases make gigabytes of a kilobyte.
struct Budget {
  std::string_view file;
  size_t nodes_left = 0;
};

Result<Yaml> convert(const YAML::Node& node, Budget& budget, int depth);

Result<void> convert_map(const YAML::Node& node, Budget& budget, int depth,
                         Yaml& out) {
  const std::string_view file = budget.file;
  out.kind = Yaml::Kind::map;
  std::unordered_set<std::string> known;
  for (const auto& member : node) {
    if (!member.first.IsScalar()) {
      return fail(Error::Kind::malformed, at(file, line_of(member.first.Mark()),
                                             "a key must be a word"));
    }
    std::string key = member.first.Scalar();
    if (!known.insert(key).second) {
      return fail(Error::Kind::malformed,
                  at(file, line_of(member.first.Mark()),
                     fmt::format("'{}' stands twice in the same map", key)));
    }
    Yaml value = TRY(convert(member.second, budget, depth + 1));
    if (value.kind == Yaml::Kind::null) {
      value.line = line_of(member.first.Mark());
    }
    out.members.push_back({std::move(key), std::move(value)});
  }
  return {};
}

Result<Yaml> convert(const YAML::Node& node, Budget& budget, int depth) {
  const std::string_view file = budget.file;
  Yaml out;
  out.line = line_of(node.Mark());
  if (budget.nodes_left-- == 0) {
    return fail(Error::Kind::malformed,
                at(file, out.line, "its aliases (*NAME) make too much of it"));
  }
  if (depth > kMaxDepth) {
    return fail(Error::Kind::malformed,
                at(file, out.line, "nested too deeply"));
  }
  if (node.IsScalar()) {
    out.kind = Yaml::Kind::scalar;
    out.scalar = node.Scalar();
    out.quoted = node.Tag() == "!";
  } else if (node.IsSequence()) {
    out.kind = Yaml::Kind::list;
    for (const auto& item : node) {
      out.items.push_back(TRY(convert(item, budget, depth + 1)));
    }
  } else if (node.IsMap()) {
    TRY_VOID(convert_map(node, budget, depth, out));
  }
  return out;
}

}  // namespace

const Yaml* Yaml::find(std::string_view key) const {
  for (const auto& [name, value] : members) {
    if (name == key) return &value;
  }
  return nullptr;
}

Result<Yaml> parse_yaml(std::string_view text, std::string_view file) {
  try {
    // Without aliases there is no more than one for each character.
    Budget budget{file, text.size() + 1};
    return convert(YAML::Load(std::string(text)), budget, 0);
  } catch (const YAML::Exception& error) {
    return fail(Error::Kind::malformed,
                at(file, error.mark.line + 1, error.msg));
  }
}

void Complaints::add(int line, std::string_view text) {
  lines_.push_back(at(file_, line, text));
}

std::unexpected<Error> Complaints::error() const {
  std::string all;
  for (const std::string& line : lines_) {
    if (!all.empty()) all += '\n';
    all += line;
  }
  return fail(Error::Kind::malformed, std::move(all));
}

Section::Section(const Yaml& node, std::string what, Complaints& complaints)
    : node_(node), what_(std::move(what)), complaints_(complaints) {
  if (node.kind != Yaml::Kind::map) {
    complaints_.add(node.line, what_ + " must be a map of keys and values");
  }
}

bool Section::has(std::string_view key) { return get(key) != nullptr; }

const Yaml* Section::get(std::string_view key) {
  if (std::ranges::find(known_, key) == known_.end()) known_.emplace_back(key);
  const Yaml* found = node_.find(key);
  return found != nullptr && found->kind != Yaml::Kind::null ? found : nullptr;
}

const Yaml* Section::node(std::string_view key) { return get(key); }

const Yaml* Section::scalar(std::string_view key, std::string_view wanted) {
  const Yaml* found = get(key);
  if (found == nullptr) return nullptr;
  if (found->kind == Yaml::Kind::scalar) return found;
  complaints_.add(found->line, fmt::format("'{}' must be {}", key, wanted));
  return nullptr;
}

std::optional<std::string> Section::text(std::string_view key) {
  const Yaml* found = scalar(key, "text");
  if (found == nullptr) return std::nullopt;
  return found->scalar;
}

std::string Section::required_text(std::string_view key) {
  auto found = text(key);
  if (!found && node_.find(key) == nullptr) {
    complaints_.add(node_.line, fmt::format("{} needs '{}'", what_, key));
  }
  return found.value_or("");
}

std::optional<int64_t> Section::integer(std::string_view key) {
  const Yaml* found = scalar(key, "a whole number");
  if (found == nullptr) return std::nullopt;
  const bool hex = found->scalar.starts_with("0x");
  const auto digits = std::string_view(found->scalar).substr(hex ? 2 : 0);
  auto value = to_number<int64_t>(digits, hex ? 16 : 10);
  if (!value || found->quoted) {
    complaints_.add(found->line,
                    fmt::format("'{}' must be a whole number, not '{}'", key,
                                found->scalar));
    return std::nullopt;
  }
  return value;
}

std::optional<double> Section::number(std::string_view key) {
  const Yaml* found = scalar(key, "a number");
  if (found == nullptr) return std::nullopt;
  auto value = to_double(found->scalar);
  if (!value || found->quoted) {
    complaints_.add(found->line, fmt::format("'{}' must be a number, not '{}'",
                                             key, found->scalar));
    return std::nullopt;
  }
  return value;
}

std::optional<bool> Section::flag(std::string_view key) {
  const Yaml* found = scalar(key, "true or false");
  if (found == nullptr) return std::nullopt;
  for (const std::string_view yes : {"true", "yes", "on"}) {
    if (equal_ignoring_case(found->scalar, yes)) return true;
  }
  for (const std::string_view no : {"false", "no", "off"}) {
    if (equal_ignoring_case(found->scalar, no)) return false;
  }
  complaints_.add(
      found->line,
      fmt::format("'{}' must be true or false, not '{}'", key, found->scalar));
  return std::nullopt;
}

std::vector<std::string> Section::texts(std::string_view key) {
  const Yaml* found = get(key);
  if (found == nullptr) return {};
  if (found->kind == Yaml::Kind::scalar) return {found->scalar};
  std::vector<std::string> out;
  for (const Yaml& item : found->items) {
    if (item.kind == Yaml::Kind::scalar) {
      out.push_back(item.scalar);
    } else {
      complaints_.add(item.line,
                      fmt::format("'{}' must be a list of texts", key));
    }
  }
  if (found->kind != Yaml::Kind::list) {
    complaints_.add(found->line,
                    fmt::format("'{}' must be a list of texts", key));
  }
  return out;
}

int Section::line_of(std::string_view key) const {
  const Yaml* found = node_.find(key);
  return found != nullptr ? found->line : node_.line;
}

void Section::finish() {
  for (const auto& [key, value] : node_.members) {
    if (std::ranges::find(known_, key) != known_.end()) continue;
    std::string text = fmt::format("{} has no key '{}'", what_, key);
    if (const auto guess = nearest(key, known_)) {
      text += fmt::format("; did you mean '{}'?", *guess);
    }
    complaints_.add(value.line, text);
  }
}

}  // namespace gpuward
