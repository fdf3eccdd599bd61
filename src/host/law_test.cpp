#include "host/law.h"

#include <gtest/gtest.h>

namespace gpuward::host {
namespace {

TEST(Law, RefusesWhatCouldRunTheDriverOrWaitForATask) {
  for (const char* path :
       {"/proc/driver/nvidia/version", "/proc/driver/nvidia-uvm/x",
        "/proc/42/cmdline", "/proc/42/environ", "/proc/42/maps",
        "/proc/42/smaps_rollup", "/proc/42/task/43/smaps", "/proc/42/map_files",
        "/sys/bus/pci/devices/0000:0f:00.0/config",
        "/sys/bus/pci/devices/0000:0f:00.0/resource0",
        "/sys/bus/pci/devices/0000:0f:00.0/current_link_speed",
        "/sys/devices/pci0000:0a/0000:0f:00.0/rom",
        "/sys/devices/platform/soc/pci0009:00/0009:01:00.0/config",
        "/sys/kernel/debug/dri/0/name", "/dev/nvidia0", "/dev/nvidiactl",
        "/dev/nvidia-uvm", "/dev/nvidia-caps/nvidia-cap1"}) {
    EXPECT_TRUE(why_it_may_block(path).has_value()) << path;
  }
}

TEST(Law, AllowsWhatIsSafe) {
  for (const char* path :
       {"/proc/42/stat", "/proc/42/wchan", "/proc/42/stack", "/proc/42/syscall",
        "/proc/42/task/43/stat", "/proc/42/comm", "/proc/cmdline",
        "/proc/devices", "/proc/modules", "/sys/module/nvidia/version",
        "/sys/bus/pci/devices/0000:0f:00.0/vendor",
        "/sys/bus/pci/devices/0000:0f:00.0/numa_node", "/dev/kmsg",
        "/dev/nvidia-caps", "/etc/maps", "/home/42/maps"}) {
    EXPECT_FALSE(why_it_may_block(path).has_value()) << path;
  }
}

}  // namespace
}  // namespace gpuward::host
