// Every action that gpuward has.
#include <array>

#include "action/action.h"
#include "action/create_links.h"
#include "action/edit_file.h"
#include "action/restart_container.h"
#include "action/restart_kubelet.h"
#include "action/restore_access.h"
#include "action/stop_container.h"

namespace gpuward::action {

std::span<const Action> actions() {
  static const std::array kActions{restore_access(),      restart_container(),
                                   create_device_links(), kEditFile,
                                   stop_container(),      restart_kubelet()};
  return kActions;
}

}  // namespace gpuward::action
