// gpuward-kubelet: what `gpuward guard` and `gpuward device-plugin` execute.
#include <fmt/core.h>
#include <linux/close_range.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

#include "kubelet/guard/guard.h"
#include "kubelet/options.h"
#include "kubelet/service/device_plugin.h"
#include "probe/prober.h"

namespace gpuward::kubelet {
namespace {

constexpr int kFailed = 1;

int report(const Result<void>& result, std::string_view role) {
  if (result) return 0;
  fmt::print(stderr, "gpuward {}: {}\n", role, result.error().text);
  const auto kind = result.error().kind;
  const bool is_usage =
      kind == Error::Kind::malformed || kind == Error::Kind::unsupported;
  return is_usage ? kWrongUsage : kFailed;
}

Result<loop::Loop> new_loop() {
  // A log that nobody reads any more must not end us.
  (void)std::signal(SIGPIPE, SIG_IGN);
  loop::Loop loop = TRY(loop::Loop::create());
  // Before gRPC starts its threads, which would take the signals else.
  TRY_VOID(loop.end_on_signals());
  return loop;
}

Result<void> run_guard(const guard::GuardSettings& settings) {
  loop::Loop loop = TRY(new_loop());
  const auto guard = TRY(guard::Guard::start(loop, settings));
  ::sd_notify(0, "READY=1");
  return loop.run();
}

std::optional<std::string> from_environment(std::string_view name) {
  const char* value =
      std::getenv(std::string(name).c_str());  // NOLINT: no thread yet
  if (value == nullptr) return std::nullopt;
  return value;
}

Result<std::optional<plugin::ConfigText>> config_text(
    const plugin::GivenFlags& flags) {
  const std::string path = plugin::config_file_of(flags, from_environment);
  if (path.empty()) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  if (!file || !(text << file.rdbuf())) {
    return fail(Error::Kind::malformed,
                "the configuration file " + path + " cannot be read");
  }
  return plugin::ConfigText{path, text.str()};
}

Result<plugin::LoadedSettings> settings_of(const DevicePluginOptions& options) {
  const auto file = TRY(config_text(options.flags));
  return plugin::load_settings(options.flags, from_environment, file);
}

enum class Ending { for_good, to_start_anew };

// SIGHUP is a start anew, with the configuration file as it is then; where that
// makes no sense, all goes on as it was.
Result<Ending> run_device_plugin(const DevicePluginOptions& options) {
  plugin::LoadedSettings loaded = TRY(settings_of(options));
  for (const std::string& warning : loaded.warnings) {
    fmt::print(stderr, "gpuward device-plugin: warning: {}\n", warning);
  }
  // For good: a thread of ours may outlive everything else.
  static const host::Host host =
      TRY(host::Host::open({.root = options.root, .run_dir = options.run_dir}));
  loop::Loop loop = TRY(new_loop());
  auto ending = Ending::for_good;
  TRY_VOID(loop.on_signal(SIGHUP, [&] {
    const auto again = settings_of(options);
    if (!again) {
      fmt::print(stderr, "gpuward device-plugin: not loaded anew: {}\n",
                 again.error().text);
      return;
    }
    ending = Ending::to_start_anew;
    loop.end();
  }));
  const auto plugin = TRY(
      service::DevicePlugin::start(loop, host,
                                   {.state_dir = options.state_dir,
                                    .settings = std::move(loaded.settings)}));
  ::sd_notify(0, "READY=1");
  TRY_VOID(loop.run());
  return ending;
}

// Returns only where it failed.
Result<void> start_anew(char** arguments) {
  constexpr unsigned kFirst = 3;  // after the standard ones
  (void)::close_range(kFirst, ~0U, CLOSE_RANGE_CLOEXEC);
  ::execv("/proc/self/exe", arguments);  // path: our own program
  return fail_errno(errno, "starting anew");
}

struct Run {
  char** arguments;
  int operator()(const Done& done) const { return done.exit_code; }
  int operator()(const guard::GuardSettings& settings) const {
    return report(run_guard(settings), "guard");
  }
  int operator()(const DevicePluginOptions& options) const {
    const auto ending = run_device_plugin(options);
    if (ending && *ending == Ending::to_start_anew) {
      return report(start_anew(arguments), "device-plugin");
    }
    return report(ending ? Result<void>() : std::unexpected(ending.error()),
                  "device-plugin");
  }
};

}  // namespace
}  // namespace gpuward::kubelet

int main(int argc, char** argv) {
  using namespace gpuward::kubelet;
  // The prober is this program again (probe/launch.h).
  const std::vector<std::string> arguments(argv, argv + argc);
  if (arguments.size() > 1 && arguments[1] == gpuward::probe::kProberVerb) {
    const auto settings = gpuward::probe::from_arguments(arguments);
    return settings ? gpuward::probe::run_prober(*settings) : kWrongUsage;
  }
  return std::visit(Run{argv}, parse(argc, argv));
}
