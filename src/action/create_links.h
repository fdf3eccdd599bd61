// Links in /dev/char for NVIDIA device nodes. /dev ends with the boot, and the
// links must come before /var may be mounted: so put_links() keeps no journal,
// and is what `gpuward links create` calls. As a repair it is wrapped as the
// action "create-device-links", with journal and undo.
//
// Arguments of a step: {"links": [{"path": "/dev/char/195:0", "target":
// "/dev/nvidia0"}, …]}.
#pragma once

#include <string>
#include <vector>

#include "action/action.h"
#include "evidence/dev_char_links.h"

namespace gpuward::action {

struct LinkOutcome {
  enum class What {
    already,
    made,
    replaced,  // it led elsewhere
    removed,   // it was stale
    failed,
  };
  What what = What::already;
  std::string path;
  std::string target;  // empty for a stale one
  std::string was;     // where it pointed before
  std::string why;     // of a failure, or of a removal
  bool node_exists = true;
  Error::Kind error = Error::Kind::system;  // of a failure
};

enum class Do { it, nothing };

// Brings every link into order, and goes on where one fails. With Do::nothing
// it tells what would be done.
std::vector<LinkOutcome> put_links(const host::Root& root,
                                   const evidence::DevCharLinks& found, Do how);

// A step that makes what is missing and mends what is wrong among existing
// nodes; without links where there is nothing to do.
Step create_links_step(const evidence::DevCharLinks& found);

// "create-device-links", for table.cpp.
Action create_device_links();

}  // namespace gpuward::action
