// Keeps the links in /dev/char right: on every node that comes, and on every
// link that is taken away. Nothing announces these nodes but the folder that
// they are in: the driver registers none of them with sysfs.
#pragma once

#include <functional>
#include <vector>

#include "action/create_links.h"
#include "loop/loop.h"

namespace gpuward::action {

using LinksReport = std::function<void(const evidence::DevCharLinks& found,
                                       const std::vector<LinkOutcome>& done)>;

// Looks once, then whenever something happens, and each minute, until the loop
// ends; `report` is called after every look. Events of a tenth of a second are
// one look. Where somebody removes again and again what was made, the pauses
// grow to ten seconds.
Result<void> watch_links(loop::Loop& loop, const host::Root& root,
                         const evidence::LinkPlaces& places,
                         const LinksReport& report);

}  // namespace gpuward::action
