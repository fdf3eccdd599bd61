#include "evidence/gpu_models.h"

namespace gpuward::evidence {
namespace {

struct Range {
  int first;
  int last;
  std::string_view model;
};
// The first row that holds the id counts. Hopper, Ada and the Blackwell ranges
// as in NVIDIA/gpu-admin-tools (devid_names.py, devid_chips.py); single ids as
// in the PCI id database.
constexpr Range kModels[] = {
    {0x1b06, 0x1b06, "NVIDIA GeForce GTX 1080 Ti"},
    {0x1db0, 0x1dbf, "Tesla V100"},
    {0x1eb8, 0x1eb8, "Tesla T4"},
    {0x20b0, 0x20b5, "NVIDIA A100"},
    {0x20b7, 0x20b7, "NVIDIA A30"},
    {0x20f1, 0x20f1, "NVIDIA A100"},
    {0x2235, 0x2235, "NVIDIA A40"},
    {0x2236, 0x2236, "NVIDIA A10"},
    {0x2309, 0x2309, "NVIDIA H20"},
    {0x230c, 0x230e, "NVIDIA H20"},
    {0x2313, 0x2313, "NVIDIA H100"},
    {0x2321, 0x2321, "NVIDIA H100"},
    {0x2322, 0x2324, "NVIDIA H800"},
    {0x2328, 0x232c, "NVIDIA H20"},
    {0x2330, 0x2331, "NVIDIA H100"},
    {0x2335, 0x2335, "NVIDIA H200"},
    {0x2336, 0x2339, "NVIDIA H100"},
    {0x233a, 0x233a, "NVIDIA H800"},
    {0x233b, 0x233b, "NVIDIA H200"},
    {0x233d, 0x233d, "NVIDIA H100"},
    {0x2342, 0x2348, "NVIDIA GH200"},
    {0x26b5, 0x26b5, "NVIDIA L40"},
    {0x26b9, 0x26b9, "NVIDIA L40S"},
    {0x27b8, 0x27b8, "NVIDIA L4"},
    {0x2901, 0x2901, "NVIDIA B200"},
    {0x2941, 0x2941, "NVIDIA GB200"},
    {0x2900, 0x29ff, "NVIDIA Blackwell"},
};

}  // namespace

std::string_view model_of_pci_id(int device_id) {
  for (const Range& range : kModels) {
    if (device_id >= range.first && device_id <= range.last) {
      return range.model;
    }
  }
  return {};
}

}  // namespace gpuward::evidence
