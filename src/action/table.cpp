// Every action that gpuward has.
#include <array>

#include "action/action.h"
#include "action/create_links.h"
#include "action/edit_file.h"
#include "action/restart_container.h"
#include "action/restore_access.h"

namespace gpuward {

std::span<const Action> actions() {
  static const std::array kActions{restore_access(), restart_container(),
                                   create_device_links(), kEditFile};
  return kActions;
}

}  // namespace gpuward
