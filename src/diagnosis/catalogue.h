// The catalogue in memory: what is known of each fault, as data. Loaded once,
// then only read. docs/catalogue.md describes the files.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/embedded.h"
#include "diagnosis/version.h"
#include "matching/pattern_set.h"
#include "model/finding.h"

namespace gpuward::diagnosis {

// A kind of line in a log. Captures named gpu, pid, name, key, … become part of
// the hit; `gpu` also makes the hit be about that GPU.
struct Signature {
  std::string name;
  matching::Pattern pattern;
  std::string source = "any";  // "kernel", "kubelet", "app": who prints it
  std::string means;           // for `explain`, one sentence
  std::string fault;           // the entry that it stands in, empty if shared
  // Counts only within so many lines after a hit of `after` (a stack's frame
  // after the line that begins the stack), and takes over its captures.
  std::string after;
  int within = 0;
  std::vector<std::string> until;  // …and before any of these
};

struct Condition {
  std::string matcher;  // a name of matchers()
  int line = 0;
  std::vector<Condition> parts;    // all, any, not, unless
  std::vector<size_t> signatures;  // indices into Catalogue::signatures
  std::vector<std::string> keys;   // of facts
  std::vector<std::string> values;
  std::vector<std::string> globs;
  bool less = false;
  std::optional<double> at_least, at_most;
};

struct Rule {
  Confidence confidence = Confidence::possible;
  std::optional<Severity> severity;
  std::string title;  // empty: the fault's
  Condition when;
};

struct Note {  // a sentence that is added to the evidence where `when` holds
  Condition when;
  std::string text;
};

struct Explains {  // another finding that is only a consequence of this one
  std::string id;
  std::string text;
  // Only where the other's evidence did not come before this one's.
  bool later_only = false;
  // Of other GPUs too: the peers of one that is lost.
  bool elsewhere = false;
};

struct ConsequenceRule {
  std::string id;
  std::string text;
  Condition when;
};

struct RemedyRule {
  Remedy remedy;
  std::optional<Condition> when;
};

struct Example {
  std::string name;
  std::string text;
  std::string source = "log";
  std::vector<Evidence> facts;
  std::vector<Gap> gaps;
  // "certain", "likely", "possible", "nothing", "unknown"
  std::string gives;
  std::string first;              // id of the first finding, empty: not asked
  std::vector<std::string> also;  // ids of findings beside it
  // Of the finding, empty: not asked. Of the title a part is enough.
  std::string severity, title;
  int line = 0;
};

struct Fault {
  std::string id, title, means, file;
  int line = 0;
  Severity severity = Severity::fault;
  Subject::Kind subject = Subject::Kind::node;
  int rank = 50;  // among findings of one severity and confidence
  std::vector<int> xids;
  std::vector<BranchRange> drivers;
  std::optional<Condition> applies;
  // Where this holds, not knowing whether the fault is there changes nothing.
  std::optional<Condition> moot;
  std::vector<Rule> rules;  // the first that holds counts
  std::vector<Note> notes;
  std::vector<std::string> show;  // facts that are evidence wherever known
  std::vector<Explains> explains;
  std::vector<ConsequenceRule> consequences;
  std::vector<RemedyRule> remedies;
  std::vector<std::string> settle, sources;
  std::vector<Example> examples;
};

struct Catalogue {
  std::vector<Fault> faults;
  std::vector<Signature> signatures;
  std::map<std::string, size_t, std::less<>> signature_index;
  matching::PatternSet patterns{{}};

  const Fault* find(std::string_view id) const;
};

struct CatalogueFile {
  std::string name;  // as mistakes name it
  std::string text;
};

// Lines of any Xid and SXid; `key` is the number.
inline constexpr std::string_view kAnyXid = "any-xid";
inline constexpr std::string_view kAnySxid = "any-sxid";

// The files of catalogue/, compiled into the program.
std::span<const EmbeddedFile> catalogue_files();

// The compiled-in files and, after them, the user's own, which only add. An
// error lists every mistake of every file, one a line: "file:line: text".
Result<Catalogue> load_catalogue(const std::vector<CatalogueFile>& more = {});
// From these files alone; for tests.
Result<Catalogue> load_catalogue_from(const std::vector<CatalogueFile>& files);

// The examples of the compiled-in entries are most of their text, and nothing
// but `catalogue` needs them.
enum class Examples { taken, left_out };

// A file that was not taken, and why: "file:line: text".
struct LeftOutFile {
  std::string name;
  std::vector<std::string> mistakes;
};
struct ExtendedCatalogue {
  Catalogue catalogue;
  std::vector<LeftOutFile> left_out;
};
// The compiled-in files and those of the user's that are right: a mistake in
// one of these takes nothing away from the others. Fails only where the
// compiled-in ones are wrong.
Result<ExtendedCatalogue> extend_catalogue(
    const std::vector<CatalogueFile>& more, Examples ours = Examples::taken);

}  // namespace gpuward::diagnosis
