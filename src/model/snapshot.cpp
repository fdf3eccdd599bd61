#include "model/snapshot.h"

namespace gpuward {

std::string_view name_of(Probe::State state) {
  switch (state) {
    case Probe::State::not_run:
      return "not-run";
    case Probe::State::answering:
      return "answering";
    case Probe::State::slow:
      return "slow";
    case Probe::State::waiting:
      return "waiting";
    case Probe::State::stuck:
      return "stuck";
    case Probe::State::failed:
      return "failed";
  }
  return "";
}

std::string_view name_of(Reading::State state) {
  switch (state) {
    case Reading::State::unknown:
      return "unknown";
    case Reading::State::value:
      return "value";
    case Reading::State::unsupported:
      return "unsupported";
    case Reading::State::error:
      return "error";
  }
  return "";
}

}  // namespace gpuward
