// Why a fault was found, or why not: its rules, condition by condition, with
// what speaks for each. Pure.
#pragma once

#include "diagnosis/catalogue.h"
#include "diagnosis/judge.h"
#include "diagnosis/state.h"

namespace gpuward::diagnosis {

// One condition. `evidence` is what it holds by, or, where it does not hold,
// what was there instead: the value of the fact, the line that should not be.
struct Reason {
  // `turned`: not, unless.
  enum class Kind { alone, all, any, turned };
  Kind kind = Kind::alone;
  Truth truth = Truth::unknown;
  std::string words;
  std::string means;  // of a line that is asked for alone
  std::vector<Evidence> evidence;
  std::vector<std::string> missing;  // for unknown: what is not known
  std::vector<Reason> parts;
};

struct RuleReason {
  Confidence confidence = Confidence::possible;
  Severity severity = Severity::fault;
  std::string title;  // of the rule, empty: the fault's
  Reason when;
};

struct Why {
  // open: not found, but it could be there, if more were known.
  enum class Answer { found, not_found, open, not_applicable };
  std::string id;
  std::string title;  // filled in where it was found
  Answer answer = Answer::not_found;
  std::optional<Reason> applies;  // where the entry asks for it
  // Of those that were judged alike, the first is shown.
  struct ForSubjects {
    std::vector<Subject> subjects;
    std::optional<size_t> held;  // of the rules, the first that holds
    std::optional<size_t> open;  // where none holds: the one that could
    std::vector<RuleReason> rules;
  };
  std::vector<ForSubjects> subjects;  // those found first
  std::string explained_by;  // id of the finding that it is a consequence of
};

// Fails with not_found, and the nearest id, for an id that there is not.
Result<Why> why(const Catalogue& catalogue, const State& state,
                const std::vector<Gap>& gaps, std::string_view id);

// Of a rule that does not hold: the conditions that it would have taken. Of
// alternatives the one that lacks least.
std::vector<const Reason*> lacking(const Reason& reason);

std::string_view name_of(Why::Answer answer);

}  // namespace gpuward::diagnosis
