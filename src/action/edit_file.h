// A configuration file is changed in one place, made, or removed.
//
// Arguments of a step: "path"; "before" and "after", each null where there is
// no file, else {"size", "hash"} (FNV-1a, 64 bits) of its text; "at",
// "removed", "inserted": the bytes that change. So a step is small whatever the
// file's size, and holds all that undoing needs.
// "purpose" names the repair.
//
// What was there before is kept, too, for people: in `backups` of the state
// directory, under a name that its path and text decide. Not beside the file:
// a folder of drop-ins is read whole by some programs, whatever a name ends in.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "action/action.h"

namespace gpuward::action {

// Nothing stands for no file.
using FileText = std::optional<std::string>;

// Error::unsupported for bytes that are no text, or too many for the ledger.
Result<Step> edit_file_step(const std::string& path, const FileText& before,
                            const FileText& after, std::string_view purpose);

// The text that a step makes of the present one, and the other way round.
// Error::busy where the file is not what the step says: somebody changed it.
Result<FileText> text_after(const Step& step, const FileText& now);
Result<FileText> text_before(const Step& step, const FileText& now);

// Where the text before a step is kept, if there was a file.
std::string backup_of(const host::Host& host, const Step& step);

// Error::busy for a link: whose file it leads to is for people to decide.
Result<FileText> read_for_edit(const host::Root& root, const std::string& path);

namespace edit_file {
Result<Action::Checked> check(const host::Host& host, const Step& step);
Result<void> run(const host::Host& host, const Step& step);
Result<std::string> verify(const host::Host& host, const Step& step);
Result<void> undo(const host::Host& host, const Step& step, const Json& undo);
}  // namespace edit_file

inline constexpr Action kEditFile = {
    .name = "edit-file",
    .what = "change a configuration file",
    .ends_with_boot = false,
    .check = edit_file::check,
    .run = edit_file::run,
    .verify = edit_file::verify,
    .undo = edit_file::undo,
};

}  // namespace gpuward::action
