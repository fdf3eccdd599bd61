// The command line of the kubelet roles, by CLI11.
#include <CLI/CLI.hpp>

#include "base/time.h"
#include "kubelet/options.h"
#include "kubelet/plugin/setting_rows.h"

namespace gpuward::kubelet {
namespace {

constexpr const char* kKubeletDir = "/var/lib/kubelet/device-plugins";
constexpr const char* kGuardState = "/var/lib/gpuward/guard";
constexpr const char* kPluginState = "/var/lib/gpuward/device-plugin";

void add_duration(CLI::App& verb, const std::string& name, Millis& out,
                  const std::string& about) {
  verb.add_option_function<std::string>(
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

void add_deadline(CLI::App& verb, const std::string& name,
                  guard::PerResource& out, const std::string& about) {
  verb.add_option_function<std::vector<std::string>>(
          name,
          [&out, name](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) {
              const auto set = guard::set_deadline(out, text);
              if (!set) throw CLI::ValidationError(name, set.error().text);
            }
          },
          about)
      ->allow_extra_args(false)
      ->type_name("[RESOURCE=]TIME")
      ->default_str(to_words(out.usual));
}

void add_guard(CLI::App& app, guard::GuardSettings& settings) {
  settings.kubelet_dir = kKubeletDir;
  settings.plugin_dir = std::string(kGuardState) + "/device-plugins";
  settings.state_dir = kGuardState;
  CLI::App* verb = app.add_subcommand(
      "guard",
      "stands between the kubelet and a device plugin of any maker, and "
      "answers in time when the plugin does not");
  verb->add_option("--kubelet-dir", settings.kubelet_dir,
                   "where the kubelet's socket lies")
      ->type_name("DIR")
      ->capture_default_str();
  verb->add_option("--plugin-dir", settings.plugin_dir,
                   "what the plugin's pod has mounted in that place")
      ->type_name("DIR")
      ->capture_default_str();
  verb->add_option("--state-dir", settings.state_dir,
                   "what lasts over a restart, and guard.json with the counts")
      ->type_name("DIR")
      ->capture_default_str();
  add_deadline(*verb, "--preferred-deadline", settings.preferred_deadline,
               "for GetPreferredAllocation; later: no preference");
  add_deadline(*verb, "--allocate-deadline", settings.allocate_deadline,
               "for Allocate; later: an error");
  add_deadline(*verb, "--prestart-deadline", settings.prestart_deadline,
               "for PreStartContainer; later: an error");
  add_duration(*verb, "--options-deadline", settings.options_deadline,
               "for the plugin to be called back when it registers");
  verb->add_option("--allocate-failures", settings.allocate_failures,
                   "so many late Allocates in a row, and the devices are "
                   "Unhealthy until the plugin answers")
      ->type_name("N")
      ->capture_default_str();
  add_duration(*verb, "--liveness-interval", settings.liveness_interval,
               "how often a plugin is asked whether it is there");
  add_duration(*verb, "--plugin-grace", settings.plugin_grace,
               "how long devices of a plugin that is gone stay listed");
  verb->footer(
      "Each option with RESOURCE= may be given several times. One line of JSON "
      "for each\nevent goes to standard error. docs/guard.md says how to put "
      "it before a plugin.");
}

// "--driver-root,--nvidia-driver-root".
std::string names_of(const plugin::SettingRow& row) {
  std::string out;
  for (const std::string_view flag : plugin::flags_of(row)) {
    out += (out.empty() ? "--" : ",--") + std::string(flag);
  }
  return out;
}

std::string help_of(const plugin::SettingRow& row) {
  std::string out(row.help);
  std::string names;
  for (const std::string_view name : plugin::environment_of(row)) {
    names += (names.empty() ? "$" : ", $") + std::string(name);
  }
  return names.empty() ? out : out + " (" + names + ")";
}

// A yes/no flag stands alone or is given a value after "=", as there.
CLI::Option* add_setting(CLI::App& verb, const plugin::SettingRow& row,
                         plugin::GivenFlags& given) {
  auto& values = given[std::string(row.flag)];
  if (row.kind == plugin::SettingRow::Kind::yes_no) {
    return verb.add_flag(names_of(row), values, help_of(row));
  }
  return verb.add_option(names_of(row), values, help_of(row))
      ->allow_extra_args(false)
      ->type_name(row.kind == plugin::SettingRow::Kind::time ? "TIME" : "VALUE")
      ->default_str(std::string(row.otherwise));
}

void add_device_plugin(CLI::App& app, DevicePluginOptions& options) {
  options.state_dir = kPluginState;
  CLI::App* verb = app.add_subcommand(
      "device-plugin",
      "the kubelet's device plugin, in the place of NVIDIA's, which answers "
      "even while the driver hangs");
  verb->add_option("--root", options.root,
                   "the machine whose nodes are handed out has its root at DIR")
      ->type_name("DIR");
  verb->add_option("--run-dir", options.run_dir,
                   "where the agent writes snapshot.json")
      ->type_name("DIR")
      ->default_str("/run/gpuward");
  verb->add_option("--state-dir", options.state_dir,
                   "what lasts over a restart")
      ->type_name("DIR")
      ->capture_default_str();
  for (const plugin::SettingRow& row : plugin::setting_rows()) {
    if (row.is_flag) add_setting(*verb, row, options.flags);
  }
  verb->footer(
      "Flags, environment and configuration file of NVIDIA's device plugin are "
      "read as they\nare. One line of JSON for each event goes to standard "
      "error. docs/device-plugin.md\nis the page about it.");
}

}  // namespace

Options parse(int argc, char** argv) {
  CLI::App app("The kubelet roles of gpuward.", "gpuward");
  app.require_subcommand(1);
  guard::GuardSettings guard;
  DevicePluginOptions plugin;
  add_guard(app, guard);
  add_device_plugin(app, plugin);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return Done{code == 0 ? 0 : kWrongUsage};
  }
  if (app.got_subcommand("guard")) return guard;
  std::erase_if(plugin.flags,
                [](const auto& flag) { return flag.second.empty(); });
  return plugin;
}

}  // namespace gpuward::kubelet
