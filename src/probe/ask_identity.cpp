#include <fmt/core.h>

#include <array>

#include "base/text.h"
#include "probe/questions.h"

namespace gpuward::probe {
namespace {

struct Named {
  unsigned value;
  std::string_view name;
};

constexpr std::array kArchitectures = {
    Named{NVML_DEVICE_ARCH_KEPLER, "Kepler"},
    Named{NVML_DEVICE_ARCH_MAXWELL, "Maxwell"},
    Named{NVML_DEVICE_ARCH_PASCAL, "Pascal"},
    Named{NVML_DEVICE_ARCH_VOLTA, "Volta"},
    Named{NVML_DEVICE_ARCH_TURING, "Turing"},
    Named{NVML_DEVICE_ARCH_AMPERE, "Ampere"},
    Named{NVML_DEVICE_ARCH_ADA, "Ada Lovelace"},
    Named{NVML_DEVICE_ARCH_HOPPER, "Hopper"},
    Named{NVML_DEVICE_ARCH_BLACKWELL, "Blackwell"},
};

constexpr std::array kBrands = {
    Named{NVML_BRAND_QUADRO, "Quadro"},   Named{NVML_BRAND_TESLA, "Tesla"},
    Named{NVML_BRAND_GEFORCE, "GeForce"}, Named{NVML_BRAND_TITAN, "Titan"},
    Named{NVML_BRAND_NVIDIA, "NVIDIA"},
};

template <size_t N>
std::string name_in(const std::array<Named, N>& table, unsigned value) {
  for (const Named& row : table) {
    if (row.value == value) return std::string(row.name);
  }
  return fmt::format("{}", value);
}

void ask_pci(Questions& questions) {
  nvmlPciInfo_t pci{};
  const nvmlReturn_t result =
      questions.ask(GPUWARD_NVML(questions, nvmlDeviceGetPciInfo_v3), &pci);
  // As the kernel and sysfs write it: a domain of four digits, lower case.
  const std::string address =
      fmt::format("{:04x}:{:02x}:{:02x}.0", pci.domain, pci.bus, pci.device);
  questions.put(field::kPciBusId, result, address);
}

void ask_inforom(Questions& questions) {
  struct Row {
    std::string_view field;
    nvmlInforomObject_t object;
  };
  static constexpr std::array kRows = {
      Row{field::kInforomOem, NVML_INFOROM_OEM},
      Row{field::kInforomEcc, NVML_INFOROM_ECC},
      Row{field::kInforomPower, NVML_INFOROM_POWER}};
  questions.text(field::kInforomImage,
                 GPUWARD_NVML(questions, nvmlDeviceGetInforomImageVersion));
  for (const Row& row : kRows) {
    char buffer[64] = {};
    const nvmlReturn_t result = questions.ask(
        GPUWARD_NVML(questions, nvmlDeviceGetInforomVersion), row.object,
        static_cast<char*>(buffer), static_cast<unsigned>(sizeof(buffer) - 1));
    questions.put(row.field, result, std::string(buffer));
  }
}

void ask_gsp(Questions& questions) {
  char version[128] = {};
  const nvmlReturn_t result =
      questions.ask(GPUWARD_NVML(questions, nvmlDeviceGetGspFirmwareVersion),
                    static_cast<char*>(version));
  questions.put(field::kGspVersion, result, std::string(version));
  unsigned enabled = 0;
  unsigned by_default = 0;
  const nvmlReturn_t mode =
      questions.ask(GPUWARD_NVML(questions, nvmlDeviceGetGspFirmwareMode),
                    &enabled, &by_default);
  questions.put(field::kGspMode, mode, enabled != 0);
}

void ask_kind(Questions& questions) {
  nvmlDeviceArchitecture_t architecture{};
  nvmlReturn_t result = questions.ask(
      GPUWARD_NVML(questions, nvmlDeviceGetArchitecture), &architecture);
  questions.put(field::kArchitecture, result,
                name_in(kArchitectures, architecture));
  nvmlBrandType_t brand{};
  result = questions.ask(GPUWARD_NVML(questions, nvmlDeviceGetBrand), &brand);
  questions.put(field::kBrand, result,
                name_in(kBrands, static_cast<unsigned>(brand)));
  int major = 0;
  int minor = 0;
  result =
      questions.ask(GPUWARD_NVML(questions, nvmlDeviceGetCudaComputeCapability),
                    &major, &minor);
  questions.put(field::kComputeCapability, result,
                fmt::format("{}.{}", major, minor));
}

}  // namespace

void ask_identity(Questions& questions) {
  questions.text(field::kName, GPUWARD_NVML(questions, nvmlDeviceGetName));
  questions.text(field::kUuid, GPUWARD_NVML(questions, nvmlDeviceGetUUID));
  ask_pci(questions);
  questions.text(field::kSerial, GPUWARD_NVML(questions, nvmlDeviceGetSerial));
  questions.number(field::kMinor,
                   GPUWARD_NVML(questions, nvmlDeviceGetMinorNumber));
  questions.text(field::kBoardPart,
                 GPUWARD_NVML(questions, nvmlDeviceGetBoardPartNumber));
  questions.number(field::kBoardId,
                   GPUWARD_NVML(questions, nvmlDeviceGetBoardId));
  questions.text(field::kVbios,
                 GPUWARD_NVML(questions, nvmlDeviceGetVbiosVersion));
  ask_inforom(questions);
  ask_gsp(questions);
  ask_kind(questions);
}

}  // namespace gpuward::probe
