#include "sim/engine/fields.h"

#include <fmt/core.h>

#include <cmath>
#include <cstddef>
#include <cstring>
#include <span>

#include "base/text.h"
#include "sim/engine/units.h"

namespace gpuward::simulator {
namespace {

enum class Kind { text, number, wide, mask, flag, size, power };

struct Field {
  std::string_view name;
  Kind kind;
  size_t offset;
  size_t size;
};

#define GW_FIELD(member, kind) \
  { #member, Kind::kind, offsetof(sim_gpu, member), sizeof(sim_gpu::member) }

constexpr Field kFields[] = {
    GW_FIELD(name, text),
    GW_FIELD(uuid, text),
    GW_FIELD(pci, text),
    GW_FIELD(serial, text),
    GW_FIELD(board_part, text),
    GW_FIELD(vbios, text),
    GW_FIELD(inforom_image, text),
    GW_FIELD(inforom_oem, text),
    GW_FIELD(inforom_ecc, text),
    GW_FIELD(inforom_power, text),
    GW_FIELD(gsp_version, text),
    GW_FIELD(pci_device, mask),
    GW_FIELD(pci_subsystem, mask),
    GW_FIELD(minor, number),
    GW_FIELD(board_id, number),
    GW_FIELD(architecture, number),
    GW_FIELD(brand, number),
    GW_FIELD(cc_major, number),
    GW_FIELD(cc_minor, number),
    GW_FIELD(numa_node, number),
    GW_FIELD(memory_total, size),
    GW_FIELD(memory_used, size),
    GW_FIELD(memory_reserved, size),
    GW_FIELD(utilization_gpu, number),
    GW_FIELD(utilization_memory, number),
    GW_FIELD(clock_graphics, number),
    GW_FIELD(clock_sm, number),
    GW_FIELD(clock_memory, number),
    GW_FIELD(clock_video, number),
    GW_FIELD(clock_graphics_max, number),
    GW_FIELD(clock_sm_max, number),
    GW_FIELD(clock_memory_max, number),
    GW_FIELD(clock_video_max, number),
    GW_FIELD(clock_reasons, mask),
    GW_FIELD(performance_state, number),
    GW_FIELD(temperature, number),
    GW_FIELD(temperature_memory, number),
    GW_FIELD(temperature_slowdown, number),
    GW_FIELD(temperature_shutdown, number),
    GW_FIELD(fan, number),
    {"power", Kind::power, offsetof(sim_gpu, power_milliwatts), 8},
    {"power_limit", Kind::power, offsetof(sim_gpu, power_limit_milliwatts), 8},
    GW_FIELD(ecc_mode, flag),
    GW_FIELD(ecc_mode_pending, flag),
    GW_FIELD(ecc_volatile_corrected, wide),
    GW_FIELD(ecc_volatile_uncorrected, wide),
    GW_FIELD(ecc_aggregate_corrected, wide),
    GW_FIELD(ecc_aggregate_uncorrected, wide),
    GW_FIELD(rows_correctable, number),
    GW_FIELD(rows_uncorrectable, number),
    GW_FIELD(rows_pending, flag),
    GW_FIELD(rows_failed, flag),
    GW_FIELD(pcie_generation, number),
    GW_FIELD(pcie_generation_max, number),
    GW_FIELD(pcie_width, number),
    GW_FIELD(pcie_width_max, number),
    GW_FIELD(persistence_mode, flag),
    GW_FIELD(compute_mode, number),
    GW_FIELD(display_active, flag),
    GW_FIELD(mig_mode, flag),
    GW_FIELD(mig_mode_pending, flag),
    GW_FIELD(fabric_state, number),
    GW_FIELD(fabric_status, number),
    GW_FIELD(fabric_health_mask, mask),
    GW_FIELD(fabric_clique, mask),
    GW_FIELD(recovery_action, number),
    GW_FIELD(lost, flag),
};
#undef GW_FIELD

const Field* find(std::string_view name) {
  for (const Field& field : kFields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

template <typename T>
void store(sim_gpu& gpu, const Field& field, T value) {
  std::memcpy(reinterpret_cast<char*>(&gpu) + field.offset, &value,
              sizeof value);
}

std::unexpected<Error> wrong(const Field& field, std::string_view wanted,
                             std::string_view value) {
  return fail(Error::Kind::malformed, fmt::format("'{}' must be {}, not '{}'",
                                                  field.name, wanted, value));
}

Result<void> set_number(sim_gpu& gpu, const Field& field,
                        std::string_view value) {
  auto number = to_number<int64_t>(value);
  if (value == "not-supported") number = SIM_NOT_SUPPORTED;
  if (!number) return wrong(field, "a whole number or not-supported", value);
  if (field.kind == Kind::wide) {
    store<int64_t>(gpu, field, *number);
  } else if (*number < INT32_MIN || *number > INT32_MAX) {
    return wrong(field, "a smaller number", value);
  } else {
    store(gpu, field, static_cast<int32_t>(*number));
  }
  return {};
}

Result<void> set_mask(sim_gpu& gpu, const Field& field,
                      std::string_view value) {
  const bool hex = value.starts_with("0x");
  const auto bits =
      to_number<uint64_t>(value.substr(hex ? 2 : 0), hex ? 16 : 10);
  if (!bits) return wrong(field, "a number like 0x8", value);
  if (field.size == 8) {
    store<uint64_t>(gpu, field, *bits);
  } else {
    store(gpu, field, static_cast<uint32_t>(*bits));
  }
  return {};
}

Result<void> set_flag(sim_gpu& gpu, const Field& field,
                      std::string_view value) {
  int32_t state = 0;
  if (value == "on" || value == "true" || value == "yes") {
    state = 1;
  } else if (value == "not-supported") {
    state = SIM_NOT_SUPPORTED;
  } else if (value != "off" && value != "false" && value != "no") {
    return wrong(field, "on, off or not-supported", value);
  }
  store(gpu, field, state);
  return {};
}

Result<void> set_power(sim_gpu& gpu, const Field& field,
                       std::string_view value) {
  if (value == "not-supported") {
    store<int64_t>(gpu, field, SIM_NOT_SUPPORTED);
    return {};
  }
  std::string_view digits = value;
  if (digits.ends_with('W')) digits = trim(digits.substr(0, digits.size() - 1));
  const auto watts = to_double(digits);
  if (!watts || !value.ends_with('W')) {
    return wrong(field, "a power with its unit like 74W", value);
  }
  store<int64_t>(gpu, field, std::llround(*watts * 1000));
  return {};
}

}  // namespace

bool is_field(std::string_view name) { return find(name) != nullptr; }

std::vector<std::string> field_names() {
  std::vector<std::string> names;
  for (const Field& field : kFields) names.emplace_back(field.name);
  return names;
}

Result<void> copy_text(char* to, size_t size, std::string_view text,
                       std::string_view what) {
  if (text.size() >= size) {
    return fail(Error::Kind::malformed,
                fmt::format("'{}' is longer than {} bytes", what, size - 1));
  }
  std::memset(to, 0, size);
  std::memcpy(to, text.data(), text.size());
  return {};
}

Result<void> set_field(sim_gpu& gpu, std::string_view name,
                       std::string_view value) {
  const Field* field = find(name);
  if (field == nullptr) {
    std::string text = fmt::format("a GPU has no reading '{}'", name);
    if (const auto guess = nearest(name, field_names())) {
      text += fmt::format("; did you mean '{}'?", *guess);
    }
    return fail(Error::Kind::malformed, std::move(text));
  }
  switch (field->kind) {
    case Kind::text:
      return copy_text(reinterpret_cast<char*>(&gpu) + field->offset,
                       field->size, value, name);
    case Kind::number:
    case Kind::wide:
      return set_number(gpu, *field, value);
    case Kind::mask:
      return set_mask(gpu, *field, value);
    case Kind::flag:
      return set_flag(gpu, *field, value);
    case Kind::power:
      return set_power(gpu, *field, value);
    case Kind::size: {
      const auto size = parse_size(value);
      if (!size) return wrap(size.error(), name);
      store<uint64_t>(gpu, *field, *size);
      return {};
    }
  }
  return {};
}

}  // namespace gpuward::simulator
