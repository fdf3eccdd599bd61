// gpuward links create
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "action/create_links.h"
#include "action/links_at_boot.h"
#include "action/watch_links.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/node.h"
#include "cli/options.h"
#include "cli/screen.h"
#include "host/walk.h"

namespace gpuward::cli {
namespace {

using What = action::LinkOutcome::What;

// Shown by a dry run of what cannot be installed from where it lies.
constexpr const char* kUsualPlace = "/usr/local/bin/gpuward";

std::string_view name_of(What what, action::Do how) {
  const bool will = how == action::Do::nothing;
  switch (what) {
    case What::already:
      return "already";
    case What::made:
      return will ? "would make" : "made";
    case What::replaced:
      return will ? "would replace" : "replaced";
    case What::removed:
      return will ? "would remove" : "removed";
    case What::failed:
      break;
  }
  return "failed";
}

struct Setup {
  Setup() = default;
  evidence::LinkPlaces places;
  action::Do how = action::Do::it;
  bool json = false;
  bool watch = false;
};

Json json_of(const action::LinkOutcome& outcome, action::Do how) {
  Json out = Json::object();
  out.set("link", outcome.path);
  if (!outcome.target.empty()) out.set("target", outcome.target);
  out.set("result", name_of(outcome.what, how));
  if (!outcome.was.empty()) out.set("was", printable(outcome.was));
  if (!outcome.why.empty()) out.set("why", printable(outcome.why));
  if (!outcome.node_exists) out.set("to_come", true);
  return out;
}

Json json_of(const action::Installed& installed, action::Do how) {
  Json out = Json::object();
  Json files = Json::array();
  for (const std::string& file : installed.files) files.push(file);
  out.set("what", installed.what);
  out.set("files", std::move(files));
  const What what = installed.already ? What::already : What::made;
  out.set("result", name_of(what, how));
  out.set("text", installed.text);
  return out;
}

// What was found and done, once for a run, or after each look of --watch.
class Report {
 public:
  explicit Report(const Setup& setup) : setup_(setup) {}

  bool all_right() const { return all_right_; }

  void add(const action::Installed& installed) {
    installed_.push_back(installed);
  }
  void complain_of(const std::string& text) {
    all_right_ = false;
    // With --watch the same is not said at every look.
    if (!said_.insert(text).second) return;
    problems_.push_back(printable(text));
  }

  void add(const evidence::DevCharLinks& found,
           const std::vector<action::LinkOutcome>& done) {
    done_ = done;
    for (const std::string& problem : found.problems) complain_of(problem);
    for (const Gap& gap : found.gaps) complain_of("not known: " + gap.why);
    for (const action::LinkOutcome& outcome : done) {
      if (outcome.what != What::failed) continue;
      const bool needs_root =
          outcome.error == Error::Kind::denied && ::geteuid() != 0;
      complain_of(outcome.why + (needs_root ? " (run as root)" : ""));
    }
  }

  // The first time all of it; later only what is new.
  void print() {
    const bool is_news =
        first_ || !problems_.empty() || count(What::already) < done_.size();
    if (is_news && setup_.json) print_json();
    if (is_news && !setup_.json) print_text();
    (void)std::fflush(stdout);
    for (const std::string& problem : problems_) {
      if (!setup_.json) complain(problem);
    }
    first_ = false;
    problems_.clear();
    installed_.clear();
  }

 private:
  size_t count(What what) const {
    return static_cast<size_t>(std::ranges::count_if(
        done_, [what](const action::LinkOutcome& outcome) {
          return outcome.what == what;
        }));
  }

  void print_json() const {
    Json out = Json::object();
    out.set("schema", 1);
    out.set("dry_run", setup_.how == action::Do::nothing);
    Json links = Json::array();
    for (const action::LinkOutcome& each : done_) {
      links.push(json_of(each, setup_.how));
    }
    out.set("links", std::move(links));
    Json installed = Json::array();
    for (const action::Installed& each : installed_) {
      installed.push(json_of(each, setup_.how));
    }
    out.set("installed", std::move(installed));
    Json problems = Json::array();
    for (const std::string& problem : problems_) problems.push(problem);
    out.set("problems", std::move(problems));
    // A line for each look, as a reader of a stream expects it.
    fmt::print("{}\n", out.dump(setup_.watch ? -1 : 2));
  }

  void print_text() const {
    for (const action::Installed& each : installed_) print_installed(each);
    const action::LinkOutcome* to_come = nullptr;
    size_t more = 0;
    for (const action::LinkOutcome& each : done_) {
      if (each.what == What::made && !each.node_exists) {
        // A MIG table of 135 nodes a GPU: the first stands for all.
        if (to_come == nullptr) to_come = &each;
        ++more;
      } else {
        print_line(each);
      }
    }
    if (to_come != nullptr) print_to_come(*to_come, more);
    const size_t right = count(What::already);
    if (first_ && right > 0) fmt::print("right already: {}\n", right);
    if (first_ && done_.empty() && problems_.empty()) {
      fmt::print(
          "there are no NVIDIA device nodes here: nothing to link "
          "(--create-all links those to come)\n");
    }
  }

  void print_line(const action::LinkOutcome& each) const {
    if (each.what == What::already || each.what == What::failed) return;
    const std::string arrow =
        each.target.empty() ? "" : " -> " + printable(each.target);
    std::string was;
    if (!each.was.empty()) {
      was = fmt::format(" (pointed at {}{})", printable(each.was),
                        each.why.empty() ? "" : ": " + printable(each.why));
    }
    fmt::print("{} {}{}{}\n", name_of(each.what, setup_.how), each.path, arrow,
               was);
  }

  void print_to_come(const action::LinkOutcome& first, size_t all) const {
    fmt::print("{} {} link{} for nodes to come: {} -> {}{}\n",
               name_of(What::made, setup_.how), all, all == 1 ? "" : "s",
               first.path, first.target, all == 1 ? "" : " and so on");
  }

  void print_installed(const action::Installed& each) const {
    const std::string& file = each.files.front();
    if (each.already) {
      fmt::print("the {} is there already: {}\n", each.what, file);
      return;
    }
    const bool will = setup_.how == action::Do::nothing;
    for (const std::string& written : each.files) {
      fmt::print("{} {}\n", will ? "would write" : "wrote", written);
    }
    fmt::print("{}", each.text);
    if (will) return;
    std::string remove;
    for (const std::string& written : each.files) remove += " " + written;
    fmt::print(
        "The {} counts from the next {} on; systemd was not reloaded, since "
        "that takes GPUs from running containers.\nTo undo: rm{}\n",
        each.what,
        each.files.size() > 1 ? "boot" : "boot or load of the driver", remove);
  }

  const Setup& setup_;
  std::vector<action::LinkOutcome> done_;
  std::vector<action::Installed> installed_;
  std::vector<std::string> problems_;
  std::set<std::string> said_;
  bool first_ = true;
  bool all_right_ = true;
};

// What the rule and the unit run: this program, with the same places.
std::string command_of(const std::string& program, const Setup& setup) {
  std::string out = program + " links create --create-all";
  if (!setup.places.driver_root.empty()) {
    out += " --driver-root " + setup.places.driver_root;
  }
  if (setup.places.folder != evidence::kDevChar) {
    out += " --dev-char-path " + setup.places.folder;
  }
  return out;
}

void install(const host::Host& host, const LinksOptions& options,
             const Setup& setup, Report& report) {
  if (!options.install_udev_rule && !options.install_boot_unit) return;
  const auto program = action::lasting_program(host);
  // Of a copy it is said that nothing is installed in it.
  if (!program && !host.why_not_to_probe()) {
    report.complain_of(program.error().text);
    if (setup.how == action::Do::it) return;
  }
  const std::string command = command_of(program.value_or(kUsualPlace), setup);
  const auto take = [&report](const Result<action::Installed>& installed) {
    if (installed) {
      report.add(*installed);
    } else {
      report.complain_of(installed.error().text);
    }
  };
  if (options.install_udev_rule) {
    take(action::install_udev_rule(host, command, setup.how));
  }
  if (options.install_boot_unit) {
    take(action::install_boot_unit(host, command, setup.how));
  }
}

// Nothing where a path is not absolute; said.
std::optional<Setup> setup_of(const LinksOptions& options) {
  Setup setup;
  setup.how = options.dry_run ? action::Do::nothing : action::Do::it;
  setup.json = options.common.json;
  setup.watch = options.watch && !options.dry_run;
  if (options.create_all) setup.places.which = evidence::Which::to_come;
  for (const std::string& path :
       {options.common.driver_root, options.dev_char_path}) {
    if (path.empty() || action::is_plain_path(path)) continue;
    complain("'" + printable(path, 200) +
             "' is no absolute path of plain letters");
    return std::nullopt;
  }
  if (!options.dev_char_path.empty()) {
    setup.places.folder = host::normal_path(options.dev_char_path);
  }
  const std::string driver_root = host::normal_path(options.common.driver_root);
  if (driver_root != "/") setup.places.driver_root = driver_root;
  return setup;
}

int watch(const host::Host& host, const Setup& setup, Report& report) {
  auto loop = loop::Loop::create();
  if (!loop) {
    complain(loop.error().text);
    return kWarning;
  }
  const action::LinksReport show =
      [&report](const evidence::DevCharLinks& found,
                const std::vector<action::LinkOutcome>& done) {
        report.add(found, done);
        report.print();
      };
  auto watched = loop->end_on_signals();
  if (watched)
    watched = action::watch_links(*loop, host.evidence, setup.places, show);
  if (watched) return kHealthy;
  complain(watched.error().text);
  return kWarning;
}

}  // namespace

int links(const LinksOptions& options) {
  const auto setup = setup_of(options);
  if (!setup) return kWrongUsage;
  const auto host = open_host(options.common);
  if (!host) {
    complain(host.error().text);
    return kWrongUsage;
  }
  if (setup->how == action::Do::it && host->evidence.is_machine() &&
      ::geteuid() != 0) {
    complain(
        "only root can make links in /dev/char: run as root, or with "
        "--dry-run to see what would be done");
    return kWarning;
  }
  Report report(*setup);
  install(*host, options, *setup, report);
  if (setup->watch) return watch(*host, *setup, report);
  const auto found =
      evidence::find_dev_char_links(host->evidence, setup->places);
  report.add(found, action::put_links(host->evidence, found, setup->how));
  report.print();
  return report.all_right() ? kHealthy : kWarning;
}

}  // namespace gpuward::cli
