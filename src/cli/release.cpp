// gpuward release: let go of the driver.
#include "probe/release.h"

#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <optional>

#include "base/json.h"
#include "cli/node.h"
#include "cli/options.h"
#include "cli/screen.h"
#include "probe/ending.h"
#include "probe/slot.h"

namespace gpuward::cli {
namespace {

constexpr Millis kGrace = 2s;
constexpr Millis kLook = 50ms;

// A running agent sees the file within a second and lets its prober go; what
// belongs to nobody is asked to end. True once the slot is free.
bool is_let_go(const host::Host& host, int slot) {
  const Boot deadline = BootClock::now() + 2 * kGrace;
  while (BootClock::now() < deadline) {
    const auto holder = probe::holder_of(host, slot);
    if (!holder) return true;
    if (holder->progress && !holder->owner_alive) {
      probe::end_prober(host, holder->progress->pid,
                        holder->progress->start_time, kGrace);
    }
    ::poll(nullptr, 0, static_cast<int>(kLook.count()));
  }
  return false;
}

// What still holds the driver, in words; nothing once it is let go.
std::optional<std::string> holder_in_words(const host::Host& host) {
  for (int slot = 1; slot <= probe::kSlots; ++slot) {
    if (is_let_go(host, slot)) continue;
    const auto holder = probe::holder_of(host, slot);
    return holder && holder->progress
               ? "process " + std::to_string(holder->progress->pid)
               : "a process of another user";
  }
  return std::nullopt;
}

int report(const host::Host& host, const probe::Released& released, bool json) {
  const auto holder = holder_in_words(host);
  if (json) {
    Json out = Json::object();
    out.set("schema", 1);
    out.set("until", to_iso(released.until));
    out.set("let_go", !holder);
    if (holder) out.set("held_by", *holder);
    fmt::print("{}\n", out.dump(2));
  } else if (holder) {
    complain(fmt::format(
        "a probe still holds the driver ({}): a reset or a reload will fail "
        "while it is there; `gpuward doctor` says more",
        *holder));
  } else {
    fmt::print(
        "the driver is let go until {}; `gpuward release --end` ends it\n",
        to_clock(released.until));
  }
  return holder ? kWarning : kHealthy;
}

}  // namespace

int release(const ReleaseOptions& options) {
  const auto host = open_host(options.common);
  if (!host) {
    complain(host.error().text);
    return kUnknown;
  }
  if (options.end) {
    if (const auto ended = probe::end_release(*host); !ended) {
      complain(ended.error().text);
      return kUnknown;
    }
    fmt::print("{}\n", options.common.json ? R"({"schema": 1, "let_go": false})"
                                           : "probing may go on");
    return kHealthy;
  }
  const probe::Released released{wall_now() + options.duration, ::getpid()};
  if (const auto written = probe::write_release(*host, released); !written) {
    complain(written.error().text + " (run as root)");
    return kUnknown;
  }
  return report(*host, released, options.common.json);
}

}  // namespace gpuward::cli
