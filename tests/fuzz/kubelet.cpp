// What plugins, kubelets and their users send to the kubelet roles: messages of
// the device plugin API, a vendor's configuration file, the files that a role
// left for the next.
#include "fuzz/target.h"
#include "kubelet/guard/saved.h"
#include "kubelet/plugin/config_file.h"
#include "kubelet/plugin/saved_state.h"
#include "kubelet/wire/messages.h"

namespace gpuward::fuzz {
namespace {

using namespace kubelet;

// What was read once comes back whole.
void plugin_messages(std::string_view bytes) {
  if (const auto read = kubelet::wire::decode_devices(bytes)) {
    const auto again =
        kubelet::wire::decode_devices(kubelet::wire::encode(*read));
    must(again && *again == *read, "devices read the same again");
  }
  if (const auto read = kubelet::wire::decode_registration(bytes)) {
    const auto again =
        kubelet::wire::decode_registration(kubelet::wire::encode(*read));
    must(again && *again == *read, "a registration reads the same again");
  }
  if (const auto read = kubelet::wire::decode_preferred_wishes(bytes)) {
    const auto again = kubelet::wire::decode_preferred_wishes(
        kubelet::wire::encode_preferred_wishes(*read));
    must(again && *again == *read, "wishes read the same again");
  }
  if (const auto read = kubelet::wire::decode_allocate_wishes(bytes)) {
    const auto again = kubelet::wire::decode_allocate_wishes(
        kubelet::wire::encode_allocate_wishes(*read));
    must(again && *again == *read, "requests read the same again");
  }
  if (const auto read = kubelet::wire::decode_allocations(bytes)) {
    const auto again =
        kubelet::wire::decode_allocations(kubelet::wire::encode(*read));
    must(again && *again == *read, "allocations read the same again");
  }
  (void)kubelet::wire::decode_preferred(bytes);
  (void)kubelet::wire::decode_options(bytes);
}

// The guard changes what it must, and nothing else.
void guarded_messages(std::string_view bytes) {
  const auto before = kubelet::wire::decode_devices(bytes);
  const auto after = kubelet::wire::all_unhealthy(bytes);
  must(before.has_value() == after.has_value(), "both read it, or neither");
  if (after) {
    auto sick = kubelet::wire::decode_devices(*after);
    must(sick.has_value(), "what the guard wrote can be read");
    must(sick->size() == before->size(), "no device comes or goes");
    for (size_t i = 0; i < sick->size(); ++i) {
      must(!(*sick)[i].healthy, "none is healthy");
      must((*sick)[i].id == (*before)[i].id, "ids stay");
      must((*sick)[i].numa_nodes == (*before)[i].numa_nodes, "places stay");
    }
  }
  const auto registration = kubelet::wire::with_endpoint(bytes, "guard.sock");
  if (!registration) return;
  auto changed = kubelet::wire::decode_registration(*registration);
  auto given = kubelet::wire::decode_registration(bytes);
  must(changed && given, "what the guard wrote can be read");
  given->endpoint = "guard.sock";
  must(*changed == *given, "only the endpoint is another");
}

void guard_state(std::string_view bytes) {
  const auto read = kubelet::guard::saved_from_text(bytes);
  if (!read) return;
  const auto again = kubelet::guard::saved_from_text(to_text(*read));
  must(again && *again == *read, "what a guard left reads the same again");
}

void plugin_state(std::string_view bytes) {
  const auto read = kubelet::plugin::saved_state_from(bytes);
  if (!read) return;
  const std::string text = to_text(read->inventory, read->health);
  const auto again = kubelet::plugin::saved_state_from(text);
  must(again.has_value(), "what a device plugin left can be read");
  must(to_text(again->inventory, again->health) == text,
       "and is written the same again");
}

void plugin_config(std::string_view bytes) {
  const auto read =
      kubelet::plugin::read_config({"config.yaml", std::string(bytes)});
  if (!read) must(!read.error().text.empty(), "a refusal says why");
}

constexpr Target kTargets[] = {
    {"plugin_messages", plugin_messages, 20000},
    {"guarded_messages", guarded_messages, 20000},
    {"guard_state", guard_state, 10000},
    {"plugin_state", plugin_state, 5000},
    {"plugin_config", plugin_config, 3000},
};

}  // namespace

std::span<const Target> kubelet_targets() { return kTargets; }

}  // namespace gpuward::fuzz
