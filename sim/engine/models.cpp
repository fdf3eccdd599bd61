#include "sim/engine/models.h"

#include <fmt/core.h>

#include <array>

#include "sim/engine/fields.h"

namespace gpuward::simulator {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint32_t kNvidia = 0x10de;

// Sources: TechPowerUp and NVIDIA's data sheets for clocks and limits, PCI ids
// of pci.ids, memory as nvidia-smi prints it (H20 of the field report: 97871
// MiB, 500 W).
struct Model {
  std::string_view key;
  std::string_view name;
  uint32_t device, subsystem;
  std::string_view board_part, vbios, inforom;
  int architecture, brand, cc_major, cc_minor;
  uint64_t memory_mib, reserved_mib;
  int graphics_max, memory_clock, idle_graphics;
  int watts_idle, watts_limit;
  int pcie_generation;
  int mig_unit_gb;  // memory of 1g; 0: no MIG
  bool fabric;      // a fabric manager speaks to it
  int links;
};

constexpr std::array<Model, 5> kModels = {{
    {"H100-SXM5-80GB",
     "NVIDIA H100 80GB HBM3",
     0x2330,
     0x16c1,
     "692-2G520-0200-000",
     "96.00.74.00.01",
     "G520.0200.00.05",
     9,
     14,
     9,
     0,
     81559,
     551,
     1980,
     2619,
     345,
     70,
     700,
     5,
     10,
     true,
     18},
    {"H20",
     "NVIDIA H20",
     0x2329,
     0x198b,
     "692-2G520-0280-001",
     "96.00.99.00.01",
     "G520.0280.00.05",
     9,
     14,
     9,
     0,
     97871,
     570,
     1980,
     2619,
     345,
     74,
     500,
     5,
     12,
     true,
     18},
    {"B200",
     "NVIDIA B200",
     0x2901,
     0x1999,
     "692-2G525-0220-002",
     "97.00.82.00.18",
     "G525.0220.00.03",
     10,
     14,
     10,
     0,
     183359,
     724,
     1965,
     3996,
     120,
     140,
     1000,
     5,
     23,
     true,
     18},
    {"A100-SXM4-80GB",
     "NVIDIA A100-SXM4-80GB",
     0x20b2,
     0x1463,
     "692-2G506-0212-002",
     "92.00.45.00.03",
     "G506.0212.00.02",
     7,
     14,
     8,
     0,
     81920,
     692,
     1410,
     1593,
     210,
     62,
     400,
     4,
     10,
     false,
     12},
    {"GTX-1080-Ti",
     "NVIDIA GeForce GTX 1080 Ti",
     0x1b06,
     0x85ea,
     "",
     "86.02.39.00.90",
     "",
     4,
     5,
     6,
     1,
     11264,
     88,
     1911,
     5505,
     139,
     10,
     280,
     3,
     0,
     false,
     0},
}};

// NVML_GPU_INSTANCE_PROFILE_…, with the eighths of memory that one takes.
struct Shape {
  uint32_t id, slices, instances, eighths;
  std::string_view suffix;
};
constexpr std::array<Shape, 7> kShapes = {{{0, 1, 7, 1, ""},
                                           {7, 1, 1, 1, "+me"},
                                           {9, 1, 4, 2, ""},
                                           {1, 2, 3, 2, ""},
                                           {2, 3, 2, 4, ""},
                                           {3, 4, 1, 4, ""},
                                           {4, 7, 1, 8, ""}}};

// As nvidia-smi names them: 1g.10gb, 1g.20gb, 3g.40gb; 1g.23gb, 1g.45gb,
// 3g.90gb, 7g.180gb on a B200.
uint32_t gigabytes(const Model& model, uint32_t eighths) {
  const auto unit = static_cast<uint32_t>(model.mig_unit_gb);
  if (unit != 23) return unit * eighths;
  constexpr std::array<uint32_t, 9> kB200 = {0, 23, 45, 0, 90, 0, 0, 0, 180};
  return kB200[eighths];
}

uint64_t memory_of(const sim_gpu& gpu, uint32_t eighths) {
  // An instance gets a little less than its share.
  return gpu.memory_total / 8 * eighths / kMiB * kMiB - 256 * kMiB;
}

void add_profiles(const Model& model, sim_gpu& gpu) {
  if (model.mig_unit_gb == 0) return;
  for (const Shape& shape : kShapes) {
    sim_profile& row = gpu.profiles[gpu.profile_count++];
    row.id = shape.id;
    row.slices = shape.slices;
    row.instances = shape.instances;
    row.memory_bytes = memory_of(gpu, shape.eighths);
    fmt::format_to_n(row.name, sizeof row.name - 1, "{}g.{}gb{}", shape.slices,
                     gigabytes(model, shape.eighths), shape.suffix);
  }
}

template <size_t N>
void put(char (&to)[N], std::string_view text) {
  text.copy(to, N - 1);
}

void fill_identity(const Model& model, sim_gpu& gpu) {
  put(gpu.name, model.name);
  put(gpu.board_part, model.board_part);
  put(gpu.vbios, model.vbios);
  put(gpu.inforom_image, model.inforom);
  if (!model.inforom.empty()) {
    put(gpu.inforom_oem, "2.1");
    put(gpu.inforom_ecc, "7.16");
  }
  gpu.pci_device = model.device << 16 | kNvidia;
  gpu.pci_subsystem = model.subsystem << 16 | kNvidia;
  gpu.architecture = model.architecture;
  gpu.brand = model.brand;
  gpu.cc_major = model.cc_major;
  gpu.cc_minor = model.cc_minor;
  gpu.memory_total = model.memory_mib * kMiB;
  gpu.memory_reserved = model.reserved_mib * kMiB;
  gpu.memory_used = 0;
}

void fill_clocks(const Model& model, sim_gpu& gpu) {
  gpu.clock_graphics = gpu.clock_sm = model.idle_graphics;
  gpu.clock_memory = model.memory_clock;
  gpu.clock_video = model.idle_graphics;
  gpu.clock_graphics_max = gpu.clock_sm_max = model.graphics_max;
  gpu.clock_memory_max = model.memory_clock;
  gpu.clock_video_max = model.graphics_max;
  gpu.clock_reasons = 0x1;  // idle
  gpu.power_milliwatts = model.watts_idle * 1000;
  gpu.power_limit_milliwatts = model.watts_limit * 1000;
  gpu.pcie_generation = gpu.pcie_generation_max = model.pcie_generation;
  gpu.pcie_width = gpu.pcie_width_max = 16;
}

void fill_sensors(const Model& model, sim_gpu& gpu) {
  const bool data_centre = !model.inforom.empty();
  gpu.performance_state = data_centre ? 0 : 8;
  gpu.temperature = data_centre ? 29 : 32;
  gpu.temperature_memory = data_centre ? 40 : SIM_NOT_SUPPORTED;
  gpu.temperature_slowdown = data_centre ? 87 : 96;
  gpu.temperature_shutdown = data_centre ? 92 : 101;
  gpu.fan = data_centre ? SIM_NOT_SUPPORTED : 0;
  const int ecc = data_centre ? 1 : SIM_NOT_SUPPORTED;
  const int none = data_centre ? 0 : SIM_NOT_SUPPORTED;
  gpu.ecc_mode = gpu.ecc_mode_pending = ecc;
  gpu.ecc_volatile_corrected = gpu.ecc_volatile_uncorrected = none;
  gpu.ecc_aggregate_corrected = gpu.ecc_aggregate_uncorrected = none;
  gpu.rows_correctable = gpu.rows_uncorrectable = none;
  gpu.rows_pending = gpu.rows_failed = none;
  gpu.persistence_mode = 1;
  gpu.mig_mode = gpu.mig_mode_pending =
      model.mig_unit_gb != 0 ? 0 : SIM_NOT_SUPPORTED;
  gpu.fabric_state = model.fabric ? 3 : SIM_NOT_SUPPORTED;
  gpu.recovery_action = data_centre ? 0 : SIM_NOT_SUPPORTED;
  gpu.link_count = static_cast<uint32_t>(model.links);
  for (uint32_t i = 0; i < SIM_MAX_LINKS; ++i) {
    gpu.links[i].active = i < gpu.link_count ? 1 : SIM_NOT_SUPPORTED;
  }
}

// Instance ids count a binary tree of the memory, upper half first: what the
// driver does (1g at 4 is 7, 3g at 4 is 1).
uint32_t instance_id(uint32_t start, uint32_t size) {
  if (size == 8) return 0;
  const uint32_t turned = (start + 4) % 8;
  return 8 / size - 1 + turned / size;
}

const sim_profile* find_profile(const sim_gpu& gpu, std::string_view name) {
  for (uint32_t i = 0; i < gpu.profile_count; ++i) {
    if (gpu.profiles[i].name == name) return &gpu.profiles[i];
  }
  return nullptr;
}

uint32_t eighths_of(const sim_profile& profile) {
  for (const Shape& shape : kShapes) {
    if (shape.id == profile.id) return shape.eighths;
  }
  return 8;
}

// The first free place: large instances from the upper half on.
std::optional<uint32_t> place(uint32_t taken, uint32_t size) {
  const uint32_t mask = (1u << size) - 1;
  for (uint32_t step = 0; step < 8; step += size) {
    const uint32_t start = size == 4 ? (step + 4) % 8 : step;
    if (size == 1 && start == 7) continue;  // seven slices compute, not eight
    if ((taken & mask << start) == 0) return start;
  }
  return std::nullopt;
}

void add_instance(sim_gpu& gpu, const sim_profile& profile, uint32_t start,
                  const std::string& uuid) {
  sim_mig& row = gpu.mig[gpu.mig_count];
  row.placement_start = start;
  row.placement_size = eighths_of(profile);
  row.gpu_instance = instance_id(start, row.placement_size);
  row.compute_instance = 0;
  row.gi_profile = profile.id;
  // NVML_COMPUTE_INSTANCE_PROFILE_{1,2,3,4,7}_SLICE are 0, 1, 2, 3, 4.
  row.ci_profile = profile.slices == 7 ? 4 : profile.slices - 1;
  row.slices = profile.slices;
  row.memory_bytes = profile.memory_bytes;
  put(row.profile, profile.name);
  put(row.uuid, uuid);
  ++gpu.mig_count;
}

std::string profile_names(const sim_gpu& gpu) {
  std::string names;
  for (uint32_t i = 0; i < gpu.profile_count; ++i) {
    names += fmt::format("{}{}", i == 0 ? "" : ", ", gpu.profiles[i].name);
  }
  return names.empty() ? "none" : names;
}

}  // namespace

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const Model& model : kModels) names.emplace_back(model.key);
  return names;
}

std::optional<sim_gpu> gpu_of_model(std::string_view name) {
  for (const Model& model : kModels) {
    if (model.key != name) continue;
    sim_gpu gpu{};
    fill_identity(model, gpu);
    fill_clocks(model, gpu);
    fill_sensors(model, gpu);
    add_profiles(model, gpu);
    return gpu;
  }
  return std::nullopt;
}

Result<void> split_gpu(sim_gpu& gpu, const std::vector<MigWanted>& wanted) {
  uint32_t taken = 0;
  for (const MigWanted& want : wanted) {
    const sim_profile* profile = find_profile(gpu, want.profile);
    if (profile == nullptr) {
      return fail(Error::Kind::malformed,
                  fmt::format("this model has no MIG profile '{}'; it has: {}",
                              want.profile, profile_names(gpu)));
    }
    const uint32_t size = eighths_of(*profile);
    const auto start = place(taken, size);
    if (!start || gpu.mig_count == SIM_MAX_MIG) {
      return fail(Error::Kind::malformed,
                  fmt::format("no room is left for another {}", want.profile));
    }
    taken |= ((1u << size) - 1) << *start;
    add_instance(gpu, *profile, *start, want.uuid);
  }
  gpu.mig_mode = gpu.mig_mode_pending = 1;
  return {};
}

std::string made_up_uuid(std::string_view prefix, std::string_view seed) {
  // FNV-1a, twice: the same scenario has the same UUIDs on every machine.
  uint64_t halves[2] = {0xcbf29ce484222325, 0x84222325cbf29ce4};
  for (uint64_t& half : halves) {
    for (const char c : seed) {
      half = (half ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
  }
  return fmt::format("{}{}{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", prefix,
                     prefix.empty() ? "" : "-", halves[0] >> 32,
                     halves[0] >> 16 & 0xffff, halves[0] & 0xffff,
                     halves[1] >> 48, halves[1] & 0xffffffffffff);
}

}  // namespace gpuward::simulator
