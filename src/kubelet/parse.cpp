// The command line of the kubelet roles, by CLI11.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "base/arguments.h"
#include "base/time.h"
#include "kubelet/options.h"
#include "kubelet/plugin/setting_rows.h"

namespace gpuward::kubelet {
namespace {

constexpr const char* kKubeletDir = "/var/lib/kubelet/device-plugins";
constexpr const char* kGuardState = "/var/lib/gpuward/guard";
constexpr const char* kPluginState = "/var/lib/gpuward/device-plugin";

// For directories, which cannot be nowhere.
CLI::Option* add_folder(CLI::App& verb, const char* name, std::string& out,
                        const char* about) {
  return verb.add_option(name, out, about)
      ->type_name("DIR")
      ->capture_default_str()
      ->check([](const std::string& value) {
        return value.empty() ? std::string("needs a value") : std::string();
      });
}

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
      "stand between the kubelet and a device plugin of any vendor, and "
      "answer in time when the plugin does not");
  add_folder(*verb, "--kubelet-dir", settings.kubelet_dir,
             "directory of the kubelet's socket");
  add_folder(*verb, "--plugin-dir", settings.plugin_dir,
             "what the plugin's pod mounts in its place");
  add_folder(*verb, "--state-dir", settings.state_dir,
             "what survives a restart, and guard.json with the counts");
  add_deadline(*verb, "--preferred-deadline", settings.preferred_deadline,
               "for GetPreferredAllocation; later: no preference");
  add_deadline(*verb, "--allocate-deadline", settings.allocate_deadline,
               "for Allocate; later: an error");
  add_deadline(*verb, "--prestart-deadline", settings.prestart_deadline,
               "for PreStartContainer; later: an error");
  add_duration(*verb, "--options-deadline", settings.options_deadline,
               "for calling the plugin back when it registers");
  verb->add_option("--allocate-failures", settings.allocate_failures,
                   "number of late Allocates in a row that makes the devices "
                   "Unhealthy until the plugin answers")
      ->type_name("N")
      ->capture_default_str();
  add_duration(*verb, "--liveness-interval", settings.liveness_interval,
               "how often to check that a plugin is there");
  add_duration(*verb, "--plugin-grace", settings.plugin_grace,
               "how long the devices of a missing plugin stay listed");
  verb->footer(
      "Each option with RESOURCE= may be given several times. Each event is "
      "one "
      "line of JSON\non standard error.\n\n"
      "Examples:\n"
      "  gpuward guard\n"
      "      answer the kubelet in time while a device plugin hangs\n"
      "  gpuward guard --allocate-deadline nvidia.com/gpu=30s\n"
      "      with more time for one resource\n\n"
      "Exit codes: 0 ended by a signal; 1 it could not start; 64 wrong "
      "usage.\n\nMore: docs/guard.md");
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
      "serve the kubelet in place of NVIDIA's device plugin, even while the "
      "driver hangs");
  add_folder(*verb, "--root", options.root,
             "root directory of the machine whose devices are handed out");
  add_folder(*verb, "--run-dir", options.run_dir,
             "where the agent writes snapshot.json")
      ->default_str("/run/gpuward");
  add_folder(*verb, "--state-dir", options.state_dir,
             "what survives a restart");
  for (const plugin::SettingRow& row : plugin::setting_rows()) {
    if (row.is_flag) add_setting(*verb, row, options.flags);
  }
  verb->footer(
      "The flags, environment and configuration file of NVIDIA's device plugin "
      "work unchanged.\nEach event is one line of JSON on standard error.\n\n"
      "Examples:\n"
      "  gpuward device-plugin --mig-strategy=mixed\n"
      "      with a resource for each MIG profile\n"
      "  gpuward device-plugin --config-file config.yaml\n"
      "      with the configuration file of NVIDIA's plugin\n\n"
      "Exit codes: 0 ended by a signal; 1 it could not start; 64 wrong "
      "usage.\n\nMore: docs/device-plugin.md");
}

// For words that the role does not take.
void complain_of_extra(const CLI::App& app) {
  const CLI::App& verb = *app.get_subcommands().front();
  std::vector<std::string> options;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      options.push_back("--" + name);
    }
  }
  const std::vector<std::string> extra = app.remaining(true);
  const std::string text =
      unexpected_argument(extra.empty() ? "" : extra.front(),
                          "gpuward " + verb.get_name(), options);
  std::fprintf(stderr, "gpuward: %s\n", text.c_str());
}

}  // namespace

Options parse(int argc, char** argv) {
  CLI::App app("The kubelet roles of gpuward.", "gpuward");
  app.require_subcommand(1);
  guard::GuardSettings guard;
  DevicePluginOptions plugin;
  add_guard(app, guard);
  add_device_plugin(app, plugin);
  std::vector<std::string> words = with_empty_values({argv, argv + argc});
  words.erase(words.begin());
  std::ranges::reverse(words);  // as CLI11 takes them
  try {
    app.parse(std::move(words));
  } catch (const CLI::ExtrasError&) {
    complain_of_extra(app);
    return Done{kWrongUsage};
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
