// The sockets that we make in the kubelet's directory: their names, and what is
// left of them by a process that was killed.
#pragma once

#include <string>
#include <string_view>

namespace gpuward::kubelet::registration {

// "gpuward-guard-nvidia.com-gpu": what all sockets for that resource begin
// with. Short enough for any directory that kubelets use.
std::string socket_stem(std::string_view role, std::string_view resource);

// STEM-SUFFIX.sock, which no process used before: of two instances, the old and
// the new one of an upgrade, each has its own.
std::string new_socket_name(const std::string& stem);

// Whether a socket lies at `path` that nobody listens on any more.
bool is_dead_socket(const std::string& path);

// Removes the sockets STEM-….sock on which nobody listens any more.
void remove_dead_sockets(const std::string& directory, const std::string& stem);

}  // namespace gpuward::kubelet::registration
