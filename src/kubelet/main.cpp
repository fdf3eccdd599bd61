// gpuward-kubelet: what `gpuward guard` and `gpuward device-plugin` execute.
#include <fmt/core.h>
#include <systemd/sd-daemon.h>

#include <csignal>

#include "kubelet/guard/guard.h"
#include "kubelet/options.h"

namespace gpuward::kubelet {
namespace {

constexpr int kFailed = 1;

int report(const Result<void>& result, std::string_view role) {
  if (result) return 0;
  fmt::print(stderr, "gpuward {}: {}\n", role, result.error().text);
  return result.error().kind == Error::Kind::malformed ? kWrongUsage : kFailed;
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

struct Run {
  int operator()(const Done& done) const { return done.exit_code; }
  int operator()(const GuardSettings& settings) const {
    return report(run_guard(settings), "guard");
  }
};

}  // namespace
}  // namespace gpuward::kubelet

int main(int argc, char** argv) {
  using namespace gpuward::kubelet;
  return std::visit(Run{}, parse(argc, argv));
}
