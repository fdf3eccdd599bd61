// A small file system that can be frozen: whoever writes to it then waits in
// state D and survives SIGKILL, until it is thawed. Needs root, a loop device
// and mkfs.ext4. Everything lies in the node's folder: disk.img, and the mount
// point disk/ with disk/gate, the file that clients write to.
//
// Nothing here writes to the file system while it may be frozen. All calls are
// made under the state's lock, or while the node is being made or ended.
#pragma once

#include <string>

#include "base/result.h"

namespace gpuward::simulator {

// Nothing if a file system can be mounted here, else why not.
std::string why_no_frozen_disk();

// Makes and mounts it; returns the path of the file to write to. Idempotent.
Result<std::string> mount_disk(const std::string& node);
bool disk_is_mounted(const std::string& node);

Result<void> freeze_disk(const std::string& node);
// Succeeds if it was not frozen.
Result<void> thaw_disk(const std::string& node);

// Thaws, then unmounts; lazily where it is still in use. Idempotent.
Result<void> unmount_disk(const std::string& node);

}  // namespace gpuward::simulator
