// Evidence: the only thing that diagnosis sees.
//
// Two kinds share one shape. A *fact* has a key and a value ("driver" =
// "570.158.01"). A *line* has neither: it is a line of a log, and `text` is
// all of it. Both say where they come from. Immutable once made.
#pragma once

#include <optional>
#include <string>

#include "model/reading.h"

namespace gpuward {

// What a statement is about.
struct Subject {
  enum class Kind { node, gpu, container, pod, fabric };
  Kind kind = Kind::node;
  // gpu: PCI address "0000:0f:00.0" in lower case where known, else "GPU N";
  // container: id or name; pod: "namespace/name"; node, fabric: empty, or the
  // host's name where several machines are in one pile.
  std::string name;

  auto operator<=>(const Subject&) const = default;
};

struct Evidence {
  std::string source;  // "kernel-log", "probe", "pci", "log", "given", …
  Subject subject;
  std::optional<Wall> when;
  std::string key;  // empty for a line
  Value value;
  std::string text;  // a line; or a fact in words ("driver 570.158.01 (open)")
  std::string file;  // where it was read, empty if not from a file
  int64_t line = 0;  // in that file, from 1; 0 if none
  // Of a flood not every line is shown: how many like it this one stands for.
  int64_t times = 1;
  // Which start of the machine a line is of, where its log says so: 0 the one
  // that ran when it was taken, -1 the one before.
  int boot = 0;

  bool operator==(const Evidence&) const = default;
};

// A source that could not be read, or only in part. Not a fact about the
// machine: what rests on this source stays unknown.
struct Gap {
  std::string source;
  std::string why;  // "not readable: run as root"

  bool operator==(const Gap&) const = default;
};

}  // namespace gpuward
