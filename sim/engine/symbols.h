// The names that the simulated library exports.
#pragma once

#include <span>
#include <string_view>

namespace gpuward::simulator {

std::span<const std::string_view> symbols();

}  // namespace gpuward::simulator
