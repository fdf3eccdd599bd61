// What the kubelet itself says of its loop and its pods, on its own port:
// /healthz/syncloop and /pods. Asked by gpuward-ask-kubelet, which has no
// rights, over loopback, within two seconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "evidence/source.h"

namespace gpuward::evidence {

inline constexpr std::string_view kKubeletPortSource = "kubelet-port";

// A port on which something of this machine listens.
struct Listener {
  uint16_t port = 0;
  unsigned uid = 0;       // whose it is
  bool loopback = false;  // 127.0.0.1 reaches it

  bool operator==(const Listener&) const = default;
};
// Pure: /proc/net/tcp or tcp6. Those that listen stand first in it.
std::vector<Listener> parse_listeners(std::string_view text);

// Pure: from what gpuward-ask-kubelet printed. `started`: pods that have begun,
// by their folders ("namespace_name_uid").
Collected kubelet_facts(const Json& said, uint16_t port,
                        const std::vector<std::string>& started);

// Facts kubelet_syncloop, kubelet_unstarted_pods and kubelet_rejected_pods. The
// read-only port (10255) is asked where it is on, else the one that wants a
// token (10250): of the file that $GPUWARD_KUBELET_TOKEN_FILE names, or a pod's
// own. A token is told to nobody but a listener of root's. Without a token: a
// gap. Where nothing is told, kubelet_syncloop is "not asked".
Collected collect_kubelet_port(const host::Host& host);

}  // namespace gpuward::evidence
