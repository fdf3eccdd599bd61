#include "containers/access.h"

#include <algorithm>

#include "base/text.h"

namespace gpuward::containers {
namespace {

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
      some_of(program.denies.value_or(std::vector<std::string>{}));
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

bool is_listed_whole(const Container& container) {
  if (!container.policy || container.grants.empty()) return false;
  return std::ranges::all_of(container.grants, [&](const Grant& grant) {
    return std::ranges::any_of(
        container.policy->allow,
        [&](const std::string& entry) { return gives_whole(entry, grant); });
  });
}

}  // namespace gpuward::containers
