// One executable for all targets: GPUWARD_FUZZ_TARGET says which. Without it,
// or with an unknown one, their names and runs are printed. See fuzz.py.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "fuzz/target.h"

namespace gpuward::fuzz {

void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

std::vector<std::string_view> parts(std::string_view bytes, size_t most) {
  constexpr std::string_view kCut = "\n====\n";
  std::vector<std::string_view> out;
  while (out.size() + 1 < most) {
    const size_t at = bytes.find(kCut);
    if (at == std::string_view::npos) break;
    out.push_back(bytes.substr(0, at));
    bytes.remove_prefix(at + kCut.size());
  }
  out.push_back(bytes);
  out.resize(most);
  return out;
}

namespace {

const Target* chosen = nullptr;

constexpr std::span<const Target> (*kFiles[])() = {
    base_targets,      text_targets,   knowledge_targets, machine_targets,
    container_targets, record_targets, bundle_targets,    kubelet_targets,
};

void choose(const char* name) {
  for (const auto file : kFiles) {
    for (const Target& target : file()) {
      if (name == nullptr) {
        std::printf("%.*s %d\n", static_cast<int>(target.name.size()),
                    target.name.data(), target.runs);
      } else if (target.name == name) {
        chosen = &target;
      }
    }
  }
}

}  // namespace
}  // namespace gpuward::fuzz

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  namespace fuzz = gpuward::fuzz;
  fuzz::choose(std::getenv("GPUWARD_FUZZ_TARGET"));
  if (fuzz::chosen == nullptr) {
    fuzz::choose(nullptr);
    std::fflush(stdout);
    std::_Exit(std::getenv("GPUWARD_FUZZ_TARGET") == nullptr ? 0 : 64);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  gpuward::fuzz::chosen->run({reinterpret_cast<const char*>(data), size});
  return 0;
}
