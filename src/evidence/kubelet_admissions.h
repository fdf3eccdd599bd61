// Whether the kubelet's one admission loop comes round, by what it logs at any
// level. It names a pod before it admits it ("SyncLoop ADD", "Topology Admit
// Handler"); a pod that was admitted is named again (volumes, sandbox, start),
// and whatever the loop does next is logged as well. While a device plugin does
// not answer, everything else of the kubelet goes on talking.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/time.h"
#include "evidence/source.h"

namespace gpuward::evidence {

// "I0730 20:39:03.752764   25493 kubelet.go:2343] "
struct KlogHead {
  // Since the year began, that year taken as a leap year: only differences
  // mean something.
  Millis at{0};
  int pid = 0;
  size_t body = 0;  // where the message begins
};
std::optional<KlogHead> klog_head(std::string_view line);

class KubeletAdmissions {
 public:
  // In the order of the log. Lines without klog's head say nothing.
  void line(const Evidence& evidence);

  struct Admission {
    bool waits = false;  // false: the loop did something later, or elsewhere
    bool seen = false;   // the log has a line of the loop's
    // An admission of this kubelet's is over. A loop's line alone shows none: a
    // kubelet begins with lists of pods that are empty.
    bool completed = false;
    std::set<std::string> pods;  // "namespace/name", of those that wait
    std::string uid;             // of the pod, where the log tells it
    // From the last thing that the loop did to the last line of the log, or to
    // `now` where the log's lines have a time of the wall clock.
    Millis silent{0};
    Evidence since;  // the loop's last line, or the first of all
    int pid = 0;     // the kubelet's
  };
  // Nothing where no line is a kubelet's. One that says nothing of an admission
  // has none that waits.
  std::optional<Admission> last(Wall now) const;

 private:
  void begin(const Evidence& evidence, const KlogHead& head,
             std::string_view message);
  void progress(std::string_view message);

  std::optional<Admission> last_;
  Millis began_{0};
  Millis spoke_{0};  // the newest line of all
};

// Facts kubelet_admission, kubelet_admission_seconds and kubelet_waiting_pod
// from lines of the source kubelet-log. None of a log whose kubelet does not
// run any more.
std::vector<Evidence> admission_facts(const std::vector<Evidence>& lines,
                                      const host::Root& root, Wall now);

// The same as a struct, for whoever repairs. Error::not_found where no log of
// this kubelet tells of its loop.
Result<KubeletAdmissions::Admission> admission_in(
    const std::vector<Evidence>& lines, const host::Root& root, Wall now);

}  // namespace gpuward::evidence
