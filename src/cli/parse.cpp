// The command line, by CLI11, which is included here and nowhere else.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "base/arguments.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/options.h"
#include "cli/screen.h"
#include "cli/verb_help.h"

namespace gpuward::cli {
namespace {

constexpr const char* kAbout =
    "gpuward keeps the GPUs of this machine usable: it says why NVML, "
    "nvidia-smi,\na GPU container or a GPU pod fails or hangs, and never hangs "
    "itself.";

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
            const auto value = duration_or_seconds_from(text);
            if (!value) throw CLI::ValidationError(name, value.error().text);
            out = *value;
          },
          about)
      ->type_name("TIME")
      ->default_str(to_words(out));
}

void add_common(CLI::App& verb, Common& common) {
  verb.add_flag("--json", common.json,
                "print JSON; members are added, never changed");
  verb.add_option("--root", common.root,
                  "diagnose the machine whose root directory is DIR")
      ->type_name("DIR");
  verb.add_option("--run-dir", common.run_dir,
                  "where gpuward keeps its own state")
      ->type_name("DIR")
      ->default_str("/run/gpuward");
}

void add_driver_root(CLI::App& verb, Common& common) {
  verb.add_option(
          "--driver-root", common.driver_root,
          "look for the driver's library and device nodes only below DIR")
      ->type_name("DIR");
}

CLI::App* add_doctor(CLI::App& app, DoctorOptions& options) {
  CLI::App* verb = app.add_subcommand(
      "doctor", "why the GPUs do not work, on this machine or from logs");
  add_common(*verb, options.common);
  add_driver_root(*verb, options.common);
  add_duration(
      *verb, "--patience", options.patience,
      "how long to wait for the driver at most; a plain number is seconds");
  verb->add_option(
          "--log", options.logs,
          "read logs or reports from another machine (files, archives, "
          "directories, or '-' for standard input) and nothing "
          "from this one")
      ->type_name("PATH");
  verb->add_option("--fact", options.facts,
                   "something you know about that machine (driver=570.158.01, "
                   "gpu=H20, uptime_days=66)")
      ->type_name("KEY=VALUE");
  CLI::Option* bundle =
      verb->add_option(
              "--bundle", options.bundle,
              "read what `gpuward bundle` wrote on another machine, and "
              "nothing from this one")
          ->type_name("FILE");
  for (const char* live :
       {"--log", "--root", "--run-dir", "--driver-root", "--patience"}) {
    bundle->excludes(verb->get_option(live));
  }
  verb->add_option(
          "--why", options.why,
          "show why this fault was found, condition by condition, instead "
          "of the report")
      ->type_name("ID");
  verb->add_option("--why-not", options.why_not,
                   "show why this fault was not found, instead of the report")
      ->type_name("ID");
  return verb;
}

CLI::App* add_bundle(CLI::App& app, BundleOptions& options) {
  CLI::App* verb = app.add_subcommand(
      "bundle",
      "everything a report or a vendor needs, in one file without "
      "secrets");
  add_common(*verb, options.common);
  add_driver_root(*verb, options.common);
  verb->add_option(
          "-o,--output", options.output,
          "where to write it ('-' for standard output); an existing file "
          "is not replaced")
      ->type_name("FILE")
      ->default_str("gpuward-bundle-HOST-TIME.tar.gz");
  add_duration(
      *verb, "--patience", options.patience,
      "how long to wait for the driver at most; a plain number is seconds");
  verb->add_flag("--with-vendor-report", options.vendor_report,
                 "also run nvidia-bug-report.sh, for three minutes at most "
                 "because it can freeze");
  return verb;
}

CLI::App* add_status(CLI::App& app, StatusOptions& options) {
  CLI::App* verb = app.add_subcommand(
      "status", "the GPUs and their readings, each with its age");
  add_common(*verb, options.common);
  add_driver_root(*verb, options.common);
  verb->add_flag("-L,--list", options.list,
                 "one line per GPU and MIG device, as nvidia-smi -L");
  add_duration(
      *verb, "--patience", options.patience,
      "how long to wait for the driver at most; a plain number is seconds");
  return verb;
}

CLI::App* add_explain(CLI::App& app, ExplainOptions& options) {
  CLI::App* verb = app.add_subcommand(
      "explain",
      "what a fault id, 'Xid 79', an NVML return or a log line means");
  verb->add_flag("--json", options.common.json, "print JSON");
  verb->add_option("words", options.words, "what to explain")->required();
  return verb;
}

CLI::App* add_containers(CLI::App& app, ContainersOptions& options) {
  CLI::App* verb = app.add_subcommand(
      "containers",
      "each container with a GPU: whether it has access, whether that "
      "lasts, and why");
  add_common(*verb, options.common);
  verb->add_flag("--watch", options.watch, "stay and show each change");
  CLI::Option* heal = verb->add_flag(
      "--heal", options.heal,
      "stay, protect containers at risk, and heal those that lost their GPU");
  verb->add_flag(
          "--apply", options.apply,
          "with --heal: carry it out (default: only say what it would do)")
      ->needs(heal);
  return verb;
}

CLI::App* add_repair(CLI::App& app, RepairOptions& options) {
  CLI::App* verb = app.add_subcommand(
      "repair", "the plan to mend what is wrong; --apply carries it out");
  add_common(*verb, options.common);
  add_driver_root(*verb, options.common);
  verb->add_option("what", options.targets,
                   "findings (container-gpu-access-revoked), containers (by "
                   "name or id), or runtime-cgroup-driver for the edit that "
                   "ends the loss for good (default: everything that can be "
                   "repaired)")
      ->type_name("FINDING|CONTAINER");
  verb->add_flag("--apply", options.apply,
                 "carry out the plan (default: only show it)");
  add_duration(*verb, "--patience", options.patience,
               "without a target: how long to wait for the driver at most; a "
               "plain number is seconds");
  verb->add_flag("--restart", options.restart,
                 "allow restarting containers where nothing milder helps");
  verb->add_flag("--undo", options.undo,
                 "with runtime-cgroup-driver: restore the previous file");
  return verb;
}

CLI::App* add_links(CLI::App& app, LinksOptions& options) {
  CLI::App* verb = app.add_subcommand(
      "links", "the /dev/char links that runc and systemd rely on");
  verb->require_subcommand(1);
  CLI::App* create = verb->add_subcommand(
      "create", "create missing links and correct wrong ones");
  add_common(*create, options.common);
  create
      ->add_option("--driver-root", options.common.driver_root,
                   "the device nodes are in DIR/dev (a driver container)")
      ->type_name("DIR");
  create
      ->add_option("--dev-char-path", options.dev_char_path,
                   "where to create the links")
      ->type_name("DIR")
      ->capture_default_str();
  create->add_flag("--create-all", options.create_all,
                   "also for nodes that do not exist yet");
  create->add_flag("--dry-run", options.dry_run, "only say what it would do");
  create->add_flag("--watch", options.watch, "stay and link new nodes");
  create->add_flag("--install-udev-rule", options.install_udev_rule,
                   "have udev create them when the driver binds a GPU");
  create->add_flag(
      "--install-boot-unit", options.install_boot_unit,
      "have systemd create them at boot, before any container runtime");
  return verb;
}

CLI::App* add_agent(CLI::App& app, AgentOptions& options) {
  CLI::App* verb = app.add_subcommand(
      "agent", "stay, probe in rounds, write the snapshot, answer the others");
  add_common(*verb, options.common);
  add_driver_root(*verb, options.common);
  add_duration(*verb, "--interval", options.interval,
               "time between two rounds");
  return verb;
}

CLI::App* add_release(CLI::App& app, ReleaseOptions& options) {
  CLI::App* verb = app.add_subcommand(
      "release",
      "let go of the driver before a reset, a MIG change or an upgrade");
  add_common(*verb, options.common);
  add_duration(*verb, "--for", options.duration, "how long nobody probes");
  verb->add_flag("--end", options.end, "allow probing again now");
  return verb;
}

CLI::App* add_catalogue(CLI::App& app, CatalogueOptions& options) {
  CLI::App* verb = app.add_subcommand(
      "catalogue",
      "the faults that gpuward knows, and a check for entries of your own");
  verb->require_subcommand(1);
  CLI::App* list = verb->add_subcommand(
      "list", "every fault: what it concerns and where it can be found");
  list->add_flag("--markdown", options.markdown,
                 "as Markdown, as in docs/faults.md");
  CLI::App* check = verb->add_subcommand(
      "check",
      "read files, run all their examples, and say what is wrong and where");
  check->callback([&options] { options.check = true; });
  for (CLI::App* each : {list, check}) {
    each->add_option("files", options.files, "more catalogue files")
        ->type_name("FILE");
    each->add_flag("--json", options.common.json, "print JSON");
    each->footer(
        "All files of /etc/gpuward/catalogue.d are read as well "
        "($GPUWARD_CONFIG_DIR\ninstead of /etc/gpuward).");
  }
  return verb;
}

// For --help alone: main() has become the program of these roles before.
void add_kubelet_roles(CLI::App& app) {
  app.add_subcommand("guard",
                     "stand between the kubelet and a device plugin, and "
                     "answer in time when the plugin does not");
  app.add_subcommand("device-plugin",
                     "serve the kubelet in place of NVIDIA's device plugin");
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
      "sim", "a simulated node: GPUs, a driver and faults without hardware");
  verb->require_subcommand(1);
  CLI::App* list = verb->add_subcommand("list", "the scenarios");
  list->callback([&options] { options.verb = SimOptions::Verb::list; });
  list->add_flag("--json", options.json, "print JSON");
  add_sim_node(*verb, "run", SimOptions::Verb::run,
               "run a command on a new node, then remove the node", options);
  add_sim_node(*verb, "start", SimOptions::Verb::start,
               "start a node that stays, and print what to export", options);
  add_sim_node(*verb, "stop", SimOptions::Verb::stop, "stop a started node",
               options);
  CLI::App* inject = verb->add_subcommand(
      "inject", "add faults to a running node, or clear them");
  inject->callback([&options] { options.verb = SimOptions::Verb::inject; });
  inject->add_option("--dir", options.dir, "the node's folder")
      ->type_name("DIR")
      ->default_str("$GPUWARD_SIM");
  inject->add_option("fault", options.faults, "what to add")
      ->type_name("FAULT");
  inject->add_option("--clear", options.clear, "clear these, or 'all'")
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
  std::string text = "unknown command '" + printable(word, 100) + "'";
  if (const auto guess = nearest(word, verbs)) {
    text += ": did you mean '" + *guess + "'?";
  }
  complain(text + " `" + path + " --help` lists them");
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

// The verb that was chosen, at its lowest level, and how it is called.
struct Chosen {
  const CLI::App* verb;
  std::string path;  // "gpuward links create"
};

Chosen deepest(const CLI::App& app) {
  Chosen out{&app, "gpuward"};
  while (!out.verb->get_subcommands().empty()) {
    out.verb = out.verb->get_subcommands().front();
    out.path += " " + out.verb->get_name();
  }
  return out;
}

std::vector<std::string> options_of(const CLI::App& verb) {
  std::vector<std::string> out;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      out.push_back("--" + name);
    }
  }
  return out;
}

// For words that the verb does not take.
void complain_of_extra(const CLI::App& app) {
  const auto [verb, path] = deepest(app);
  const std::vector<std::string> extra = app.remaining(true);
  const std::string word = extra.empty() ? "" : extra.front();
  if (verb->get_name() == "doctor" && !word.starts_with('-')) {
    return complain("doctor takes logs by --log: gpuward doctor --log " +
                    printable(word, 200));
  }
  complain(unexpected_argument(word, path, options_of(*verb)));
}

// Examples and exit codes below the options, and no option whose value may be
// left empty.
void complete(CLI::App& app, const std::string& path) {
  for (CLI::App* verb : app.get_subcommands({})) {
    const std::string name = path + verb->get_name();
    if (path.empty()) verb->group(help_group(name));
    if (std::string footer = help_footer(name); !footer.empty()) {
      if (!verb->get_footer().empty()) footer += "\n\n" + verb->get_footer();
      verb->footer(footer);
    }
    for (CLI::Option* option : verb->get_options()) {
      if (option->get_type_size() == 0 || option->get_lnames().empty())
        continue;
      option->check([](const std::string& value) {
        return value.empty() ? std::string("needs a value") : std::string();
      });
    }
    complete(*verb, name + " ");
  }
}

}  // namespace

Options parse(const std::vector<std::string>& arguments) {
  Parsed parsed;
  CLI::App app(kAbout, "gpuward");
  app.set_version_flag("--version", "gpuward " GPUWARD_VERSION);
  app.set_help_all_flag("--help-all", "the help of every command");
  app.require_subcommand(1);
  add_doctor(app, parsed.doctor);
  add_status(app, parsed.status);
  add_containers(app, parsed.containers);
  add_explain(app, parsed.explain);
  add_bundle(app, parsed.bundle);
  add_repair(app, parsed.repair);
  add_links(app, parsed.links);
  add_release(app, parsed.release);
  add_agent(app, parsed.agent);
  add_kubelet_roles(app);
  add_catalogue(app, parsed.catalogue);
  add_sim(app, parsed.sim);
  complete(app, "");
  // Last: verbs take over what stands before them.
  app.footer(
      "`gpuward help COMMAND` shows its options, examples and exit codes.\n"
      "Nothing is changed on this machine without --apply or `links create`.");
  std::vector<std::string> words = with_empty_values(arguments);
  if (words.size() < 2) {
    std::fputs(app.help().c_str(), stderr);
    return Done{kWrongUsage};
  }
  if (has_unknown_verb(app, words)) return Done{kWrongUsage};
  try {
    words.erase(words.begin());
    std::ranges::reverse(words);  // as CLI11 takes them
    app.parse(std::move(words));
  } catch (const CLI::ExtrasError&) {
    complain_of_extra(app);
    return Done{kWrongUsage};
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return Done{code == 0 ? 0 : kWrongUsage};
  }
  return chosen(app, parsed);
}

}  // namespace gpuward::cli
