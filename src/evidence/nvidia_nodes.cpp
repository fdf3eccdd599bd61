#include "evidence/nvidia_nodes.h"

#include <fmt/core.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"
#include "evidence/pci.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "dev-char-links";
// A folder of a hostile or broken tree is read so far.
constexpr size_t kMostNodes = 16384;

// "#" at the end of a name stands for its number, which is the minor.
struct Rule {
  std::string_view name;
  std::array<std::string_view, 2> drivers;  // names in /proc/devices
  unsigned minor_number = 0;
};

constexpr std::string_view kNvidia = "nvidia";
constexpr std::string_view kFrontend = "nvidia-frontend";  // before 550
constexpr std::string_view kUvm = "nvidia-uvm";
constexpr std::string_view kSwitch = "nvidia-nvswitch";
constexpr std::string_view kCaps = "nvidia-caps";
constexpr std::string_view kImex = "nvidia-caps-imex-channels";

constexpr Rule kRules[] = {
    {"nvidia#", {kNvidia, kFrontend}},
    {"nvidiactl", {kNvidia, kFrontend}, 255},
    {"nvidia-modeset", {kNvidia, kFrontend}, 254},
    {"nvidia-uvm", {kUvm, kUvm}, 0},
    {"nvidia-uvm-tools", {kUvm, kUvm}, 1},
    {"nvidia-nvswitch#", {kSwitch, kSwitch}},
    {"nvidia-nvswitchctl", {kSwitch, kSwitch}, 255},
    {"nvidia-nvlink", {"nvidia-nvlink", "nvidia-nvlink"}, 0},
    {"nvidia-fs#", {"nvidia-fs", "nvidia-fs"}},
    {"nvidia-caps/nvidia-cap#", {kCaps, kCaps}},
    {"nvidia-caps-imex-channels/channel#", {kImex, kImex}},
};

struct Match {
  const Rule* rule = nullptr;
  unsigned minor_number = 0;
};

std::optional<Match> match(std::string_view below_dev) {
  for (const Rule& rule : kRules) {
    if (!rule.name.ends_with('#')) {
      if (below_dev == rule.name) return Match{&rule, rule.minor_number};
      continue;
    }
    const std::string_view stem = rule.name.substr(0, rule.name.size() - 1);
    if (!below_dev.starts_with(stem)) continue;
    const auto number = to_number<unsigned>(below_dev.substr(stem.size()));
    if (number) return Match{&rule, *number};
  }
  return std::nullopt;
}

std::optional<unsigned> major_of(const Rule& rule, const Majors& majors) {
  for (const auto& [name, number] : majors) {
    if (std::ranges::find(rule.drivers, name) != rule.drivers.end()) {
      return number;
    }
  }
  return std::nullopt;
}

class Finder {
 public:
  Finder(const host::Root& root, std::string_view driver_root)
      : root_(root), dev_(std::string(driver_root) + "/dev") {}

  void read_majors() {
    if (const auto text = root_.read("/proc/devices")) {
      majors_ = character_majors(*text);
    } else {
      out_.gaps.push_back(
          {std::string(kSource), "majors: " + text.error().text});
    }
  }

  void add_existing() {
    list_folder("");
    list_folder("nvidia-caps/");
    list_folder("nvidia-caps-imex-channels/");
  }

  void add_to_come() {
    const size_t gpus = bound_gpus();
    expect({"nvidiactl", "nvidia-modeset"},
           "load the module first (`modprobe nvidia`)");
    for (size_t gpu = 0; gpu < gpus; ++gpu) {
      expect_quietly(fmt::format("nvidia{}", gpu));
    }
    expect({"nvidia-uvm", "nvidia-uvm-tools"},
           "load the module first (`nvidia-modprobe -u -c 0`)");
    const size_t switches = bound_to("nvidia-nvswitch");
    for (size_t each = 0; each < switches; ++each) {
      expect_quietly(fmt::format("nvidia-nvswitch{}", each));
    }
    if (switches > 0) expect_quietly("nvidia-nvswitchctl");
    // 1 is config, 2 monitor; then 15 GPU instances for each GPU, each with
    // one minor of its own and eight for compute instances.
    constexpr size_t kOfTheNode = 2;
    constexpr size_t kOfEachGpu = 15 * (1 + 8);
    const size_t last = kOfTheNode + gpus * kOfEachGpu;
    for (size_t cap = 1; cap <= last; ++cap) {
      expect_quietly(fmt::format("nvidia-caps/nvidia-cap{}", cap));
    }
  }

  NvidiaNodes result() {
    for (auto& [numbers, node] : nodes_) out_.nodes.push_back(std::move(node));
    return std::move(out_);
  }

 private:
  void list_folder(const std::string& below) {
    const auto names = root_.list(dev_ + "/" + below);
    if (!names) {
      // The capability folders need not be there.
      if (below.empty() || names.error().kind != Error::Kind::not_found) {
        out_.gaps.push_back({std::string(kSource), names.error().text});
      }
      return;
    }
    for (const std::string& name : *names) {
      if (nodes_.size() >= kMostNodes) {
        out_.gaps.push_back({std::string(kSource),
                             fmt::format("{}: only the first {} nodes are "
                                         "looked at",
                                         dev_, kMostNodes)});
        return;
      }
      if (const auto found = match(below + name)) add(below + name, *found);
    }
  }

  void add(const std::string& name, const Match& found) {
    const auto status = root_.lstat(dev_ + "/" + name);
    if (!status) return;  // it went meanwhile
    const auto registered = major_of(*found.rule, majors_);
    NvidiaNode node{.path = dev_ + "/" + name};
    if (S_ISCHR(status->st_mode)) {
      node.numbers = {major(status->st_rdev), minor(status->st_rdev)};
      if (registered && *registered != node.numbers.major_number) {
        out_.problems.push_back(fmt::format(
            "{} is out of date: it has major {}, the driver registered {}; "
            "`nvidia-modprobe` makes it anew",
            node.path, node.numbers.major_number, *registered));
        return;
      }
    } else if (S_ISREG(status->st_mode) && registered) {
      node.numbers = {*registered, found.minor_number};
      node.stand_in = true;
    } else {
      return;
    }
    nodes_.emplace(node.numbers, node);
  }

  bool expect_quietly(const std::string& name) {
    const auto numbers = numbers_by_name(name, majors_);
    if (!numbers) return false;
    nodes_.emplace(*numbers, NvidiaNode{.path = dev_ + "/" + name,
                                        .numbers = *numbers,
                                        .exists = false});
    return true;
  }

  // Names of one driver, which share its major.
  void expect(const std::array<const char*, 2>& names, std::string_view what) {
    bool known = true;
    for (const char* name : names) known = expect_quietly(name) && known;
    if (known || !out_.gaps.empty()) return;
    out_.problems.push_back(
        fmt::format("no major is registered for {}/{} and {}/{}: {}", dev_,
                    names[0], dev_, names[1], what));
  }

  size_t bound_gpus() {
    const auto addresses = gpu_addresses(root_);
    if (!addresses && addresses.error().kind != Error::Kind::not_found) {
      out_.gaps.push_back({std::string(kSource), addresses.error().text});
    }
    if (!addresses) return 0;
    return static_cast<size_t>(
        std::ranges::count_if(*addresses, [this](const std::string& address) {
          const auto driver = root_.read_link(
              fmt::format("/sys/bus/pci/devices/{}/driver", address));
          return driver && driver->ends_with("/nvidia");
        }));
  }

  // A driver's folder holds a link for each of its devices, by address.
  size_t bound_to(std::string_view driver) {
    const auto names =
        root_.list(fmt::format("/sys/bus/pci/drivers/{}", driver));
    if (!names) return 0;
    return static_cast<size_t>(
        std::ranges::count_if(*names, [](const std::string& name) {
          return name.find(':') != std::string::npos;
        }));
  }

  const host::Root& root_;
  std::string dev_;
  Majors majors_;
  std::map<DeviceNumbers, NvidiaNode> nodes_;
  NvidiaNodes out_;
};

}  // namespace

std::string in_words(const DeviceNumbers& numbers) {
  return fmt::format("{}:{}", numbers.major_number, numbers.minor_number);
}

std::optional<DeviceNumbers> device_numbers(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto first = to_number<unsigned>(text.substr(0, colon));
  const auto second = to_number<unsigned>(text.substr(colon + 1));
  if (!first || !second) return std::nullopt;
  return DeviceNumbers{*first, *second};
}

Majors character_majors(std::string_view devices) {
  Majors out;
  for (const std::string_view line : split(devices, '\n')) {
    if (line.starts_with("Block devices")) break;
    const auto fields = words(line);
    if (fields.size() != 2) continue;
    const auto number = to_number<unsigned>(fields[0]);
    if (number) out.emplace_back(std::string(fields[1]), *number);
  }
  return out;
}

std::optional<DeviceNumbers> numbers_by_name(std::string_view below_dev,
                                             const Majors& majors) {
  const auto found = match(below_dev);
  if (!found) return std::nullopt;
  const auto registered = major_of(*found->rule, majors);
  if (!registered) return std::nullopt;
  return DeviceNumbers{*registered, found->minor_number};
}

bool is_nvidia_name(std::string_view below_dev) {
  return match(below_dev).has_value();
}

std::array<std::string, 3> node_folders(std::string_view driver_root) {
  const std::string dev = std::string(driver_root) + "/dev";
  return {dev, dev + "/nvidia-caps", dev + "/nvidia-caps-imex-channels"};
}

NvidiaNodes find_nvidia_nodes(const host::Root& root,
                              std::string_view driver_root, Which which) {
  while (driver_root.ends_with('/')) driver_root.remove_suffix(1);
  Finder finder(root, driver_root);
  finder.read_majors();
  finder.add_existing();
  if (which == Which::to_come) finder.add_to_come();
  return finder.result();
}

}  // namespace gpuward::evidence
