#include "model/container.h"

#include <algorithm>

namespace gpuward {
namespace {

// IMEX channels alone can be two thousand.
constexpr size_t kMostInASentence = 16;
constexpr size_t kShortId = 12;  // as Docker prints it

std::string join(const std::vector<std::string>& words) {
  std::string text;
  const size_t shown = std::min(words.size(), kMostInASentence);
  for (size_t i = 0; i < shown; ++i) {
    if (i > 0) text += ", ";
    text += words[i];
  }
  if (words.size() > shown) {
    text += " and " + std::to_string(words.size() - shown) + " more";
  }
  return text;
}

bool is_list_of_v1(const DeviceProgram& program) { return program.id == 0; }

std::string name_of_list(const DeviceProgram& list) {
  return list.owner == "systemd" ? "devices.list, as systemd wrote it,"
                                 : "devices.list";
}

std::string name_of_program(const DeviceProgram& program) {
  const bool known = !program.owner.empty() && program.owner != "unknown";
  std::string text = known ? program.owner + "'s program " : "program ";
  text += std::to_string(program.id);
  if (!program.name.empty()) text += " (" + program.name + ")";
  return known ? text : text + ", whose owner is not known,";
}

std::string denial_of(const DeviceProgram& program) {
  const std::string nodes =
      join(program.denies.value_or(std::vector<std::string>{}));
  if (is_list_of_v1(program)) return name_of_list(program) + " lacks " + nodes;
  return name_of_program(program) + " denies " + nodes;
}

bool denies_something(const DeviceProgram& program) {
  return program.denies && !program.denies->empty();
}

// "/dev/char/195:0 rw", for a node that is to be read and written.
bool gives_whole(std::string_view entry, const Grant& grant) {
  const std::string node = "/dev/char/" +  // path: as systemd names it
                           std::to_string(grant.major_number) + ":" +
                           std::to_string(grant.minor_number) + " ";
  if (!entry.starts_with(node)) return false;
  const std::string_view access = entry.substr(node.size());
  return std::ranges::all_of(grant.access, [access](char letter) {
    return letter == 'm' || access.find(letter) != std::string_view::npos;
  });
}

// What the programs that deny nothing do with what others deny.
std::string others_of(const DeviceProgram& program, const char* it) {
  if (is_list_of_v1(program)) return "";
  if (!program.denies) {
    return name_of_program(program) + " could not be followed";
  }
  return name_of_program(program) + " allows " + it;
}

}  // namespace

NodeAccess::Now access_now(const Container& container) {
  using Now = NodeAccess::Now;
  if (container.nodes.empty()) return Now::unknown;
  const auto any = [&](Now now) {
    return std::ranges::find(container.nodes, now, &NodeAccess::now) !=
           container.nodes.end();
  };
  if (any(Now::denied)) return Now::denied;
  return any(Now::unknown) ? Now::unknown : Now::allowed;
}

std::string who_denies(const Container& container) {
  std::string text;
  size_t denied = 0;
  for (const DeviceProgram& program : container.programs) {
    if (!program.denies || program.denies->empty()) continue;
    if (!text.empty()) text += "; ";
    text += denial_of(program);
    denied = std::max(denied, program.denies->size());
  }
  if (text.empty()) return text;
  for (const DeviceProgram& program : container.programs) {
    if (denies_something(program)) continue;
    const std::string others = others_of(program, denied == 1 ? "it" : "them");
    if (!others.empty()) text += "; " + others;
  }
  return text;
}

std::string nodes_in_words(const Container& container) {
  std::vector<std::string> paths;
  paths.reserve(container.grants.size());
  for (const Grant& grant : container.grants) paths.push_back(grant.path);
  return join(paths);
}

bool is_listed_whole(const Container& container) {
  if (!container.policy || container.grants.empty()) return false;
  return std::ranges::all_of(container.grants, [&](const Grant& grant) {
    return std::ranges::any_of(
        container.policy->allow,
        [&](const std::string& entry) { return gives_whole(entry, grant); });
  });
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
