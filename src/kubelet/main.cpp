// gpuward-kubelet: what `gpuward guard` and `gpuward device-plugin` execute.
#include <fmt/core.h>
#include <systemd/sd-daemon.h>

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

Result<Loop> new_loop() {
  // A log that nobody reads any more must not end us.
  (void)std::signal(SIGPIPE, SIG_IGN);
  Loop loop = TRY(Loop::create());
  // Before gRPC starts its threads, which would take the signals else.
  TRY_VOID(loop.end_on_signals());
  return loop;
}

Result<void> run_guard(const GuardSettings& settings) {
  Loop loop = TRY(new_loop());
  const auto guard = TRY(Guard::start(loop, settings));
  ::sd_notify(0, "READY=1");
  return loop.run();
}

std::optional<std::string> from_environment(std::string_view name) {
  const char* value =
      std::getenv(std::string(name).c_str());  // NOLINT: no thread yet
  if (value == nullptr) return std::nullopt;
  return value;
}

Result<std::optional<ConfigText>> config_text(const GivenFlags& flags) {
  const std::string path = config_file_of(flags, from_environment);
  if (path.empty()) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  if (!file || !(text << file.rdbuf())) {
    return fail(Error::Kind::malformed,
                "the configuration file " + path + " cannot be read");
  }
  return ConfigText{path, text.str()};
}

Result<void> run_device_plugin(const DevicePluginOptions& options) {
  const auto file = TRY(config_text(options.flags));
  LoadedSettings loaded =
      TRY(load_settings(options.flags, from_environment, file));
  for (const std::string& warning : loaded.warnings) {
    fmt::print(stderr, "gpuward device-plugin: warning: {}\n", warning);
  }
  // For good: a thread of ours may outlive everything else.
  static const Host host =
      TRY(Host::open({.root = options.root, .run_dir = options.run_dir}));
  Loop loop = TRY(new_loop());
  const auto plugin =
      TRY(DevicePlugin::start(loop, host,
                              {.state_dir = options.state_dir,
                               .settings = std::move(loaded.settings)}));
  ::sd_notify(0, "READY=1");
  return loop.run();
}

struct Run {
  int operator()(const Done& done) const { return done.exit_code; }
  int operator()(const GuardSettings& settings) const {
    return report(run_guard(settings), "guard");
  }
  int operator()(const DevicePluginOptions& options) const {
    return report(run_device_plugin(options), "device-plugin");
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
  return std::visit(Run{}, parse(argc, argv));
}
