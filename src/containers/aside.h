// Work that reads what others wrote, on disks that may not answer, done by a
// child: a look at the records of containers must not hang with /var/lib/docker
// on a dead disk, nor take all memory for a file of a gigabyte.
#pragma once

#include <functional>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace gpuward::containers {

// What `work` returned in a copy of this process that has none of our
// descriptors: it opens what it reads. Nothing that it changes is changed here.
// Error::timeout at the deadline, Error::gone where the child died, Error::busy
// while an earlier one could not even be killed (state D): it is not
// multiplied. Call it from one thread, in a process without others.
Result<Json> do_aside(const std::function<Json()>& work, Millis deadline);

}  // namespace gpuward::containers
