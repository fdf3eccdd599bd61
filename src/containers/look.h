// Everything about the containers with NVIDIA devices of this machine.
//
//   find.h      who they are and what they were granted       (records, /proc)
//   inside.h    what they can open now                        (a child,
//   bounded) programs.h  which device programs stand in the way        (libbpf,
//   v2) policy.h    what systemd would apply                      (drop-in
//   files) tomorrow.h  whether access lasts                          (pure)
#pragma once

#include <string_view>
#include <vector>

#include "host/host.h"
#include "model/container.h"

namespace gpuward::containers {

struct ContainerLook {
  std::vector<Container> containers;  // by label
  std::vector<Gap> gaps;              // "run as root", a record not readable
  // False where nothing can be said of which there are: whoever is not listed
  // may run all the same.
  bool is_whole = true;
};

// Takes some 10 ms and 2 to 5 ms for each container; every look inside is
// bounded by `patience`, all of them together by four times that.
ContainerLook look_at_containers(const host::Host& host, Millis patience = 1s);

// The same for one that is known already: access, programs, policy. Its
// grants stay. Error::gone where its first process has ended.
Result<void> look_again(const host::Host& host, Container& container,
                        Millis patience = 1s);

}  // namespace gpuward::containers
