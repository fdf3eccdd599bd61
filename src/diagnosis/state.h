// What diagnosis remembers of the evidence that it was shown. Bounded: counts,
// the first and last hit, and a few samples for each signature and subject.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "matching/pattern_set.h"
#include "model/evidence.h"

namespace gpuward::diagnosis {

struct Sample {
  Evidence line;
  matching::Captures captures;
  uint64_t order = 0;            // the how-manieth piece of evidence it was
  std::optional<double> uptime;  // seconds, from a kernel time stamp
};

struct Hits {
  // Lines of the very same text.
  struct Same {
    Sample first;
    int64_t times = 0;
  };

  int64_t count = 0;
  Sample first, last;
  std::vector<Same> texts;  // at most kSamples, the first ones
};

struct State {
  static constexpr size_t kSamples = 3;
  static constexpr size_t kSubjects = 64;        // for one signature
  static constexpr size_t kFactSubjects = 2048;  // for one fact: containers
  static constexpr size_t kKeys = 256;  // for one signature, open calls

  uint64_t order = 0;
  // By signature, then by GPU ("" where the line names none).
  std::map<size_t, std::map<std::string, Hits>> hits;
  // By signature, then by the capture `key`: the last line with that key.
  std::map<size_t, std::map<std::string, Sample>> keyed;
  // By key, the newest for each subject.
  std::map<std::string, std::map<Subject, Evidence>, std::less<>> facts;
  std::map<std::string, int64_t, std::less<>> sources;  // lines by source
};

}  // namespace gpuward::diagnosis
