// gpuward agent: stay, probe in rounds, write the snapshot, answer others.
#include <fmt/core.h>
#include <systemd/sd-daemon.h>

#include "agent/service.h"
#include "cli/node.h"
#include "cli/options.h"
#include "cli/screen.h"

namespace gpuward::cli {
namespace {

Result<void> serve(const AgentOptions& options) {
  const host::Host host = TRY(open_host(options.common));
  loop::Loop loop = TRY(loop::Loop::create());
  TRY_VOID(loop.end_on_signals());
  const auto service = TRY(
      agent::Service::start(host, loop,
                            {.interval = std::max(options.interval, Millis(1s)),
                             .factor = deadline_factor()}));
  fmt::print(stderr,
             "gpuward agent: a round every {}, snapshot {}, socket {}\n",
             to_words(options.interval), snapshot::snapshot_path(host),
             snapshot::read_socket_path(host));
  ::sd_notify(0, "READY=1");
  return loop.run();
}

}  // namespace

int agent(const AgentOptions& options) {
  const auto served = serve(options);
  if (served) return kHealthy;
  complain(served.error().text);
  return kUnknown;
}

}  // namespace gpuward::cli
