// scenarios/*.yaml, compiled in (gpuward_embed).
#pragma once

#include "base/embedded.h"

namespace gpuward::simulator {

std::span<const EmbeddedFile> embedded_scenarios();

}  // namespace gpuward::simulator
