// Versions of runc, crun, docker, containerd and NVIDIA's container toolkit.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "evidence/source.h"

namespace gpuward::evidence {

// On this machine runc, crun and nvidia-ctk are asked for their version, since
// the one in /usr/local, or the one that another package brings along, is no
// package's (5 ms for runc). dockerd and containerd are asked only where dpkg
// does not know them (20 to 60 ms each); all of it together takes 3 s at most.
// In any other root nothing is run, and only dpkg's database counts.
// Facts runc, crun, docker, containerd, toolkit and dev_char_links_needed.
Collected collect_runtime_versions(const host::Host& host);

// The version in what `PROGRAM --version` prints: that of "runc version
// 1.1.5+ds1", "Docker version 20.10.24+dfsg1, build …", "containerd
// github.com/containerd/containerd v1.7.2 …", as plain numbers.
std::string version_in(std::string_view output);

// Whether a container's device rules need /dev/char/MAJ:MIN of its nodes:
// runc 1.1.3 to 1.1.6 leave rules out where it is missing, and with systemd
// before 240 every runc does (runc's CHANGELOG for 1.1.7, pull request 3842).
struct LinksNeeded {
  bool needed = false;
  std::string why;
};
// Nothing where what is known does not settle it. Empty texts: not known.
std::optional<LinksNeeded> links_needed(std::string_view runc,
                                        std::string_view systemd);

}  // namespace gpuward::evidence
