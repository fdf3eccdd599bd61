#include "evidence/secure_boot.h"

#include "model/facts.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "secure-boot";
constexpr std::string_view kFirmware = "/sys/firmware";
constexpr std::string_view kEfi = "/sys/firmware/efi";
// The variable of UEFI 2.10, section 3.3: four bytes of attributes, then one
// that is 1 while Secure Boot is on.
constexpr std::string_view kVariable =
    "/sys/firmware/efi/efivars/"
    "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
constexpr size_t kVariableBytes = 5;

Evidence state(bool is_on, std::string text) {
  return node_fact(kSource, fact::kSecureBoot,
                   std::string(is_on ? "on" : "off"), std::move(text),
                   std::string(kVariable));
}

}  // namespace

Collected collect_secure_boot(const host::Host& host) {
  Collected out;
  const host::Root& root = host.evidence;
  // A container and a tree of files have no firmware: nothing is known.
  if (!root.exists(kFirmware)) return out;
  if (!root.exists(kEfi)) {
    out.evidence.push_back(state(false, "not started by UEFI"));
    return out;
  }
  const auto variable = root.read(kVariable, kVariableBytes);
  if (!variable) {
    // Firmware without the variable has no Secure Boot; without efivarfs (as
    // in most containers) the folder is empty, and nothing is known.
    if (variable.error().kind != Error::Kind::not_found) {
      out.gaps.push_back(gap_of(kSource, variable.error()));
    }
    return out;
  }
  if (variable->size() != kVariableBytes) {
    out.gaps.push_back({std::string(kSource), "its variable is cut"});
    return out;
  }
  const bool is_on = variable->back() == '\1';
  out.evidence.push_back(
      state(is_on, is_on ? "Secure Boot is on" : "Secure Boot is off"));
  return out;
}

}  // namespace gpuward::evidence
