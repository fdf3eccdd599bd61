// Conditions and their three-valued judgement. The named matcher kinds are the
// rows of a table in matchers.cpp.
#pragma once

#include <string>
#include <vector>

#include "base/yaml.h"
#include "diagnosis/catalogue.h"
#include "diagnosis/state.h"

namespace gpuward::diagnosis {

enum class Truth { no, unknown, yes };
std::string_view name_of(Truth truth);

// One condition, judged: what `--why` shows.
struct Judged {
  Truth truth = Truth::unknown;
  std::string words;                 // the condition in words
  std::vector<Evidence> evidence;    // for yes
  std::vector<std::string> missing;  // for unknown: what was not to be had
  bool gap = false;                  // unknown because a source failed
  bool support = false;              // something positive speaks for it
  matching::Captures captures;       // of the lines that it rests on
  std::vector<Judged> parts;
};

struct Scene {
  const Catalogue& catalogue;
  const Fault& fault;
  const State& state;
  const std::vector<Gap>& gaps;
  // The GPU or container (fault.subject) that is asked about; empty: the node,
  // and any GPU will do.
  std::string name;
  // Of the lines that the rule rests on; they fill in titles and texts.
  matching::Captures captures = {};
  // Facts of any container speak too: only to ask whether a fault is a check
  // on this machine at all.
  bool of_anyone = false;
};

Judged judge(const Scene& scene, const Condition& condition);

// A line about `gpu` ("" where it names none) concerns the scene's subject.
bool concerns(const Scene& scene, std::string_view gpu);
// The facts called `key` that concern the scene's subject.
std::vector<const Evidence*> facts_for(const Scene& scene,
                                       std::string_view key);
// "GPU 0" as the driver counts, or no name at all: which address that is
// cannot be told, so it may be any.
bool names_no_address(std::string_view gpu);
// Replaces {driver}, {range}, {fixed}, {gpu} and other facts or captures.
std::string fill_in(const Scene& scene, std::string_view text);
std::string fact_in_words(const Evidence& fact);

// Matcher kinds, for the loader and for documentation.
struct MatcherKind {
  std::string_view name;
  std::string_view takes;  // what stands after the colon, for complaints
  // Reads what stands after "name:"; signature names are still text.
  void (*read)(const Yaml& node, Condition& out,
               std::vector<std::string>& signatures, Complaints& complaints);
  Judged (*judge)(const Scene& scene, const Condition& condition);
};
std::span<const MatcherKind> matchers();

// A map with one key, the matcher's name; a list means all of its members.
Condition read_condition(const Yaml& node, Complaints& complaints,
                         const Catalogue& catalogue);

}  // namespace gpuward::diagnosis
