// The kernel module: loaded or not, its version and flavour, and the one that
// lies on disk for the running kernel. /proc/driver/nvidia is the prober's.
#pragma once

#include "evidence/source.h"

namespace gpuward::evidence {

// Facts driver, module, module_loaded, module_on_disk (its version; "present"
// where that cannot be told, "absent").
Collected collect_driver(const host::Host& host);

// Of the loaded module, from /sys/module/nvidia/version.
Result<std::string> loaded_driver_version(const host::Root& root);

// "open" or "proprietary" by the taint flags in the line of the module nvidia
// in /proc/modules; nothing where it has none.
struct LoadedModule {
  std::string flavour;
};
std::optional<LoadedModule> find_nvidia_module(std::string_view proc_modules);

// Where depmod's list (modules.dep) has nvidia.ko, or empty.
std::string find_in_modules_dep(std::string_view modules_dep);

}  // namespace gpuward::evidence
