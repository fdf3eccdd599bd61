// For tests: files, archives and what gpuward says of them.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "logs/log_reader.h"
#include "model/finding.h"

namespace gpuward::logs::testing {

// A directory that goes away with it.
class Pile {
 public:
  Pile();
  ~Pile();
  Pile(const Pile&) = delete;
  Pile& operator=(const Pile&) = delete;

  const std::string& folder() const { return folder_; }
  // Its path.
  std::string write(const std::string& name, std::string_view content) const;

 private:
  std::string folder_;
};

std::string gzipped(std::string_view text);
std::string zstandard(std::string_view text);
std::string tarred(
    const std::vector<std::pair<std::string, std::string>>& members);

struct Told {
  LogSummary summary;
  std::vector<std::pair<std::string, Evidence>> lines;  // with the machine
  std::map<std::string, Diagnosis> diagnoses;           // by machine
  std::vector<Gap> gaps;
};
// Read with the whole catalogue, at 2026-03-01.
Told tell(const std::vector<std::string>& paths);
// The first finding of a pile of one machine; "none".
std::string first_finding(const std::vector<std::string>& paths);

}  // namespace gpuward::logs::testing
