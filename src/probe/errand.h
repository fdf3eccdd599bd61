// The prober's other requests: a driver file, a device's configuration space, a
// vendor's program. Each could hang, so each is done here and nowhere else.
#pragma once

#include "host/host.h"
#include "model/reading.h"
#include "probe/progress.h"
#include "probe/protocol.h"

namespace gpuward::probe {

// The text of the file, the vendor id ("0x10de", "0xffff" for a GPU that is off
// the bus), or what the program printed (cut to what fits a frame).
Reading run_errand(const Request& request, const host::Host& host,
                   ProgressWriter& progress);

// At most `most` bytes of a driver file. For the prober alone, while its
// progress record says so.
Result<std::string> read_driver_file(const host::Host& host,
                                     const std::string& path, size_t most);

}  // namespace gpuward::probe
