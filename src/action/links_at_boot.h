// What makes the links in /dev/char come again by themselves: a udev rule for
// the moment in which the driver is loaded, and a unit that is done before the
// container runtimes start.
//
// Neither reloads systemd: that would take the GPU from running containers
// (design, law 9). The unit is enabled by its link and counts from the next
// boot on; udev reads new rules by itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "action/create_links.h"

namespace gpuward::action {

struct Installed {
  std::string what;                // "udev rule"
  std::vector<std::string> files;  // in the order in which they are written
  std::string text;                // of the first; the others are links
  bool already = false;
};

// Where this program lies, if a rule of root's may name it: it outlasts the
// boot, it is the same file on the diagnosed machine, and none but root can
// replace it. Else an error whose text says what to do. A simulated node takes
// any.
Result<std::string> lasting_program(const host::Host& host);
// Absolute, and without signs that mean something to udev or systemd.
bool is_plain_path(std::string_view path);

// `command` is what is to run, its words plain. Error::unsupported where the
// root is a copy of another machine. With Do::nothing nothing is written.
Result<Installed> install_udev_rule(const host::Host& host,
                                    const std::string& command, Do how);
Result<Installed> install_boot_unit(const host::Host& host,
                                    const std::string& command, Do how);

}  // namespace gpuward::action
