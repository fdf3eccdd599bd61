// gzip and zstd, undone while reading. What came out before a damage counts.
#pragma once

#include <memory>
#include <string>

#include "logs/bytes.h"

namespace gpuward::logs {

std::unique_ptr<ByteSource> gunzip(std::unique_ptr<ByteSource> packed,
                                   const std::string& name);
std::unique_ptr<ByteSource> unzstd(std::unique_ptr<ByteSource> packed,
                                   const std::string& name);

}  // namespace gpuward::logs
