// The readers of a scenario's parts; used by parse.cpp alone. They complain
// instead of failing, so that one run names every mistake.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/yaml.h"
#include "sim/engine/scenario.h"

namespace gpuward::simulator {

std::optional<Millis> read_duration(Section& section, std::string_view key);
const std::vector<Yaml>& read_list(Section& section, std::string_view key);
std::vector<std::pair<std::string, std::string>> read_texts(
    Section& section, std::string_view key);

void read_gpus(Section& section, Complaints& complaints, Scenario& out);
void read_timeline(Section& section, Complaints& complaints, Scenario& out);
void read_kernel_log(Section& section, Complaints& complaints, Scenario& out);
void read_tasks(Section& section, Complaints& complaints, Scenario& out);

}  // namespace gpuward::simulator
