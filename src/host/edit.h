// The only code that changes files of a machine other than our own run and
// state directories. Everything is done at once or not at all: a reader, or a
// power cut, sees the old file or the new one.
//
// Paths are those of the root; the folder is resolved inside it, and the last
// part is never followed if it is a link. Never used on what Root refuses.
//
// A call waits for the disk, and for nothing else. A writer that was killed
// leaves a file `.gpuward-new.…` at most, which the next one in that folder
// removes. Thread: any; several processes may write in one folder.
#pragma once

#include <string>
#include <string_view>

#include "host/root.h"

namespace gpuward::host {

// Replaces the file or makes it (0644, of the caller). Owner, mode, access
// list and extended attributes (SELinux) of an existing one are kept. On disk
// when it returns. Error::busy where a link or no plain file has that name.
Result<void> write_file(const Root& root, std::string_view path,
                        std::string_view text);
// Makes a symbolic link, or puts it in the place of another link. Anything
// else under that name is left alone: Error::busy.
Result<void> make_link(const Root& root, std::string_view path,
                       std::string_view target);
// A plain file or a link, else Error::busy. Error::not_found where it is not
// there.
Result<void> remove_file(const Root& root, std::string_view path);
// With its parents, 0755. Error::busy where something else has the name.
Result<void> make_folder(const Root& root, std::string_view path);

}  // namespace gpuward::host
