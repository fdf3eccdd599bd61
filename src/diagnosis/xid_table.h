// What each Xid and SXid says: knowledge/*.tsv, compiled into the program.
// Parsed once; rows live as long as the program.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/embedded.h"

namespace gpuward::diagnosis {

struct XidRow {
  int code = 0;
  std::string_view mnemonic;  // the driver's own name for it
  std::string_view meaning;
  // "application", "driver", "hardware", "fabric", "unknown"; "none" where it
  // tells of nothing that is broken by itself.
  std::string_view blame;
  std::string_view action;
  std::string_view comes_with;  // empty: nothing in particular
  std::string_view certainty;   // "documented", "inferred"
  std::string_view source;
};

std::span<const XidRow> xid_rows();
std::span<const XidRow> sxid_rows();
// nullptr for a number that is not in the table.
const XidRow* find_xid(int code);
const XidRow* find_sxid(int code);

// What the words after Xid 144 to 150 say: see knowledge/nvlink5.tsv.
struct Nvlink5Row {
  int xid = 0;
  std::string_view unit;           // how the unit's name begins; "*" for any
  std::optional<unsigned> status;  // none: any
  std::optional<unsigned> reason;
  std::string_view action;  // "reset", "app", "none", "check"
  std::string_view meaning;
};
const Nvlink5Row* find_nvlink5(int xid, std::string_view unit, unsigned status,
                               unsigned reason);

// The files of knowledge/, compiled into the program.
std::span<const EmbeddedFile> knowledge_files();

}  // namespace gpuward::diagnosis
