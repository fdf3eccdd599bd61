// The command line, by CLI11, which is included here and nowhere else.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/text.h"
#include "base/time.h"
#include "cli/options.h"
#include "cli/screen.h"

namespace gpuward::cli {
namespace {

constexpr const char* kAbout =
    "gpuward keeps the GPUs of this machine usable: it says why NVML, "
    "nvidia-smi,\na GPU container or a GPU pod fails or hangs, and never hangs "
    "itself.";

constexpr const char* kExitCodes =
    "Exit codes of doctor: 0 healthy or no NVIDIA hardware, 1 warning, 2 fault,"
    "\n3 could not tell, 64 wrong usage.";

const std::string kDoctorExitCodes =
    std::string(kExitCodes) +
    "\nWith --why and --why-not: 0 as asked, 1 the other way round, 3 could "
    "not tell, 64 no\nsuch fault.";

struct Parsed {
  Common common;
  DoctorOptions doctor;
  StatusOptions status;
  ExplainOptions explain;
  ContainersOptions containers;
  RepairOptions repair;
  LinksOptions links;
  AgentOptions agent;
  ReleaseOptions release;
  CatalogueOptions catalogue;
  BundleOptions bundle;
  SimOptions sim;
};

CLI::Option* add_duration(CLI::App& verb, const char* name, Millis& out,
                          const char* about) {
  return verb
      .add_option_function<std::string>(
          name,
          [&out, name](const std::string& text) {
            const auto value = duration_from(text);
            if (!value) throw CLI::ValidationError(name, value.error().text);
            out = *value;
          },
          about)
      ->type_name("TIME")
      ->default_str(to_words(out));
}

void add_common(CLI::App& verb, Common& common) {
  verb.add_flag("--json", common.json, "print JSON (stable; additions only)");
  verb.add_option("--root", common.root,
                  "diagnose the machine whose root is DIR")
      ->type_name("DIR");
  verb.add_option("--run-dir", common.run_dir,
                  "where gpuward keeps its own state")
      ->type_name("DIR")
      ->default_str("/run/gpuward");
}

void add_driver_root(CLI::App& verb, Common& common) {
  verb.add_option("--driver-root", common.driver_root,
                  "look for the driver's library and nodes only below DIR")
      ->type_name("DIR");
}

CLI::App* add_doctor(CLI::App& app, DoctorOptions& options) {
  CLI::App* verb = app.add_subcommand(
      "doctor", "why does it not work? On this machine, or from logs");
  add_common(*verb, options.common);
  add_driver_root(*verb, options.common);
  add_duration(*verb, "--patience", options.patience,
               "how long to wait for the driver at most");
  verb->add_option("--log", options.logs,
                   "read logs or reports of another machine: files, archives, "
                   "directories ('-': standard input); then nothing local is "
                   "read")
      ->type_name("PATH");
  verb->add_option("--fact", options.facts,
                   "what is known of that machine (driver=570.158.01, "
                   "gpu=H20, uptime_days=66)")
      ->type_name("KEY=VALUE");
  CLI::Option* bundle =
      verb->add_option("--bundle", options.bundle,
                       "read what `gpuward bundle` took on another machine; "
                       "then nothing local is read")
          ->type_name("FILE");
  for (const char* live :
       {"--log", "--root", "--run-dir", "--driver-root", "--patience"}) {
    bundle->excludes(verb->get_option(live));
  }
  verb->add_option("--why", options.why,
                   "instead of the report: why was this fault found, condition "
                   "by condition")
      ->type_name("ID");
  verb->add_option("--why-not", options.why_not,
                   "instead of the report: why was this fault not found")
      ->type_name("ID");
  verb->footer(kDoctorExitCodes);
  return verb;
}

CLI::App* add_bundle(CLI::App& app, BundleOptions& options) {
  CLI::App* verb = app.add_subcommand(
      "bundle",
      "all that a report or a vendor asks for, in one file, without "
      "secrets");
  add_common(*verb, options.common);
  add_driver_root(*verb, options.common);
  verb->add_option("-o,--output", options.output,
                   "where it is written ('-': standard output); a file that is "
                   "there is not replaced")
      ->type_name("FILE")
      ->default_str("gpuward-bundle-HOST-TIME.tar.gz");
  add_duration(*verb, "--patience", options.patience,
               "how long to wait for the driver at most");
  verb->add_flag("--with-vendor-report", options.vendor_report,
                 "run nvidia-bug-report.sh as well, which can freeze: three "
                 "minutes at most");
  verb->footer(
      "Exit codes: 0 written, also where pieces are missing (index.txt in it "
      "says which\nand why), 1 it could not be written, 64 wrong usage.");
  return verb;
}

CLI::App* add_status(CLI::App& app, StatusOptions& options) {
  CLI::App* verb = app.add_subcommand(
      "status", "the GPUs and what they say, with the age of each reading");
  add_common(*verb, options.common);
  add_driver_root(*verb, options.common);
  verb->add_flag("-L,--list", options.list,
                 "one line per GPU and MIG device, as nvidia-smi -L");
  add_duration(*verb, "--patience", options.patience,
               "how long to wait for the driver at most");
  return verb;
}

CLI::App* add_explain(CLI::App& app, ExplainOptions& options) {
  CLI::App* verb = app.add_subcommand(
      "explain",
      "what does it mean? A fault id, 'Xid 79', an NVML return, a log line");
  verb->add_flag("--json", options.common.json, "print JSON");
  verb->add_option("words", options.words, "what to explain")->required();
  return verb;
}

CLI::App* add_containers(CLI::App& app, ContainersOptions& options) {
  CLI::App* verb = app.add_subcommand(
      "containers",
      "each container with a GPU: access now, at risk or not, and why");
  add_common(*verb, options.common);
  verb->add_flag("--watch", options.watch, "stay, and show each change");
  CLI::Option* heal = verb->add_flag(
      "--heal", options.heal,
      "stay, protect containers at risk and heal those that lost their GPU");
  verb->add_flag("--apply", options.apply,
                 "with --heal: do it; else it only says what it would do")
      ->needs(heal);
  verb->footer(
      "Exit codes: 0 all have access that lasts, 1 some are at risk, 2 some "
      "lost their\nGPU, 3 could not tell, 64 wrong usage.");
  return verb;
}

CLI::App* add_repair(CLI::App& app, RepairOptions& options) {
  CLI::App* verb = app.add_subcommand(
      "repair", "the plan for what is wrong; with --apply, carry it out");
  add_common(*verb, options.common);
  add_driver_root(*verb, options.common);
  verb->add_option("what", options.targets,
                   "findings (container-gpu-access-revoked), containers (by "
                   "name or id), or runtime-cgroup-driver: the edit that ends "
                   "the loss for good; nothing: all that is wrong and can be "
                   "repaired")
      ->type_name("FINDING|CONTAINER");
  verb->add_flag("--apply", options.apply, "do it; else it is only shown");
  verb->add_flag("--restart", options.restart,
                 "containers may be restarted where nothing milder helps");
  verb->add_flag("--undo", options.undo,
                 "with runtime-cgroup-driver: bring the former file back");
  verb->footer(
      "Exit codes: 0 done, or nothing to do, or shown; 1 something was "
      "refused; 2 a repair\ndid not work; 3 could not tell; 64 wrong usage.");
  return verb;
}

CLI::App* add_links(CLI::App& app, LinksOptions& options) {
  CLI::App* verb = app.add_subcommand(
      "links", "the /dev/char links that runc and systemd go by");
  verb->require_subcommand(1);
  CLI::App* create = verb->add_subcommand(
      "create", "make those that are missing, mend those that are wrong");
  add_common(*create, options.common);
  create
      ->add_option("--driver-root", options.common.driver_root,
                   "the nodes lie below DIR/dev (a driver container)")
      ->type_name("DIR");
  create
      ->add_option("--dev-char-path", options.dev_char_path,
                   "where the links are made")
      ->type_name("DIR")
      ->capture_default_str();
  create->add_flag("--create-all", options.create_all,
                   "also for nodes that do not exist yet");
  create->add_flag("--dry-run", options.dry_run, "only say what would be done");
  create->add_flag("--watch", options.watch, "stay, and link new nodes");
  create->add_flag("--install-udev-rule", options.install_udev_rule,
                   "have udev make them when the driver binds a GPU");
  create->add_flag("--install-boot-unit", options.install_boot_unit,
                   "have systemd make them at boot, before any runtime");
  create->footer(
      "Exit codes: 0 all links are right, 1 something could not be done, 64 "
      "wrong usage.");
  return verb;
}

CLI::App* add_agent(CLI::App& app, AgentOptions& options) {
  CLI::App* verb = app.add_subcommand(
      "agent", "stay, probe in rounds, write the snapshot, answer others");
  add_common(*verb, options.common);
  add_driver_root(*verb, options.common);
  add_duration(*verb, "--interval", options.interval, "between two rounds");
  return verb;
}

CLI::App* add_release(CLI::App& app, ReleaseOptions& options) {
  CLI::App* verb = app.add_subcommand(
      "release", "let go of the driver, before a reset, MIG change or upgrade");
  add_common(*verb, options.common);
  add_duration(*verb, "--for", options.duration,
               "nobody probes again before that");
  verb->add_flag("--end", options.end, "probing may go on now");
  return verb;
}

CLI::App* add_catalogue(CLI::App& app, CatalogueOptions& options) {
  CLI::App* verb = app.add_subcommand(
      "catalogue", "the faults that are known; check entries of your own");
  verb->require_subcommand(1);
  CLI::App* list = verb->add_subcommand(
      "list", "every fault: what it is about and where it can be found");
  list->add_flag("--markdown", options.markdown,
                 "as the page docs/faults.md of the source tree");
  CLI::App* check = verb->add_subcommand(
      "check", "read files and run all examples: what is wrong, and where");
  check->callback([&options] { options.check = true; });
  for (CLI::App* each : {list, check}) {
    each->add_option("files", options.files, "further catalogue files")
        ->type_name("FILE");
    each->add_flag("--json", options.common.json, "print JSON");
    each->footer(
        "Beside what is built in, all files of /etc/gpuward/catalogue.d are "
        "read\n($GPUWARD_CONFIG_DIR instead of /etc/gpuward). Exit codes of "
        "check: 0 all right,\n2 an example is wrong, 64 mistakes in a file.");
  }
  return verb;
}

// For --help alone: main() has become the program of these roles before.
void add_kubelet_roles(CLI::App& app) {
  app.add_subcommand("guard",
                     "stand between the kubelet and a device plugin, and "
                     "answer in time when the plugin does not");
  app.add_subcommand("device-plugin",
                     "be the kubelet's device plugin, in place of NVIDIA's");
}

void add_sim_node(CLI::App& sim, const char* name, SimOptions::Verb verb,
                  const char* about, SimOptions& options) {
  CLI::App* sub = sim.add_subcommand(name, about);
  sub->callback([&options, verb] { options.verb = verb; });
  sub->add_option("--dir", options.dir, "the node's folder")->type_name("DIR");
  if (verb == SimOptions::Verb::run || verb == SimOptions::Verb::start) {
    sub->add_option("scenario", options.scenario,
                    "a name of `sim list`, or a file")
        ->type_name("SCENARIO")
        ->required();
  }
  if (verb == SimOptions::Verb::run) {
    sub->add_option("command", options.command,
                    "what to run on the node, after --")
        ->type_name("CMD");
  }
}

CLI::App* add_sim(CLI::App& app, SimOptions& options) {
  CLI::App* verb = app.add_subcommand(
      "sim", "a simulated node: GPUs, driver and faults without hardware");
  verb->require_subcommand(1);
  CLI::App* list = verb->add_subcommand("list", "the scenarios");
  list->callback([&options] { options.verb = SimOptions::Verb::list; });
  list->add_flag("--json", options.json, "print JSON");
  add_sim_node(*verb, "run", SimOptions::Verb::run,
               "run a command on a node of its own, then remove the node",
               options);
  add_sim_node(*verb, "start", SimOptions::Verb::start,
               "start a node that stays; prints what to export", options);
  add_sim_node(*verb, "stop", SimOptions::Verb::stop, "end a started node",
               options);
  CLI::App* inject = verb->add_subcommand(
      "inject", "add faults to a running node, or lift them");
  inject->callback([&options] { options.verb = SimOptions::Verb::inject; });
  inject->add_option("--dir", options.dir, "the node's folder")
      ->type_name("DIR")
      ->default_str("$GPUWARD_SIM");
  inject->add_option("fault", options.faults, "what to add")
      ->type_name("FAULT");
  inject->add_option("--clear", options.clear, "lift these, or 'all'")
      ->type_name("ID");
  inject->add_flag("--list", options.list_faults, "the faults by id");
  inject->add_flag("--json", options.json, "print JSON");
  inject->footer(std::string(sim_inject_help()));
  return verb;
}

Options chosen(const CLI::App& app, Parsed& parsed) {
  if (app.got_subcommand("doctor")) return parsed.doctor;
  if (app.got_subcommand("status")) return parsed.status;
  if (app.got_subcommand("explain")) return parsed.explain;
  if (app.got_subcommand("containers")) return parsed.containers;
  if (app.got_subcommand("repair")) return parsed.repair;
  if (app.got_subcommand("links")) return parsed.links;
  if (app.got_subcommand("agent")) return parsed.agent;
  if (app.got_subcommand("release")) return parsed.release;
  if (app.got_subcommand("catalogue")) return parsed.catalogue;
  if (app.got_subcommand("bundle")) return parsed.bundle;
  return parsed.sim;
}

// CLI11 only says that a verb is missing; this says which one was meant.
// `path`: "gpuward", "gpuward links".
bool is_unknown_verb(const CLI::App& app, const std::string& path,
                     const std::string& word) {
  if (word.starts_with('-')) return false;
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands({})) {
    if (verb->get_name() == word) return false;
    verbs.push_back(verb->get_name());
  }
  if (verbs.empty()) return false;
  std::string text = "no verb '" + printable(word, 100) + "'";
  if (const auto guess = nearest(word, verbs)) {
    text += "; did you mean '" + *guess + "'?";
  }
  complain(text + " `" + path + " --help` shows them");
  return true;
}

// Of both levels: `gpuward links create`.
bool has_unknown_verb(const CLI::App& app,
                      const std::vector<std::string>& arguments) {
  if (arguments.size() < 2) return false;
  const std::string& first = arguments[1];
  if (is_unknown_verb(app, "gpuward", first)) return true;
  if (arguments.size() < 3 || first.starts_with('-')) return false;
  return is_unknown_verb(*app.get_subcommand(first), "gpuward " + first,
                         arguments[2]);
}

}  // namespace

Options parse(int argc, char** argv) {
  Parsed parsed;
  CLI::App app(kAbout, "gpuward");
  app.set_version_flag("--version", "gpuward " GPUWARD_VERSION);
  app.set_help_all_flag("--help-all", "help of every verb");
  app.require_subcommand(1);
  add_doctor(app, parsed.doctor);
  add_status(app, parsed.status);
  add_explain(app, parsed.explain);
  add_containers(app, parsed.containers);
  add_repair(app, parsed.repair);
  add_links(app, parsed.links);
  add_agent(app, parsed.agent);
  add_release(app, parsed.release);
  add_catalogue(app, parsed.catalogue);
  add_bundle(app, parsed.bundle);
  add_kubelet_roles(app);
  add_sim(app, parsed.sim);
  // Last: verbs take over what stands before them.
  app.footer("gpuward VERB --help says more. " + std::string(kExitCodes));
  if (has_unknown_verb(app, {argv, argv + argc})) return Done{kWrongUsage};
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return Done{code == 0 ? 0 : kWrongUsage};
  }
  return chosen(app, parsed);
}

}  // namespace gpuward::cli
