// `gpuward explain`: what the catalogue knows of a word or a pasted line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "diagnosis/catalogue.h"

namespace gpuward::diagnosis {

struct Explanation {
  // "fault", "xid", "sxid", "nvml-return", "nvml-function", "line", "harmless"
  // for a line that tells of no fault; "nothing" where nothing is known.
  std::string kind = "nothing";
  std::string title;
  std::vector<std::string> paragraphs;
  std::vector<std::string> faults;  // ids of the entries that it points at
  std::vector<Remedy> remedies;     // of a fault
  std::vector<std::string> sources;
  // Of an Xid or SXid: see knowledge/xids.tsv.
  std::string blame, certainty;
};

// `words`: a fault's id, "Xid 79" or "79", "SXid 20034", an NVML return by
// name, number or text, a function of NVML, or a line of a log.
Explanation explain(const Catalogue& catalogue, std::string_view words);
// The entry's words without its `{words}`: the fixed versions stand in for
// {fixes}, "…" for what only a finding would know.
std::string without_blanks(const Fault& fault, std::string_view text);
// Nothing but that there is no entry for it.
bool is_empty(const Explanation& explanation);
Json to_json(const Explanation& explanation);

}  // namespace gpuward::diagnosis
