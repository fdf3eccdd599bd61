// Lines of programs that hold a log's line as a string or in a comment: tests,
// parsers, scripts. Nobody has the fault that they quote.
#pragma once

#include <string_view>

namespace gpuward::diagnosis {

// Judged by the line alone; not for lines that a log has stamped.
bool is_source_code(std::string_view line);

}  // namespace gpuward::diagnosis
