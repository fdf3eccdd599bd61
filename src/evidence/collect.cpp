#include "evidence/collect.h"

#include <iterator>

namespace gpuward::evidence {
namespace {

template <typename Item>
void append(std::vector<Item>& to, std::vector<Item>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()),
            std::make_move_iterator(from.end()));
}

}  // namespace

Collection collect_all(const host::Host& host) {
  Collection out;
  for (const Source& source : sources()) {
    const Boot started = BootClock::now();
    Collected part = source.collect(host);
    append(out.evidence, part.evidence);
    append(out.gaps, part.gaps);
    append(out.tasks, part.tasks);
    out.times.push_back({source.name, BootClock::now() - started});
  }
  return out;
}

}  // namespace gpuward::evidence
