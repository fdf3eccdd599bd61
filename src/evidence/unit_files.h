// Units of systemd as files: their text, their drop-ins, what they would run.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/root.h"

namespace gpuward::evidence {

// A unit's text from its file and its drop-ins, in the order in which they
// count.
struct UnitFiles {
  std::vector<std::string> texts;  // empty: there is no such unit
  std::string file;  // the last that says something about ExecStart
};

// Of the five folders that systemd reads, the first with a file of that name
// counts (systemd.unit(5)). Generated and transient units are not seen.
UnitFiles read_unit(const host::Root& root, std::string_view unit);

// The command lines that systemd would run: ExecStart= of the unit and its
// drop-ins, in the order in which they count; an empty one forgets those
// before it. Lines continued by a backslash are joined.
std::vector<std::string> exec_starts(const std::vector<std::string>& texts);
// The same for Environment=, quotes and all.
std::vector<std::string> environments(const std::vector<std::string>& texts);

}  // namespace gpuward::evidence
