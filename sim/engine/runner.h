// Whole lives of nodes: run a command in one, leave one running, end one.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "sim/engine/node.h"

namespace gpuward::simulator {

// Makes the node, runs the command in it, ends the node. Never waits for ever:
// `told` hears the notes before the command starts.
Result<int> run_in_node(const Scenario& scenario, const std::string& directory,
                        const std::vector<std::string>& command,
                        const std::function<void(const std::string&)>& told);

// Makes the node and its keeper, which goes on after we are gone.
Result<Node> start_node(const Scenario& scenario, const std::string& directory);

// Ends a node that start_node made, or what a crash left of one.
Result<void> stop_node(const std::string& directory);

// A folder as the user wrote it, or $GPUWARD_SIM; fails where it is no node.
Result<std::string> node_folder(const std::string& directory);

}  // namespace gpuward::simulator
