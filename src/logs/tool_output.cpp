#include "logs/tool_output.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "model/facts.h"

namespace gpuward::logs {
namespace {

constexpr size_t kMostGpus = 1024;
constexpr std::string_view kModulesHead = "Size  Used by";
constexpr std::string_view kBusId = "pci.bus_id";
constexpr int kMostModules = 500;
constexpr int kMostRows = 64;

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
         (c >= 'A' && c <= 'F');
}

bool has_form(std::string_view text, std::string_view form) {
  if (text.size() < form.size()) return false;
  for (size_t i = 0; i < form.size(); ++i) {
    if (form[i] == 'X' ? !is_hex(text[i]) : text[i] != form[i]) return false;
  }
  return true;
}

// "0000:3b:00.0" of "3b:00.0", "0000:3b:00.0" or "00000000:3B:00.0" at the
// start; empty where there is none.
std::string address_at(std::string_view text) {
  if (has_form(text, "XXXXXXXX:XX:XX.X")) return to_lower(text.substr(4, 12));
  if (has_form(text, "XXXX:XX:XX.X")) return to_lower(text.substr(0, 12));
  if (has_form(text, "XX:XX.X")) return "0000:" + to_lower(text.substr(0, 7));
  return {};
}

// What nvidia-smi prints in place of a value where the GPU itself is to blame.
// "[Unknown Error]" may mean one reading alone.
std::optional<std::string_view> failure(std::string_view cell) {
  constexpr std::pair<std::string_view, std::string_view> kWords[] = {
      {"[GPU is lost]", "GPU_IS_LOST"},
      {"[GPU requires reset]", "RESET_REQUIRED"},
  };
  for (const auto& [word, value] : kWords) {
    if (equal_ignoring_case(cell, word)) return value;
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> ToolOutput::literals() {
  return {std::string(kModulesHead),
          std::string(kBusId),
          "Kernel driver in use: ",
          "Kernel modules: ",
          "controller: NVIDIA",
          "]: NVIDIA Corporation",
          "Active: active (running)",
          "Active: inactive (dead)",
          "Active: failed",
          "nvidia-fabricmanager.service",
          "nvidia-persistenced.service"};
}

int ToolOutput::lines_after(std::string_view line) {
  if (line.find(kModulesHead) != std::string_view::npos) return kMostModules;
  if (line.find(kBusId) != std::string_view::npos &&
      line.find(',') != std::string_view::npos) {
    return kMostRows;
  }
  return 0;
}

void ToolOutput::say(std::string_view key, const std::string& gpu, Value value,
                     std::string words) {
  if (facts_.size() >= kMostGpus * 8) return;
  Evidence evidence;
  evidence.source = "log";
  if (!gpu.empty()) evidence.subject = {Subject::Kind::gpu, gpu};
  evidence.key = key;
  evidence.value = std::move(value);
  evidence.text = std::move(words);
  evidence.file = *file_;
  evidence.line = number_;
  facts_[{gpu, evidence.key}] = std::move(evidence);
}

// "3b:00.0 3D controller: NVIDIA …", then indented lines of that device.
void ToolOutput::pci(std::string_view text) {
  const std::string address = address_at(text);
  if (!address.empty()) {
    const bool gpu =
        text.find("NVIDIA") != std::string_view::npos &&
        (text.find("3D controller") != std::string_view::npos ||
         text.find("VGA compatible controller") != std::string_view::npos ||
         text.find("Display controller") != std::string_view::npos);
    pci_gpu_ = gpu && pci_gpus_.size() < kMostGpus ? address : "";
    if (pci_gpu_.empty()) return;
    pci_gpus_.insert(address);
    say(fact::kPciGpus, "", static_cast<int64_t>(pci_gpus_.size()),
        fmt::format("lspci lists {} NVIDIA GPU{}", pci_gpus_.size(),
                    pci_gpus_.size() == 1 ? "" : "s"));
    return;
  }
  if (pci_gpu_.empty()) return;
  constexpr std::string_view kInUse = "Kernel driver in use: ";
  const auto line = trim(text);
  if (line.starts_with(kInUse)) {
    const std::string driver(trim(line.substr(kInUse.size())));
    say(fact::kPciDriver, pci_gpu_, driver, "lspci: driver " + driver);
    pci_gpu_.clear();
  } else if (line.starts_with("Kernel modules: ") &&
             (line.find("nvidia") != std::string_view::npos ||
              line.find("nouveau") != std::string_view::npos)) {
    say(fact::kPciDriver, pci_gpu_, std::string("none"),
        "lspci: no driver is bound to it");
    pci_gpu_.clear();
  }
}

// lsmod: whether the driver is among all that is loaded.
void ToolOutput::modules(std::string_view text) {
  if (text.starts_with("Module") &&
      text.find(kModulesHead) != std::string_view::npos) {
    modules_ = 0;
    nvidia_listed_ = false;
    return;
  }
  if (modules_ < 0) return;
  const auto columns = words(text);
  if (columns.size() >= 3 && to_number<int64_t>(columns[1]) &&
      to_number<int64_t>(columns[2])) {
    ++modules_;
    nvidia_listed_ = nvidia_listed_ || columns[0] == "nvidia";
    // A shorter list was filtered.
    constexpr int kWhole = 20;
    if (nvidia_listed_) {
      say(fact::kModuleLoaded, "", true, "lsmod lists the module nvidia");
    } else if (modules_ >= kWhole) {
      say(fact::kModuleLoaded, "", false,
          fmt::format("lsmod lists {} modules, and nvidia is none of them",
                      modules_));
    }
    return;
  }
  modules_ = -1;
}

// systemctl status: the unit, and some lines below what it does.
void ToolOutput::unit(std::string_view text) {
  constexpr int64_t kNear = 12;
  if (text.find("could not be found") != std::string_view::npos) {
    if (text.find("nvidia-fabricmanager.service") != std::string_view::npos) {
      say(fact::kFabricManager, "", std::string("absent"),
          "systemd knows no nvidia-fabricmanager.service");
    }
    return;
  }
  if (text.find(".service - ") != std::string_view::npos) {
    unit_ = text.find("nvidia-fabricmanager.") != std::string_view::npos
                ? fact::kFabricManager
            : text.find("nvidia-persistenced.") != std::string_view::npos
                ? fact::kPersistenced
                : "";
    unit_line_ = number_;
    return;
  }
  const auto line = trim(text);
  if (unit_.empty() || !line.starts_with("Active: ")) return;
  if (number_ - unit_line_ <= kNear) {
    const bool running = line.starts_with("Active: active (running)");
    const bool stopped = line.starts_with("Active: inactive") ||
                         line.starts_with("Active: failed");
    if (running || stopped) {
      say(unit_, "", std::string(running ? "running" : "stopped"),
          printable(line, 200));
    }
  }
  unit_.clear();
}

// "| 0  NVIDIA H100 …  On  | 00000000:3B:00.0 Off |   0 |"
void ToolOutput::smi_row(std::string_view text) {
  if (!trim(text).starts_with('|')) return;
  const auto columns = split(text, '|');
  for (size_t i = 1; i + 1 < columns.size(); ++i) {
    const auto cell = trim(columns[i]);
    if (!has_form(cell, "XXXXXXXX:XX:XX.X")) continue;
    if (const auto errors = to_number<int64_t>(trim(columns[i + 1]))) {
      say(fact::kEccUncorrected, address_at(cell), *errors,
          fmt::format("nvidia-smi: {} uncorrected ECC errors", *errors));
    }
    return;
  }
}

void ToolOutput::cell(const std::string& gpu, std::string_view name,
                      std::string_view value) {
  if (const auto code = failure(value)) {
    say(fact::kNvml, gpu, std::string(*code),
        fmt::format("nvidia-smi: {}: {}", name, value));
    return;
  }
  constexpr std::pair<std::string_view, std::string_view> kNumbers[] = {
      {"ecc.errors.uncorrected.volatile.total", fact::kEccUncorrected},
      {"pcie.link.width.current", fact::kPcieWidth},
      {"pcie.link.width.max", fact::kPcieWidthMax},
  };
  for (const auto& [column, key] : kNumbers) {
    const auto number = to_number<int64_t>(value);
    if (name == column && number) {
      say(key, gpu, *number, fmt::format("nvidia-smi: {}: {}", name, value));
    }
  }
  const bool on = value == "Enabled";
  if (name == "mig.mode.current" && (on || value == "Disabled")) {
    say(fact::kMig, gpu, std::string(on ? "on" : "off"),
        fmt::format("nvidia-smi: {}: {}", name, value));
  }
}

// nvidia-smi --query-gpu=… --format=csv
void ToolOutput::csv(std::string_view text) {
  if (text.find(kBusId) != std::string_view::npos) {
    columns_.clear();
    for (const std::string_view one : split(text, ',')) {
      // "power.draw [W]"
      columns_.emplace_back(trim(one.substr(0, one.find('['))));
    }
    csv_line_ = number_;
    return;
  }
  if (columns_.empty()) return;
  const auto cells = split(text, ',');
  const auto at = std::ranges::find(columns_, kBusId);
  if (at == columns_.end() || cells.size() != columns_.size() ||
      number_ - csv_line_ > kMostRows) {
    columns_.clear();
    return;
  }
  const auto bus = trim(cells[static_cast<size_t>(at - columns_.begin())]);
  const std::string gpu = address_at(bus);
  if (gpu.empty()) return columns_.clear();
  for (size_t i = 0; i < cells.size(); ++i) {
    cell(gpu, columns_[i], trim(cells[i]));
  }
}

void ToolOutput::line(std::string_view text, const std::string& file,
                      int64_t number) {
  file_ = &file;
  number_ = number;
  pci(text);
  modules(text);
  unit(text);
  smi_row(text);
  csv(text);
}

std::vector<Evidence> ToolOutput::facts() const {
  std::vector<Evidence> all;
  for (const auto& [place, evidence] : facts_) all.push_back(evidence);
  return all;
}

}  // namespace gpuward::logs
