// Facts from text: driver, GPU model, uptime, MIG layout and so on, found by
// named extractors in logs, in tools' output and in prose.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "logs/smi_query.h"
#include "logs/tool_output.h"
#include "matching/pattern_set.h"
#include "model/evidence.h"

namespace gpuward::logs {

class Extractor {
 public:
  // Of all extractors, compiled: dear, so made once. Its literals are those of
  // which one occurs in every line that says something here.
  static matching::PatternSet patterns();

  // `patterns` outlives it. One for each machine.
  explicit Extractor(const matching::PatternSet& patterns)
      : patterns_(&patterns) {}

  // Shows one line; lines come in the order of the file.
  void line(std::string_view text, const std::string& file, int64_t number);
  // What has been found so far, one piece of evidence for each fact.
  std::vector<Evidence> facts() const;

 private:
  struct Candidate {
    Evidence evidence;
    int weight = 0;
  };
  void offer(std::string key, Value value, int weight, std::string_view text,
             const std::string& file, int64_t number);
  void see_mig(std::string_view name, std::string_view text,
               const std::string& file, int64_t number);
  void uptime(std::string_view text, const std::string& file, int64_t number);

  const matching::PatternSet* patterns_;
  std::map<std::string, Candidate> best_;
  SmiQuery query_;
  ToolOutput tools_;
  // GPUs as nvidia-smi -L lists them, and rows of nvidia-smi's table.
  int listed_gpus_ = 0;
  int split_gpus_ = 0;
  bool current_split_ = false;
  int mig_on_ = 0;
  int mig_off_ = 0;
  Evidence mig_line_;
  // The newest stamp of the kernel, and the line that has it.
  struct {
    double seconds = 0;
    std::string text, file;
    int64_t line = 0;
  } stamp_;
};

}  // namespace gpuward::logs
