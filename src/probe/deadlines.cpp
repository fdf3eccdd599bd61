#include "probe/deadlines.h"

#include <algorithm>
#include <array>

namespace gpuward::probe {
namespace {

struct Row {
  CallClass call_class;
  std::string_view name;
  Millis deadline;
};

constexpr std::array kTable = {
    Row{CallClass::place, "placement", 3s},
    Row{CallClass::load, "library load", 10s},
    Row{CallClass::init, "init", 15s},
    Row{CallClass::handle, "first handle", 60s},
    Row{CallClass::query, "query", 10s},
    Row{CallClass::tool, "tool", 60s},
};

const Row& row_of(CallClass call_class) {
  return *std::ranges::find(kTable, call_class, &Row::call_class);
}

}  // namespace

Millis deadline_of(CallClass call_class, double factor) {
  const auto full = row_of(call_class).deadline;
  const auto scaled = Millis(
      static_cast<Millis::rep>(static_cast<double>(full.count()) * factor));
  // A factor of nothing would make every call stuck.
  return std::max(scaled, Millis(10));
}

std::string_view name_of(CallClass call_class) {
  return row_of(call_class).name;
}

}  // namespace gpuward::probe
