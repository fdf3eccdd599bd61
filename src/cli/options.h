// What the command line asked for: one plain struct per verb. Filled in by
// parse.cpp, the only file that knows CLI11.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "base/time.h"
#include "cli/sim.h"

namespace gpuward::cli {

struct Common {
  std::string root;         // --root
  std::string run_dir;      // --run-dir
  std::string driver_root;  // --driver-root
  bool json = false;
};

struct DoctorOptions {
  Common common;
  Millis patience = 10s;
  std::vector<std::string> logs;
  std::vector<std::string> facts;
  std::string bundle;
  std::vector<std::string> why, why_not;  // ids of faults
};

struct BundleOptions {
  Common common;
  Millis patience = 10s;
  std::string output;  // "-": standard output; empty: a name of its own
  bool vendor_report = false;
};

struct StatusOptions {
  Common common;
  Millis patience = 10s;
  bool list = false;  // -L
};

struct ExplainOptions {
  Common common;
  std::vector<std::string> words;
};

struct AgentOptions {
  Common common;
  Millis interval = 15s;
};

struct ReleaseOptions {
  Common common;
  Millis duration = 10min;
  bool end = false;
};

struct CatalogueOptions {
  Common common;
  bool check = false;
  bool markdown = false;
  std::vector<std::string> files;  // in addition to what is built in
};

struct ContainersOptions {
  Common common;
  bool watch = false;
  bool heal = false;
  bool apply = false;
};

struct RepairOptions {
  Common common;
  Millis patience = 10s;
  std::vector<std::string> targets;  // findings or containers; empty: all
  bool apply = false;
  bool restart = false;  // containers may be restarted where nothing else helps
  bool undo = false;     // take back the last edit of a configuration
};

struct LinksOptions {
  Common common;
  bool create_all = false;
  bool dry_run = false;
  bool watch = false;
  bool install_udev_rule = false;
  bool install_boot_unit = false;
  std::string dev_char_path = "/dev/char";  // path: the default of links
};

// --version and --help are answered while parsing.
struct Done {
  int exit_code = 0;
};

using Options =
    std::variant<Done, DoctorOptions, StatusOptions, ExplainOptions,
                 ContainersOptions, RepairOptions, LinksOptions, AgentOptions,
                 ReleaseOptions, CatalogueOptions, BundleOptions, SimOptions>;

// Exit codes (sysexits.h for the last).
inline constexpr int kHealthy = 0;
inline constexpr int kWarning = 1;
inline constexpr int kFault = 2;
inline constexpr int kUnknown = 3;
inline constexpr int kWrongUsage = 64;

// Prints help and complaints itself. The first word is the program's name.
Options parse(const std::vector<std::string>& arguments);

// The verbs, one file each: an exit code.
int doctor(const DoctorOptions& options);
int status(const StatusOptions& options);
int explain(const ExplainOptions& options);
int containers(const ContainersOptions& options);
int repair(const RepairOptions& options);
int links(const LinksOptions& options);
int agent(const AgentOptions& options);
int release(const ReleaseOptions& options);
int catalogue(const CatalogueOptions& options);
int bundle(const BundleOptions& options);

// Shortens every deadline of the prober, for tests: $GPUWARD_DEADLINE_FACTOR.
double deadline_factor();

}  // namespace gpuward::cli
