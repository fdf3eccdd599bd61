#include "probe/ask_files.h"

#include <fmt/core.h>
#include <poll.h>

#include <algorithm>
#include <optional>

#include "probe/session.h"
#include "probe/survey.h"

namespace gpuward::probe {
namespace {

std::string in_words(const Holder& holder) {
  if (!holder.progress) {
    return "somebody else's probe holds the driver: " + holder.why_unknown;
  }
  const Progress& progress = *holder.progress;
  if (!progress.in_call) {
    return fmt::format(
        "the probe of process {} holds the driver: end that process (an agent: "
        "systemctl stop gpuward) and ask again",
        progress.owner_pid);
  }
  return fmt::format(
      "probe {} has been in {} for {}: a second one is not sent "
      "after it",
      progress.pid, progress.symbol,
      to_words(BootClock::now() - progress.began));
}

Result<Session> start(const host::Host& host, double factor) {
  auto slot = take_slot(host, 1);
  if (slot) return Session::start(host, std::move(*slot), {.factor = factor});
  if (slot.error().kind == Error::Kind::busy) {
    if (const auto holder = holder_of(host, 1)) {
      return fail(Error::Kind::busy, in_words(*holder));
    }
  }
  return std::unexpected(slot.error());
}

// The answer to one request; nothing where it does not come in time, or the
// prober ended.
std::optional<Reading> wait_for(Session& session, uint64_t number, Boot until) {
  std::optional<Reading> answer;
  while (!session.broken()) {
    for (Frame& frame : session.receive()) {
      if (frame.number != number) continue;
      if (frame.text) answer = std::move(*frame.text);
      if (frame.end) return answer;
    }
    const Millis left = until - BootClock::now();
    if (left <= 0ms) return std::nullopt;
    pollfd watched{session.fd(), POLLIN, 0};
    ::poll(&watched, 1, static_cast<int>(left.count()) + 1);
  }
  return std::nullopt;
}

std::string why_not(const Session& session, Millis patience) {
  if (const auto& broken = session.broken()) return broken->text;
  const auto progress = session.progress();
  return fmt::format(
      "{} did not come back within {}: the driver hangs",
      progress && progress->in_call ? progress->symbol : "the prober",
      to_words(patience));
}

}  // namespace

Result<FilesAsked> ask_files(const host::Host& host,
                             const std::vector<Request>& requests,
                             Millis patience, double factor) {
  Session session = TRY(start(host, factor));
  FilesAsked out;
  const Boot until = BootClock::now() + patience;
  std::string why;
  for (const Request& request : requests) {
    std::optional<Reading> answer;
    if (why.empty()) {
      const auto number = session.ask(request);
      if (number) answer = wait_for(session, *number, until);
      if (!answer) why = why_not(session, patience);
    }
    if (!answer) {
      answer = Reading{};
      answer->why = why;
    }
    out.answers.push_back(std::move(*answer));
  }
  let_go(host, session, Insist::no);
  return out;
}

}  // namespace gpuward::probe
