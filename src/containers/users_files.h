// Files in a user's run directory, /run/user/UID, of which that user may have
// made anything: links to elsewhere, a FUSE file system that never answers, a
// million names. Nothing is read but plain files of his on the file system
// that he was given; no link is followed, no mount point crossed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/root.h"

namespace gpuward::containers {

// `path` is below /run/user/UID. Error::unsupported for all that is not read.
Result<std::string> read_users_file(const host::Root& root, unsigned uid,
                                    std::string_view path, size_t limit);
// At most `most` names, sorted; which ones of more nobody knows.
Result<std::vector<std::string>> list_users_folder(const host::Root& root,
                                                   unsigned uid,
                                                   std::string_view path,
                                                   size_t most);

}  // namespace gpuward::containers
