// What goes into a bundle: a row for each thing that is collected.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bundle/seen.h"
#include "host/host.h"

namespace gpuward::bundle {

// A file of the archive; its text as it was found.
struct Piece {
  std::string name;
  std::string text;
  bool cut = false;
};
struct Missing {
  std::string name;
  std::string why;
};
struct Pieces {
  std::vector<Piece> pieces;
  std::vector<Missing> missing;
};

struct Job {
  const host::Host& host;
  const Seen& seen;
  double factor = 1.0;  // of the prober's deadlines, for tests
  Millis left{0};       // until this one must be done
};

struct Collector {
  std::string_view name;
  std::string_view what;  // for people
  Millis deadline;
  // It reads files on disks that may not answer: a child does it.
  bool aside = false;
  Pieces (*collect)(const Job& job);
  bool only_where_asked = false;
};
// In the order in which they are collected: what is gone soonest, and what
// cannot hang, first.
std::span<const Collector> collectors();

// Files of one kind, by their place. `*` stands for part of a name.
struct FileSet {
  std::string_view pattern;
  size_t most = 256 << 10;
  bool tail = false;  // of a longer one the end
};
// Each is a piece "files/PATH". What is not there is not missed.
void collect_files(const host::Root& root, std::span<const FileSet> sets,
                   Pieces& out);
// Of a folder the files whose names match; every part may hold a `*`.
std::vector<std::string> expand(const host::Root& root,
                                std::string_view pattern);

// "not readable: run as root", or the error's own words.
std::string in_words(const Error& error);

// The collectors, by what they read.
Pieces collect_kernel_files(const Job& job);
Pieces collect_tasks_of(const Job& job);
Pieces collect_pci_devices(const Job& job);
Pieces collect_device_nodes(const Job& job);
Pieces collect_device_cgroups(const Job& job);
Pieces collect_firmware(const Job& job);
Pieces collect_logs(const Job& job);
Pieces collect_driver_files(const Job& job);
Pieces collect_configuration(const Job& job);
Pieces collect_units(const Job& job);
Pieces collect_boots(const Job& job);
Pieces collect_service_logs(const Job& job);
Pieces collect_packages(const Job& job);
Pieces collect_tools(const Job& job);
Pieces collect_ledger(const Job& job);
Pieces collect_vendor_report(const Job& job);

}  // namespace gpuward::bundle
