#include "diagnosis/load_fault.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "diagnosis/fact_key.h"
#include "diagnosis/judge.h"

namespace gpuward::diagnosis {
namespace {

// The value of `enum` whose name_of() is `word`; complains where there is none.
template <typename Enum, size_t N>
Enum choose(std::string_view what, const std::string& word,
            const Enum (&values)[N], int line, Complaints& complaints) {
  std::vector<std::string> known;
  for (const Enum value : values) {
    if (name_of(value) == word) return value;
    known.emplace_back(name_of(value));
  }
  std::string all;
  for (const std::string& one : known) all += (all.empty() ? "" : ", ") + one;
  const auto near = nearest(word, known);
  complaints.add(
      line,
      fmt::format("{} must be one of {}, not '{}'{}", what, all, word,
                  near ? "; did you mean '" + *near + "'?" : std::string()));
  return values[0];
}

constexpr Severity kSeverities[] = {Severity::fault, Severity::warning,
                                    Severity::info};
constexpr Confidence kConfidences[] = {Confidence::certain, Confidence::likely,
                                       Confidence::possible};
constexpr Subject::Kind kKinds[] = {Subject::Kind::node, Subject::Kind::gpu,
                                    Subject::Kind::container,
                                    Subject::Kind::pod, Subject::Kind::fabric};
constexpr Remedy::AppliesBy kAppliesBy[] = {Remedy::AppliesBy::person,
                                            Remedy::AppliesBy::repair};
constexpr Remedy::Disrupts kDisrupts[] = {Remedy::Disrupts::nothing,
                                          Remedy::Disrupts::container,
                                          Remedy::Disrupts::node};

// Calls `read` with a Section for every map of the list `node`.
template <typename Read>
void each(const Yaml* node, std::string_view what, Complaints& complaints,
          Read read) {
  if (node == nullptr) return;
  if (node->kind != Yaml::Kind::list) {
    complaints.add(node->line, fmt::format("'{}' must be a list", what));
    return;
  }
  for (const Yaml& item : node->items) {
    Section section(item, fmt::format("an item of '{}'", what), complaints);
    read(section);
    section.finish();
  }
}

class FaultReader {
 public:
  FaultReader(const Yaml& root, Examples examples, Complaints& complaints,
              const Catalogue& catalogue)
      : root_(root),
        examples_(examples),
        complaints_(complaints),
        catalogue_(catalogue),
        section_(root, "a fault", complaints) {}

  Fault read() {
    words();
    rules();
    consequences();
    remedies();
    drivers();
    if (examples_ == Examples::taken) {
      fault_.examples =
          read_examples(section_.node("examples"), root_.line, complaints_);
    }
    section_.node("signatures");
    section_.finish();
    return std::move(fault_);
  }

 private:
  std::optional<Condition> condition(Section& section, std::string_view key) {
    const Yaml* node = section.node(key);
    if (node == nullptr) return std::nullopt;
    return read_condition(*node, complaints_, catalogue_);
  }
  Condition required_condition(Section& section, std::string_view key) {
    if (auto found = condition(section, key)) return *found;
    complaints_.add(section.line(), fmt::format("'{}' is missing", key));
    return {};
  }

  void words() {
    fault_.id = section_.required_text("id");
    fault_.title = section_.required_text("title");
    fault_.means = section_.required_text("means");
    fault_.severity =
        choose("'severity'", section_.text("severity").value_or("fault"),
               kSeverities, section_.line_of("severity"), complaints_);
    fault_.subject =
        choose("'subject'", section_.text("subject").value_or("node"), kKinds,
               section_.line_of("subject"), complaints_);
    fault_.rank = static_cast<int>(section_.integer("rank").value_or(50));
    for (const std::string& xid : section_.texts("xids")) {
      const auto number = to_number<int>(xid);
      if (number) fault_.xids.push_back(*number);
      if (!number)
        complaints_.add(section_.line_of("xids"), "xids are numbers");
    }
    fault_.applies = condition(section_, "applies");
    fault_.moot = condition(section_, "moot");
    fault_.show = section_.texts("show");
    for (const std::string& key : fault_.show) {
      check_fact_key(key, section_.line_of("show"), complaints_);
    }
    fault_.settle = section_.texts("settle");
    fault_.sources = section_.texts("sources");
    if (fault_.sources.empty()) {
      complaints_.add(root_.line, "a fault needs 'sources': what it rests on");
    }
  }

  void rules() {
    each(section_.node("rules"), "rules", complaints_, [&](Section& section) {
      Rule rule;
      rule.confidence =
          choose("'confidence'", section.required_text("confidence"),
                 kConfidences, section.line_of("confidence"), complaints_);
      if (const auto severity = section.text("severity")) {
        rule.severity = choose("'severity'", *severity, kSeverities,
                               section.line_of("severity"), complaints_);
      }
      rule.title = section.text("title").value_or("");
      rule.when = required_condition(section, "when");
      fault_.rules.push_back(std::move(rule));
    });
    if (fault_.rules.empty()) {
      complaints_.add(root_.line, "a fault needs at least one of 'rules'");
    }
    each(section_.node("notes"), "notes", complaints_, [&](Section& section) {
      fault_.notes.push_back(
          {required_condition(section, "when"), section.required_text("text")});
    });
  }

  void consequences() {
    each(section_.node("explains"), "explains", complaints_,
         [&](Section& section) {
           Explains one;
           one.id = section.required_text("id");
           one.text = section.text("text").value_or("");
           one.later_only = section.flag("later-only").value_or(false);
           one.elsewhere = section.flag("elsewhere").value_or(false);
           fault_.explains.push_back(std::move(one));
         });
    each(section_.node("consequences"), "consequences", complaints_,
         [&](Section& section) {
           ConsequenceRule one;
           one.id = section.required_text("id");
           one.text = section.required_text("text");
           one.when = required_condition(section, "when");
           fault_.consequences.push_back(std::move(one));
         });
  }

  void remedies() {
    each(section_.node("remedies"), "remedies", complaints_,
         [&](Section& section) {
           RemedyRule rule;
           Remedy& remedy = rule.remedy;
           remedy.id = section.required_text("id");
           remedy.text = section.required_text("text");
           remedy.applies_by = choose(
               "'applies_by'", section.text("applies_by").value_or("person"),
               kAppliesBy, section.line_of("applies_by"), complaints_);
           remedy.disrupts = choose(
               "'disrupts'", section.text("disrupts").value_or("nothing"),
               kDisrupts, section.line_of("disrupts"), complaints_);
           rule.when = condition(section, "when");
           fault_.remedies.push_back(std::move(rule));
         });
    if (fault_.remedies.empty()) {
      complaints_.add(root_.line, "a fault needs at least one of 'remedies'");
    }
  }

  Version version(Section& section, std::string_view key, std::string& text) {
    text = section.text(key).value_or("");
    if (text.empty()) return {};
    auto parsed = parse_version(text);
    if (!parsed) {
      complaints_.add(section.line_of(key),
                      fmt::format("'{}' is not a driver version", text));
    }
    return parsed.value_or(Version{});
  }

  void drivers() {
    each(section_.node("drivers"), "drivers", complaints_,
         [&](Section& section) {
           BranchRange range;
           range.branch =
               static_cast<int>(section.integer("branch").value_or(0));
           range.from = version(section, "from", range.from_text);
           range.to = version(section, "to", range.to_text);
           range.fixed = version(section, "fixed", range.fixed_text);
           for (const Version* one : {&range.from, &range.to, &range.fixed}) {
             if (one->empty() || one->front() == range.branch) continue;
             complaints_.add(
                 section.line(),
                 fmt::format("a version outside branch {}", range.branch));
           }
           fault_.drivers.push_back(std::move(range));
         });
  }

  const Yaml& root_;
  Examples examples_;
  Complaints& complaints_;
  const Catalogue& catalogue_;
  Section section_;
  Fault fault_;
};

}  // namespace

Fault read_fault(const Yaml& root, const std::string& file, Examples examples,
                 Complaints& complaints, const Catalogue& catalogue) {
  Fault fault = FaultReader(root, examples, complaints, catalogue).read();
  fault.file = file;
  fault.line = root.line;
  return fault;
}

}  // namespace gpuward::diagnosis
