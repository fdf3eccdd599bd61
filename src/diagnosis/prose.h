// Lines that speak of faults which nobody has here: release notes, advice,
// headings of a manual, questions, rules that look for the fault, and programs
// that do.
#pragma once

#include <string_view>

namespace gpuward::diagnosis {

// Judged by the line alone; `line` is a log's text, never the kernel's own.
bool is_about_faults(std::string_view line);

}  // namespace gpuward::diagnosis
