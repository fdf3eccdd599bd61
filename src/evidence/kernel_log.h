// The kernel's messages of this boot: the ring (/dev/kmsg), what is older from
// the journal, and where there is no journal from the files of a syslog.
#pragma once

#include "evidence/kmsg.h"
#include "evidence/source.h"

namespace gpuward::evidence {

// Lines with source "kernel-log", oldest first.
Collected collect_kernel_log(const host::Host& host);

// What a ring has lost, in words; empty where nothing is missing.
std::string what_is_missing(const KmsgRing& ring);

}  // namespace gpuward::evidence
