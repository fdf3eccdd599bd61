// What the kubelet's list of pods says of its admissions. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace gpuward::ask {

struct PodsSeen {
  int all = 0;
  // "namespace_name_uid" of pods that it was given a minute ago or longer and
  // has not begun with: they have no start time.
  std::vector<std::string> unstarted;
  // That it rejected (UnexpectedAdmissionError) and that ask for NVIDIA's
  // devices.
  int rejected = 0;

  bool operator==(const PodsSeen&) const = default;
};

// Error::malformed where it is no PodList.
Result<PodsSeen> read_pods(std::string_view text, Wall now);

Json to_json(const PodsSeen& pods);

}  // namespace gpuward::ask
