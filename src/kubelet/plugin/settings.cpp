#include "kubelet/plugin/settings.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "kubelet/plugin/config_file.h"
#include "kubelet/plugin/setting_rows.h"

namespace gpuward::kubelet::plugin {
namespace {

constexpr std::string_view kInstead =
    "gpuward has no such thing; switch it off, or keep NVIDIA's device plugin "
    "on this node";

// What somebody said, and where.
struct Said {
  std::vector<std::string> texts;
  std::string origin;  // "--mig-strategy", "MIG_STRATEGY", "f.yaml:3: flags.…"
};

std::vector<std::string> split_list(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  for (const std::string& text : texts) {
    for (const std::string_view part : split(text, ',')) {
      const std::string_view word = trim(part);
      if (!word.empty()) out.emplace_back(word);
    }
  }
  return out;
}

std::optional<Said> by_flag(const SettingRow& row, const GivenFlags& flags) {
  const auto found = flags.find(row.flag);
  if (found == flags.end() || found->second.empty()) return std::nullopt;
  Said said{found->second, "--" + std::string(row.flag)};
  if (row.kind == SettingRow::Kind::list) said.texts = split_list(said.texts);
  return said;
}

// An empty variable says "false", or not to register; else it says nothing.
std::optional<Said> by_environment(const SettingRow& row,
                                   const Environment& environment) {
  for (const std::string_view name : environment_of(row)) {
    const auto value = environment(name);
    if (!value) continue;
    Said said{{*value}, std::string(name)};
    if (value->empty()) {
      if (row.kind == SettingRow::Kind::yes_no) said.texts = {"false"};
      const bool counts = row.kind == SettingRow::Kind::yes_no ||
                          row.flag == setting::kKubeletSocket;
      if (!counts) continue;
    }
    if (row.kind == SettingRow::Kind::list) said.texts = split_list(said.texts);
    return said;
  }
  return std::nullopt;
}

std::optional<Said> by_file(const SettingRow& row, const ConfigFile& file) {
  const auto found = file.entries.find(row.flag);
  if (found == file.entries.end()) return std::nullopt;
  return Said{found->second.texts, found->second.place};
}

Said by_default(const SettingRow& row) {
  Said said{{std::string(row.otherwise)}, "the default"};
  if (row.kind == SettingRow::Kind::list) said.texts = split_list(said.texts);
  return said;
}

// As Go's strconv.ParseBool.
std::optional<bool> parse_yes_no(std::string_view text) {
  for (const std::string_view yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

// Reads settings by their rows; what is wrong is collected.
class Reader {
 public:
  Reader(const GivenFlags& flags, const Environment& environment,
         const ConfigFile& file)
      : flags_(flags), environment_(environment), file_(file) {}

  Said said(std::string_view flag) const {
    const auto rows = setting_rows();
    const SettingRow& row = *std::ranges::find(rows, flag, &SettingRow::flag);
    if (auto said = by_flag(row, flags_)) return *said;
    if (auto said = by_environment(row, environment_)) return *said;
    if (auto said = by_file(row, file_)) return *said;
    return by_default(row);
  }
  std::string text(std::string_view flag) const {
    const Said what = said(flag);
    return what.texts.empty() ? std::string() : what.texts.back();
  }
  std::vector<std::string> list(std::string_view flag) const {
    return said(flag).texts;
  }
  bool yes(std::string_view flag);
  Millis time(std::string_view flag);
  // Whether it is the second of the two words; neither is a mistake.
  bool second_of(std::string_view flag, std::string_view first,
                 std::string_view second);
  void refuse_if(std::string_view flag, bool wanted, std::string_view what);

  void mistake(const std::string& origin, std::string_view text) {
    mistakes_.push_back(fmt::format("{}: {}", origin, text));
  }
  void unsupported(std::string text) {
    unsupported_.push_back(std::move(text));
  }
  std::optional<std::unexpected<Error>> failure() const;

 private:
  const GivenFlags& flags_;
  const Environment& environment_;
  const ConfigFile& file_;
  std::vector<std::string> mistakes_, unsupported_;
};

bool Reader::yes(std::string_view flag) {
  const Said what = said(flag);
  const std::string text = what.texts.empty() ? "" : what.texts.back();
  const auto value = parse_yes_no(text);
  if (!value) {
    mistake(what.origin, fmt::format("must be true or false, not '{}'",
                                     printable(text, 60)));
  }
  return value.value_or(false);
}

Millis Reader::time(std::string_view flag) {
  const Said what = said(flag);
  const std::string text = what.texts.empty() ? "" : what.texts.back();
  const auto value = duration_from(text);
  constexpr Millis kMost = 7 * 24h;
  if (!value) {
    mistake(what.origin, value.error().text);
  } else if (*value > kMost) {
    mistake(what.origin, "at most 7 days, not " + printable(text, 60));
  }
  return value.value_or(Millis(0));
}

bool Reader::second_of(std::string_view flag, std::string_view first,
                       std::string_view second) {
  const std::string word = text(flag);
  if (word != first && word != second) {
    mistake(said(flag).origin, fmt::format("must be {} or {}, not '{}'", first,
                                           second, printable(word, 60)));
  }
  return word == second;
}

void Reader::refuse_if(std::string_view flag, bool wanted,
                       std::string_view what) {
  if (!wanted) return;
  unsupported(fmt::format("{}: {} is not supported: {}", said(flag).origin,
                          what, kInstead));
}

std::optional<std::unexpected<Error>> Reader::failure() const {
  if (mistakes_.empty() && unsupported_.empty()) return std::nullopt;
  std::string all;
  for (const auto* lines : {&mistakes_, &unsupported_}) {
    for (const std::string& line : *lines) {
      all += (all.empty() ? "" : "\n") + line;
    }
  }
  return fail(
      mistakes_.empty() ? Error::Kind::unsupported : Error::Kind::malformed,
      std::move(all));
}

MigStrategy mig_strategy(Reader& reader) {
  const std::string word = reader.text(setting::kMigStrategy);
  if (word == "none") return MigStrategy::none;
  if (word == "single") return MigStrategy::single;
  if (word == "mixed") return MigStrategy::mixed;
  reader.mistake(reader.said(setting::kMigStrategy).origin,
                 fmt::format("must be none, single or mixed, not '{}'",
                             printable(word, 60)));
  return MigStrategy::none;
}

ListStrategies list_strategies(Reader& reader) {
  ListStrategies out;
  const Said said = reader.said(setting::kListStrategy);
  for (const std::string& word : said.texts) {
    if (word == "envvar") {
      out.envvar = true;
    } else if (word == "volume-mounts") {
      out.volume_mounts = true;
    } else if (word == "cdi-annotations") {
      out.cdi_annotations = true;
    } else if (word == "cdi-cri") {
      out.cdi_cri = true;
    } else {
      reader.mistake(said.origin,
                     fmt::format("invalid strategy: '{}'; there are envvar, "
                                 "volume-mounts, cdi-annotations and cdi-cri",
                                 printable(word, 60)));
    }
  }
  if (said.texts.empty()) {
    reader.mistake(said.origin,
                   "names no strategy; there are envvar, "
                   "volume-mounts, cdi-annotations and cdi-cri");
  }
  return out;
}

void check_discovery(Reader& reader) {
  const std::string word = reader.text(setting::kDiscovery);
  const std::string origin = reader.said(setting::kDiscovery).origin;
  if (word == "tegra") {
    reader.unsupported(fmt::format(
        "{}: Tegra is not supported: gpuward knows GPUs by NVML alone; keep "
        "NVIDIA's device plugin on this node",
        origin));
  } else if (word != "auto" && word != "nvml") {
    reader.mistake(origin, fmt::format("must be auto or nvml, not '{}'",
                                       printable(word, 60)));
  }
}

void check_channels(Reader& reader) {
  reader.refuse_if(setting::kImexChannels,
                   !reader.list(setting::kImexChannels).empty(),
                   "handing out IMEX channels");
  reader.yes(setting::kImexRequired);
}

// The side program that picks a configuration by a node's label, and signals
// NVIDIA's plugin by its name.
void check_manager(Reader& reader, const Environment& environment) {
  for (const char* name : {"CONFIG_FILE_SRCDIR", "CONFIG_FILE_DST"}) {
    if (!environment(name)) continue;
    reader.unsupported(fmt::format(
        "{}: a configuration by the node's label (config-manager) is not "
        "supported: name one file by CONFIG_FILE, and one DaemonSet for each "
        "kind of node",
        name));
    return;
  }
}

void check_sharing(Reader& reader, const Settings& settings) {
  if (settings.sharing.kind != Sharing::Kind::mps) return;
  if (settings.mig_strategy == MigStrategy::mixed) {
    reader.mistake(reader.said(setting::kMigStrategy).origin,
                   "mixed is not supported with sharing by MPS");
  }
  if (settings.mps_root.empty()) {
    reader.mistake("sharing.mps",
                   "needs --mps-root (MPS_ROOT): where NVIDIA's MPS daemon has "
                   "its pipes on the host");
  }
}

void read_own(Reader& reader, Settings& out) {
  out.hang_tolerance = reader.time(setting::kHangTolerance);
  out.recovery_time = reader.time(setting::kRecoveryTime);
  out.pack_mig = !reader.second_of(setting::kMigPolicy, "packed", "spread");
  out.allow_unhealthy = reader.yes(setting::kAllowUnhealthy);
}

Settings read_all(Reader& reader, const Sharing& sharing) {
  Settings out;
  out.mig_strategy = mig_strategy(reader);
  reader.yes(setting::kFailOnInitError);
  out.driver_root = reader.text(setting::kDriverRoot);
  out.dev_root = reader.text(setting::kDevRoot);
  if (out.dev_root.empty()) out.dev_root = out.driver_root;
  out.mps_root = reader.text(setting::kMpsRoot);
  out.pass_device_specs = reader.yes(setting::kPassDeviceSpecs);
  out.list = list_strategies(reader);
  out.ids_by_index = reader.second_of(setting::kIdStrategy, "uuid", "index");
  out.cdi_annotation_prefix = reader.text(setting::kCdiPrefix);
  out.cdi_hook_path = reader.text(setting::kCdiHook);
  out.driver_root_inside = reader.text(setting::kDriverRootInside);
  out.cdi_feature_flags = reader.list(setting::kCdiFeatures);
  out.cdi_disabled_hooks = reader.list(setting::kCdiNoHooks);
  out.pack_replicas =
      reader.second_of(setting::kSharedPolicy, "distributed", "packed");
  out.kubelet_socket = reader.text(setting::kKubeletSocket);
  out.sharing = sharing;
  out.xids = XidFilter(reader.text(setting::kNoHealthChecks),
                       reader.text(setting::kHealthChecks));
  read_own(reader, out);
  return out;
}

}  // namespace

std::string config_file_of(const GivenFlags& flags,
                           const Environment& environment) {
  return Reader(flags, environment, {}).text(setting::kConfigFile);
}

Result<LoadedSettings> load_settings(const GivenFlags& flags,
                                     const Environment& environment,
                                     const std::optional<ConfigText>& file) {
  ConfigFile config;
  if (file) config = TRY(read_config(*file));
  Reader reader(flags, environment, config);
  LoadedSettings out{read_all(reader, config.sharing), config.warnings};
  check_discovery(reader);
  check_channels(reader);
  check_manager(reader, environment);
  check_sharing(reader, out.settings);
  reader.refuse_if(setting::kGdrcopy, reader.yes(setting::kGdrcopy), "GDRCopy");
  reader.refuse_if(setting::kGds, reader.yes(setting::kGds),
                   "GPUDirect Storage");
  reader.refuse_if(setting::kMofed, reader.yes(setting::kMofed),
                   "handing out Mellanox devices");
  if (auto failure = reader.failure()) return std::move(*failure);
  return out;
}

}  // namespace gpuward::kubelet::plugin
