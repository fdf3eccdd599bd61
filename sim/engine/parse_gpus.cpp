#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <iterator>

#include "base/text.h"
#include "sim/engine/fields.h"
#include "sim/engine/models.h"
#include "sim/engine/parse.h"
#include "sim/engine/units.h"

namespace gpuward::simulator {
namespace {

std::optional<sim_gpu> read_model(Section& section) {
  const std::string name = section.required_text("model");
  const auto gpu = gpu_of_model(name);
  if (gpu || !section.has("model")) return gpu;
  std::string text = fmt::format("there is no GPU model '{}'", name);
  if (const auto guess = nearest(name, model_names())) {
    text += fmt::format("; did you mean '{}'?", *guess);
  } else {
    text += "; there are:";
    for (const std::string& known : model_names()) text += " " + known;
  }
  section.complain(section.line_of("model"), std::move(text));
  return std::nullopt;
}

// A key that has one value for each GPU of the entry.
void read_each(Section& section, std::string_view key,
               std::vector<sim_gpu>& gpus) {
  if (!section.has(key)) return;
  const auto values = section.texts(key);
  if (values.size() != gpus.size()) {
    section.complain(section.line_of(key),
                     fmt::format("'{}' has {} values for {} GPUs", key,
                                 values.size(), gpus.size()));
    return;
  }
  for (size_t i = 0; i < gpus.size(); ++i) {
    const auto done = set_field(gpus[i], key, values[i]);
    if (!done) section.complain(section.line_of(key), done.error().text);
  }
}

// A reading that all GPUs of the entry share, or a list with one each.
void read_settings(Section& section, std::vector<sim_gpu>& gpus) {
  for (const std::string& name : field_names()) {
    if (name == "pci" || name == "uuid" || name == "serial") continue;
    const Yaml* found = section.node(name);
    if (found == nullptr) continue;
    if (found->kind == Yaml::Kind::list) {
      read_each(section, name, gpus);
      continue;
    }
    const auto value = section.text(name);
    if (!value) continue;
    for (sim_gpu& gpu : gpus) {
      if (const auto done = set_field(gpu, name, *value); !done) {
        section.complain(section.line_of(name), done.error().text);
        break;
      }
    }
  }
}

MigWanted read_mig_device(const Yaml& item, Complaints& complaints) {
  if (item.kind == Yaml::Kind::scalar) return {item.scalar, {}};
  Section section(item, "a MIG device", complaints);
  MigWanted out{section.required_text("profile"),
                section.text("uuid").value_or("")};
  section.finish();
  return out;
}

void read_mig(Section& section, Complaints& complaints,
              std::vector<sim_gpu>& gpus) {
  if (!section.has("mig")) return;
  std::vector<MigWanted> wanted;
  for (const Yaml& item : read_list(section, "mig")) {
    wanted.push_back(read_mig_device(item, complaints));
  }
  const bool named = std::ranges::any_of(
      wanted, [](const MigWanted& want) { return !want.uuid.empty(); });
  if (named && gpus.size() > 1) {
    section.complain(section.line_of("mig"),
                     "MIG devices with a uuid need an entry for each GPU");
    return;
  }
  for (sim_gpu& gpu : gpus) {
    if (const auto done = split_gpu(gpu, wanted); !done) {
      section.complain(section.line_of("mig"), done.error().text);
      return;
    }
  }
}

void read_client(const Yaml& item, Complaints& complaints, sim_gpu& gpu) {
  Section section(item, "a GPU's process", complaints);
  if (gpu.process_count == SIM_MAX_PROCESSES) {
    section.complain(item.line, "a GPU has no room for more processes");
    return;
  }
  sim_process& row = gpu.processes[gpu.process_count++];
  row.pid = static_cast<uint32_t>(section.integer("pid").value_or(0));
  if (row.pid == 0) section.complain(item.line, "a GPU's process needs 'pid'");
  const std::string kind = section.text("kind").value_or("compute");
  row.kind = kind == "graphics" ? 1 : kind == "mps" ? 2 : 0;
  if (row.kind == 0 && kind != "compute") {
    section.complain(section.line_of("kind"),
                     "'kind' must be compute, graphics or mps");
  }
  if (const auto text = section.text("memory")) {
    const auto size = parse_size(*text);
    if (!size) section.complain(section.line_of("memory"), size.error().text);
    row.memory_bytes = size.value_or(0);
  }
  row.gpu_instance =
      static_cast<int>(section.integer("gpu_instance").value_or(-1));
  row.compute_instance =
      static_cast<int>(section.integer("compute_instance").value_or(-1));
  const std::string name = section.text("name").value_or("python3");
  if (const auto done = copy_text(row.name, sizeof row.name, name, "name");
      !done) {
    section.complain(section.line_of("name"), done.error().text);
  }
  section.finish();
}

void read_entry(const Yaml& item, Complaints& complaints, Scenario& out) {
  Section section(item, "a GPU", complaints);
  const auto model = read_model(section);
  const auto count = section.integer("count").value_or(1);
  if (count < 1 || count > SIM_MAX_GPUS) {
    section.complain(section.line_of("count"),
                     fmt::format("'count' must be 1 … {}", int{SIM_MAX_GPUS}));
    return;
  }
  std::vector<sim_gpu> gpus(static_cast<size_t>(count),
                            model.value_or(sim_gpu{}));
  for (size_t i = 0; i < gpus.size(); ++i) {
    gpus[i].minor = static_cast<int>(out.gpus.size() + i);
    gpus[i].board_id = 0x100 * (1 + gpus[i].minor);
    gpus[i].numa_node = gpus[i].minor < 4 ? 0 : 1;
  }
  for (const std::string_view key : {"pci", "uuid", "serial"}) {
    read_each(section, key, gpus);
  }
  if (model) read_settings(section, gpus);
  if (model) read_mig(section, complaints, gpus);
  for (const Yaml& client : read_list(section, "processes")) {
    for (sim_gpu& gpu : gpus) read_client(client, complaints, gpu);
  }
  if (model) section.finish();
  out.gpus.insert(out.gpus.end(), gpus.begin(), gpus.end());
}

// Where an HGX board has its GPUs, for scenarios that do not say.
constexpr std::string_view kBoard[] = {"0F", "34", "48", "5A",
                                       "87", "AE", "C2", "D7"};

void fill_gaps(const std::string& hostname, sim_gpu& gpu, size_t index) {
  if (gpu.pci[0] == 0) {
    const std::string bus = index < std::size(kBoard)
                                ? std::string(kBoard[index])
                                : fmt::format("{:02X}", 0xe0 + index);
    fmt::format_to_n(gpu.pci, sizeof gpu.pci - 1, "00000000:{}:00.0", bus);
  }
  const std::string seed = fmt::format("{} {}", hostname, gpu.pci);
  if (gpu.uuid[0] == 0) {
    made_up_uuid("GPU", seed).copy(gpu.uuid, sizeof gpu.uuid - 1);
  }
  if (gpu.serial[0] == 0 && gpu.inforom_image[0] != 0) {
    fmt::format_to_n(gpu.serial, sizeof gpu.serial - 1, "16529240{:05}",
                     10000 + index * 137);
  }
}

void name_mig_devices(sim_gpu& gpu) {
  for (uint32_t i = 0; i < gpu.mig_count; ++i) {
    if (gpu.mig[i].uuid[0] != 0) continue;
    made_up_uuid("MIG", fmt::format("{} {}", gpu.uuid, i))
        .copy(gpu.mig[i].uuid, sizeof gpu.mig[i].uuid - 1);
  }
}

void check_addresses(Section& section, const std::vector<sim_gpu>& gpus) {
  for (size_t i = 0; i < gpus.size(); ++i) {
    unsigned domain = 0, bus = 0, slot = 0, function = 0;
    int used = 0;
    const int found = std::sscanf(gpus[i].pci, "%8x:%2x:%2x.%1x%n", &domain,
                                  &bus, &slot, &function, &used);
    if (found != 4 || gpus[i].pci[used] != 0 ||
        std::strlen(gpus[i].pci) != 16) {
      section.complain(
          section.line_of("gpus"),
          fmt::format("'{}' is no PCI address like 00000000:0F:00.0",
                      gpus[i].pci));
    }
    for (size_t j = 0; j < i; ++j) {
      if (std::strcmp(gpus[i].pci, gpus[j].pci) == 0 ||
          std::strcmp(gpus[i].uuid, gpus[j].uuid) == 0) {
        section.complain(section.line_of("gpus"),
                         fmt::format("GPU {} and GPU {} have the same address "
                                     "or UUID",
                                     j, i));
      }
    }
  }
}

// One switch at each of the board's slots; links go round them.
void connect(Section& section, std::vector<sim_gpu>& gpus) {
  const std::string kind = section.text("nvlink").value_or("switch");
  if (kind != "switch" && kind != "none") {
    section.complain(section.line_of("nvlink"),
                     "'nvlink' must be switch or none");
  }
  for (sim_gpu& gpu : gpus) {
    if (kind == "none") gpu.link_count = 0;
    for (uint32_t i = 0; i < SIM_MAX_LINKS; ++i) {
      sim_link& link = gpu.links[i];
      if (i >= gpu.link_count) {
        link.active = SIM_NOT_SUPPORTED;
        continue;
      }
      link.remote_is_switch = 1;
      fmt::format_to_n(link.remote, sizeof link.remote - 1,
                       "00000000:{:02X}:00.0", 4 + i % 4);
    }
  }
}

}  // namespace

void read_gpus(Section& section, Complaints& complaints, Scenario& out) {
  for (const Yaml& item : read_list(section, "gpus")) {
    read_entry(item, complaints, out);
  }
  if (out.gpus.size() > SIM_MAX_GPUS) {
    section.complain(section.line_of("gpus"),
                     fmt::format("more than {} GPUs", int{SIM_MAX_GPUS}));
    return;
  }
  for (size_t i = 0; i < out.gpus.size(); ++i) {
    sim_gpu& gpu = out.gpus[i];
    fill_gaps(out.hostname, gpu, i);
    name_mig_devices(gpu);
    // The firmware of the system processor is of the module's version.
    if (gpu.gsp_version[0] == 0 && gpu.architecture >= 7 && out.loaded) {
      out.driver.copy(gpu.gsp_version, sizeof gpu.gsp_version - 1);
    }
  }
  connect(section, out.gpus);
  if (complaints.empty()) check_addresses(section, out.gpus);
}

}  // namespace gpuward::simulator
