// gpuward containers: who lost the GPU, who will; --heal stays and repairs.
#include <fmt/core.h>

#include <cstdio>

#include "cli/container_table.h"
#include "cli/knowledge.h"
#include "cli/node.h"
#include "cli/options.h"
#include "containers/container_json.h"
#include "containers/look.h"
#include "heal/heal.h"
#include "model/json.h"

namespace gpuward::cli {
namespace {

int show_once(const ContainersOptions& options, const host::Host& host) {
  const Screen screen;
  const containers::ContainerLook look = containers::look_at_containers(host);
  if (options.common.json) {
    screen.print_raw(containers_json(look.containers, look.gaps).dump(2) +
                     "\n");
  } else {
    print_containers(screen, look.containers, look.gaps);
  }
  return exit_code_of(look.containers, look.gaps);
}

std::string_view name_of(heal::HealEvent::Kind kind) {
  switch (kind) {
    case heal::HealEvent::Kind::seen:
      return "seen";
    case heal::HealEvent::Kind::would:
      return "would";
    case heal::HealEvent::Kind::outcome:
      return "outcome";
    case heal::HealEvent::Kind::left:
      return "left";
    case heal::HealEvent::Kind::gone:
      return "gone";
    case heal::HealEvent::Kind::systemd:
      return "systemd";
    case heal::HealEvent::Kind::unknown:
      return "unknown";
  }
  return "";
}

Json to_json(const heal::HealEvent& event) {
  Json out = Json::object();
  out.set("schema", 1);
  out.set("at", to_iso(event.at));
  out.set("event", name_of(event.kind));
  out.set("text", event.text);
  if (event.container)
    out.set("container", containers::to_json(*event.container));
  if (event.outcome) out.set("outcome", gpuward::to_json(*event.outcome));
  return out;
}

Colour colour_of(const heal::HealEvent& event) {
  if (event.kind == heal::HealEvent::Kind::left) return Colour::yellow;
  if (event.kind != heal::HealEvent::Kind::outcome) return Colour::plain;
  const bool good = event.outcome->state == Outcome::State::done ||
                    event.outcome->state == Outcome::State::already;
  return good ? Colour::green : Colour::red;
}

// A line for each event, at once: others read them from a pipe.
void tell(const Screen& screen, const heal::HealEvent& event, bool json) {
  const std::string line =
      json ? to_json(event).dump()
           : screen.paint(fmt::format("{}  {}", to_clock(event.at), event.text),
                          colour_of(event));
  screen.print(line + "\n");
  std::fflush(stdout);
}

int stay(const ContainersOptions& options, const host::Host& host) {
  const Screen screen;
  auto loop = loop::Loop::create();
  const auto knowledge = load_knowledge();
  if (!knowledge || !loop || !loop->end_on_signals()) {
    complain(knowledge ? "no event loop" : knowledge.error().text);
    return kUnknown;
  }
  complain_of_left_out(*knowledge);
  heal::Healer healer(host, knowledge->catalogue, *loop,
                      {.heal = options.heal, .apply = options.apply},
                      [&](const heal::HealEvent& event) {
                        tell(screen, event, options.common.json);
                      });
  if (const auto started = healer.start(); !started) {
    complain(started.error().text);
    return kUnknown;
  }
  if (const auto ended = loop->run(); !ended) {
    complain(ended.error().text);
    return kUnknown;
  }
  return kHealthy;
}

}  // namespace

int containers(const ContainersOptions& options) {
  const auto host = open_host(options.common);
  if (!host) {
    complain(host.error().text);
    return kWrongUsage;
  }
  const bool stays = options.watch || options.heal;
  return stays ? stay(options, *host) : show_once(options, *host);
}

}  // namespace gpuward::cli
