#include "model/plan.h"

namespace gpuward {

std::string_view name_of(Outcome::State state) {
  switch (state) {
    case Outcome::State::done:
      return "done";
    case Outcome::State::already:
      return "already";
    case Outcome::State::refused:
      return "refused";
    case Outcome::State::undone:
      return "undone";
    case Outcome::State::failed:
      return "failed";
  }
  return "";
}

}  // namespace gpuward
