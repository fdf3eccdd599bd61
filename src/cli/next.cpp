#include "cli/next.h"

#include <algorithm>

#include "agent/repair.h"

namespace gpuward::cli {
namespace {

bool can_be_repaired(const Finding& finding) {
  return agent::has_repair(finding.id) ||
         std::ranges::any_of(finding.consequences, agent::has_repair,
                             &Consequence::id);
}

}  // namespace

std::optional<std::string> next_command(const Diagnosis& diagnosis,
                                        bool is_live) {
  const auto& findings = diagnosis.findings;
  if (is_live && std::ranges::any_of(findings, can_be_repaired)) {
    return "gpuward repair";
  }
  const auto worst = std::ranges::find_if(findings, [](const Finding& each) {
    return each.severity != Severity::info;
  });
  if (worst == findings.end()) return std::nullopt;
  return "gpuward explain " + worst->id;
}

}  // namespace gpuward::cli
