// The device programs on a container's cgroup and on those above it (cgroup
// v2), and what each says to the container's nodes. The only user of libbpf.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/host.h"
#include "model/container.h"

namespace gpuward::containers {

// The container's own cgroup first, then upwards. Error::denied without CAP_BPF
// or CAP_SYS_ADMIN; Error::unsupported on v1; Error::gone where the cgroup is
// not there any more.
Result<std::vector<DeviceProgram>> read_device_programs(
    const host::Host& host, const Container& container);

// Entries of devices.list (cgroup v1), such as "c 195:* m".
Result<std::vector<std::string>> read_devices_list(const host::Host& host,
                                                   const Container& container);

// Which of the grants such a list lacks, "195:0": pure. One entry must give
// all of the access. Nothing where the list says "all", since the kernel does
// not show the exceptions from that.
std::optional<std::vector<std::string>> lacking_in(
    const std::vector<std::string>& list, const std::vector<Grant>& grants);

}  // namespace gpuward::containers
