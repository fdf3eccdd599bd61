// Finding: what diagnosis concludes. The shape of --json (schema 1).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/evidence.h"

namespace gpuward {

enum class Severity { info, warning, fault };
enum class Confidence { possible, likely, certain };

struct Consequence {
  std::string id;
  std::string text;
  bool operator==(const Consequence&) const = default;
};

struct Remedy {
  enum class AppliesBy { repair, person };
  enum class Disrupts { nothing, container, node };
  std::string id;
  std::string text;
  AppliesBy applies_by = AppliesBy::person;
  Disrupts disrupts = Disrupts::nothing;
  bool operator==(const Remedy&) const = default;
};

struct Finding {
  std::string id;  // of the catalogue entry; never renamed
  Severity severity = Severity::fault;
  Confidence confidence = Confidence::possible;
  Subject subject;
  std::string title;
  std::optional<Wall> since;
  std::vector<Evidence> evidence;
  std::vector<Consequence> consequences;
  std::vector<Remedy> remedies;      // mildest first
  std::vector<std::string> settle;   // what would make it more certain
  std::vector<std::string> sources;  // documents that the entry rests on
  std::string host;  // where several machines are in one pile, else empty
  bool operator==(const Finding&) const = default;
};

struct UnknownCheck {
  std::string id;
  std::string why;
  // False where the answer could not change the verdict.
  bool matters = true;
  bool operator==(const UnknownCheck&) const = default;
};

struct Checks {
  int passed = 0;
  int failed = 0;
  std::vector<UnknownCheck> unknown;
  bool operator==(const Checks&) const = default;
};

// Root and worst first.
struct Diagnosis {
  std::vector<Finding> findings;
  Checks checks;
  bool operator==(const Diagnosis&) const = default;
};

enum class Verdict { healthy, warning, fault, unknown };
Verdict verdict_of(const Diagnosis& diagnosis);

std::string_view name_of(Severity severity);
std::string_view name_of(Confidence confidence);
std::string_view name_of(Subject::Kind kind);
std::string_view name_of(Remedy::AppliesBy by);
std::string_view name_of(Remedy::Disrupts disrupts);
std::string_view name_of(Verdict verdict);

// "GPU 0000:0f:00.0", "container web", "" for the node.
std::string in_words(const Subject& subject);

}  // namespace gpuward
