// Text as other systems write it, turned into UTF-8 with line feeds.
#pragma once

#include <memory>

#include "logs/bytes.h"

namespace gpuward::logs {

// UTF-16 with a byte order mark (what PowerShell's redirection writes), UTF-8
// with one, and files in which carriage returns alone end the lines; other
// bytes as they are.
std::unique_ptr<Buffered> decoded(std::unique_ptr<Buffered> inner);

}  // namespace gpuward::logs
