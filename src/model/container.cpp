#include "model/container.h"

#include <algorithm>

#include "base/text.h"

namespace gpuward {
namespace {

constexpr size_t kShortId = 12;  // as Docker prints it

}  // namespace

std::string nodes_in_words(const Container& container) {
  std::vector<std::string> paths;
  paths.reserve(container.grants.size());
  for (const Grant& grant : container.grants) paths.push_back(grant.path);
  return some_of(paths);
}

std::string unit_in_words(std::string_view unit) {
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr size_t kLongId = 32;
  for (size_t at = 0; at < unit.size();) {
    const size_t begin = unit.find_first_of(kHex, at);
    if (begin == std::string_view::npos) break;
    const size_t end =
        std::min(unit.find_first_not_of(kHex, begin), unit.size());
    if (end - begin >= kLongId) {
      return std::string(unit.substr(0, begin + kShortId)) + "…" +
             std::string(unit.substr(end));
    }
    at = end;
  }
  return std::string(unit);
}

std::string in_words(const Container& container) {
  std::string text;
  if (!container.runtime.empty()) text = container.runtime + " ";
  text += "container ";
  const std::string id = container.id.substr(0, kShortId);
  const std::string& name =
      container.name.empty() ? container.label : container.name;
  if (name.empty() || name == id) return text + id;
  text += name;
  if (!container.pod.empty() && !container.name.empty()) {
    text += " of pod " + container.pod_namespace + "/" + container.pod;
  }
  return id.empty() ? text : text + " (" + id + ")";
}

std::string_view name_of(Injection injection) {
  switch (injection) {
    case Injection::unknown:
      return "unknown";
    case Injection::devices:
      return "devices";
    case Injection::legacy:
      return "legacy";
  }
  return "";
}

std::string_view name_of(NodeAccess::Now now) {
  switch (now) {
    case NodeAccess::Now::unknown:
      return "unknown";
    case NodeAccess::Now::allowed:
      return "allowed";
    case NodeAccess::Now::denied:
      return "denied";
  }
  return "";
}

std::string_view name_of(Tomorrow tomorrow) {
  switch (tomorrow) {
    case Tomorrow::unknown:
      return "unknown";
    case Tomorrow::safe:
      return "safe";
    case Tomorrow::lost_at_reload:
      return "lost at reload";
    case Tomorrow::lost_at_update:
      return "lost at update";
  }
  return "";
}

}  // namespace gpuward
