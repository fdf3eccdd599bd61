// An action for tests: two files of a folder that say "old" are to say "new".
// Between the two writes the machine is half changed.
//
// Arguments: {folder}, and what is to go wrong: {"fails": "run"|"verify"|
// "undo"|"gone"|"busy"}.
#pragma once

#include <fstream>
#include <sstream>
#include <string>

#include "action/action.h"

namespace gpuward::two_files {

inline std::string read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

inline void write(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

inline std::string folder_of(const Step& step) {
  return std::string(step.arguments["folder"].as_string());
}

inline bool fails(const Step& step, std::string_view where) {
  for (const Json& each : step.arguments["fails"].as_array()) {
    if (each.as_string() == where) return true;
  }
  return false;
}

inline Result<action::Action::Checked> check(const host::Host&,
                                             const Step& step) {
  if (fails(step, "check")) return fail(Error::Kind::denied, "not this one");
  action::Action::Checked out;
  out.already = read(folder_of(step) + "/a") == "new" &&
                read(folder_of(step) + "/b") == "new";
  out.undo.set("a", read(folder_of(step) + "/a"));
  out.undo.set("b", read(folder_of(step) + "/b"));
  return out;
}

inline Result<void> run(const host::Host&, const Step& step) {
  write(folder_of(step) + "/a", "new");
  if (fails(step, "run")) return fail(Error::Kind::system, "half way");
  write(folder_of(step) + "/b", "new");
  return {};
}

inline Result<std::string> verify(const host::Host&, const Step& step) {
  if (fails(step, "gone")) return fail(Error::Kind::gone, "it has ended");
  if (fails(step, "verify")) return fail(Error::Kind::system, "no use");
  for (const char* name : {"/a", "/b"}) {
    if (read(folder_of(step) + name) != "new") {
      return fail(Error::Kind::system, std::string(name) + " is old");
    }
  }
  return std::string("both are new");
}

inline Result<void> undo(const host::Host&, const Step& step,
                         const Json& undo) {
  if (fails(step, "undo")) return fail(Error::Kind::denied, "stays");
  if (fails(step, "busy")) return fail(Error::Kind::busy, "later");
  for (const char* name : {"a", "b"}) {
    write(folder_of(step) + "/" + name, std::string(undo[name].as_string()));
  }
  return {};
}

inline constexpr action::Action kAction{.name = "two-files",
                                        .what = "for tests",
                                        .ends_with_boot = false,
                                        .check = check,
                                        .run = run,
                                        .verify = verify,
                                        .undo = undo};

inline Step step(const std::string& folder) {
  Step out;
  out.action = "two-files";
  out.subject = {Subject::Kind::container, folder};
  out.text = "make both new";
  out.arguments.set("folder", folder);
  return out;
}

}  // namespace gpuward::two_files
