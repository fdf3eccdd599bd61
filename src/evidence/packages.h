// Versions of installed packages, from dpkg's database. Those of rpm are not
// read: their format is a library's own.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "host/root.h"

namespace gpuward::evidence {

inline constexpr std::string_view kDpkgStatus = "/var/lib/dpkg/status";

// dpkg's status file, of which 8 MiB are read: about ten thousand packages.
Result<std::string> read_dpkg_status(const host::Root& root);

// "20.10.24+dfsg1-1+deb12u1"; nothing where the package is not installed.
std::optional<std::string> package_version(std::string_view dpkg_status,
                                           std::string_view package);

// What others compare: "1:20.10.24+dfsg1-1+deb12u1" → "20.10.24", "v1.7.2" →
// "1.7.2"; empty if there is no number in front.
std::string plain_version(std::string_view version);

}  // namespace gpuward::evidence
