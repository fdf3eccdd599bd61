// `gpuward guard` and `gpuward device-plugin`: a program of their own, with
// gRPC in it, so that all other verbs start in milliseconds.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gpuward::cli {

bool is_kubelet_role(std::string_view verb);

// Becomes gpuward-kubelet, which lies beside this program or in
// ../libexec/gpuward. Returns an exit code only where that fails.
int become_kubelet_role(const std::vector<std::string>& arguments);

}  // namespace gpuward::cli
