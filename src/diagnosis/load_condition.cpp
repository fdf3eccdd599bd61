#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "diagnosis/judge.h"

namespace gpuward::diagnosis {
namespace {

const MatcherKind* find_matcher(const std::string& name, int line,
                                Complaints& complaints) {
  const auto kinds = matchers();
  const auto found = std::ranges::find(kinds, name, &MatcherKind::name);
  if (found != kinds.end()) return &*found;
  std::vector<std::string> known;
  for (const MatcherKind& kind : kinds) known.emplace_back(kind.name);
  const auto near = nearest(name, known);
  complaints.add(line, fmt::format("there is no condition '{}'{}", name,
                                   near ? "; did you mean '" + *near + "'?"
                                        : std::string()));
  return nullptr;
}

void resolve(const std::vector<std::string>& names, int line,
             const Catalogue& catalogue, Condition& out,
             Complaints& complaints) {
  for (const std::string& name : names) {
    const auto found = catalogue.signature_index.find(name);
    if (found != catalogue.signature_index.end()) {
      out.signatures.push_back(found->second);
      continue;
    }
    std::vector<std::string> known;
    for (const auto& [one, index] : catalogue.signature_index) {
      known.push_back(one);
    }
    const auto near = nearest(name, known);
    complaints.add(line, fmt::format("there is no signature '{}'{}", name,
                                     near ? "; did you mean '" + *near + "'?"
                                          : std::string()));
  }
}

Condition all_of(const Yaml& node, std::string name, Complaints& complaints,
                 const Catalogue& catalogue) {
  Condition all;
  all.matcher = std::move(name);
  all.line = node.line;
  if (node.kind == Yaml::Kind::map) {
    all.parts.push_back(read_condition(node, complaints, catalogue));
    return all;
  }
  if (node.items.empty()) {
    complaints.add(node.line, "a list of conditions is wanted here");
  }
  for (const Yaml& item : node.items) {
    all.parts.push_back(read_condition(item, complaints, catalogue));
  }
  return all;
}

}  // namespace

Condition read_condition(const Yaml& node, Complaints& complaints,
                         const Catalogue& catalogue) {
  if (node.kind == Yaml::Kind::list) {
    return all_of(node, "all", complaints, catalogue);
  }
  Condition condition;
  condition.line = node.line;
  if (node.kind != Yaml::Kind::map || node.members.size() != 1) {
    complaints.add(node.line, "a condition is a map with one key, its kind");
    return condition;
  }
  const auto& [name, value] = node.members.front();
  const MatcherKind* kind = find_matcher(name, node.line, complaints);
  if (kind == nullptr) return condition;
  if (kind->read == nullptr) {
    return all_of(value, name, complaints, catalogue);
  }
  condition.matcher = name;
  std::vector<std::string> signatures;
  const size_t before = complaints.lines().size();
  kind->read(value, condition, signatures, complaints);
  resolve(signatures, value.line, catalogue, condition, complaints);
  const bool empty = condition.signatures.empty() && condition.keys.empty() &&
                     condition.values.empty();
  if (empty && complaints.lines().size() == before) {
    complaints.add(value.line, fmt::format("'{}' takes {}", name, kind->takes));
  }
  return condition;
}

}  // namespace gpuward::diagnosis
