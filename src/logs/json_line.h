// A JSON object that is one line of a log: its message.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "logs/unwrap.h"

namespace gpuward::logs {

// Of {"log":…} (docker), {"MESSAGE":…} (journalctl -o json) and what shippers
// and log stores make of a line ("message", "line", "textPayload", also deeper
// within): the message alone, or as journalctl prints it. Other objects keep
// their members, with nothing escaped any more. Nothing where `line` is no
// object. A line that was cut is read as far as it goes.
std::optional<Unwrapped> json_line(std::string_view line, std::string& scratch);

}  // namespace gpuward::logs
