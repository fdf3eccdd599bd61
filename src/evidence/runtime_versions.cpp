#include "evidence/runtime_versions.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "evidence/packages.h"
#include "evidence/software.h"
#include "host/tool.h"
#include "model/facts.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "runtime-versions";
constexpr Millis kOneTool = 2s;
constexpr Millis kAllTools = 3s;

struct Program {
  std::string_view key;
  std::string_view name;     // for people
  std::string_view program;  // asked with --version; none loads NVML for that
  std::array<std::string_view, 2> packages;  // that hold just this program
  bool ask_first = false;
};

constexpr Program kPrograms[] = {
    {fact::kRunc, "runc", "runc", {"runc", ""}, true},
    {fact::kCrun, "crun", "crun", {"crun", ""}, true},
    {fact::kToolkit,
     "NVIDIA Container Toolkit",
     "nvidia-ctk",
     {"nvidia-container-toolkit-base", "nvidia-container-toolkit"},
     true},
    {fact::kDocker, "docker", "dockerd", {"docker-ce", "docker.io"}, false},
    {fact::kContainerd,
     "containerd",
     "containerd",
     {"containerd.io", "containerd"},
     false},
};

bool exists_in(const host::Root& root, std::string_view program,
               std::initializer_list<std::string_view> folders) {
  return std::ranges::any_of(folders, [&](std::string_view folder) {
    return root.exists(fmt::format("{}/{}", folder, program));
  });
}

Evidence version_fact(const Program& program, const std::string& version,
                      const std::string& whole, const std::string& from) {
  return node_fact(
      kSource, program.key, version,
      fmt::format("{} {} ({})", program.name, printable(whole, 100), from));
}

// By dpkg. A program in /usr/local, which is found first, is no package's.
std::optional<Evidence> by_package(const host::Root& root,
                                   const Program& program,
                                   std::string_view status) {
  if (exists_in(root, program.program, {"/usr/local/sbin", "/usr/local/bin"})) {
    return std::nullopt;
  }
  for (const std::string_view package : program.packages) {
    if (package.empty()) continue;
    const auto whole = package_version(status, package);
    if (!whole) continue;
    const std::string version = plain_version(*whole);
    if (version.empty()) continue;
    return version_fact(program, version, *whole,
                        fmt::format("Debian package {}", package));
  }
  return std::nullopt;
}

class Asker {
 public:
  std::optional<Evidence> ask(const Program& program, Collected& out) {
    const Millis left = kAllTools - (BootClock::now() - started_);
    const std::string command = std::string(program.program) + " --version";
    if (left <= 0ms) {
      out.gaps.push_back({std::string(kSource),
                          command + ": not asked, the others took too long"});
      return std::nullopt;
    }
    const auto done = host::run_tool(
        {std::string(program.program), "--version"}, std::min(kOneTool, left));
    if (!done) {
      if (done.error().kind != Error::Kind::not_found) {
        out.gaps.push_back({std::string(kSource), done.error().text});
      }
      return std::nullopt;
    }
    const std::string version = version_in(done->output);
    if (done->exit_code != 0 || version.empty()) {
      out.gaps.push_back({std::string(kSource),
                          fmt::format("{}: exit code {}, no version: {}",
                                      command, done->exit_code,
                                      printable(trim(done->complaints), 200))});
      return std::nullopt;
    }
    const std::string_view line = split(done->output, '\n').front();
    return node_fact(kSource, program.key, version,
                     fmt::format("{} {} ({} says \"{}\")", program.name,
                                 version, command, printable(line, 200)));
  }

 private:
  Boot started_ = BootClock::now();
};

std::string value_of(const Collected& collected, std::string_view key) {
  for (const Evidence& item : collected.evidence) {
    if (item.key == key) return to_text(item.value);
  }
  return {};
}

void add_links_needed(Collected& out, const host::Root& root) {
  const auto links =
      links_needed(value_of(out, fact::kRunc), systemd_version(root));
  if (!links) return;
  out.evidence.push_back(
      node_fact(kSource, fact::kDevCharLinksNeeded, links->needed, links->why));
}

// Of a root whose packages we cannot read.
void add_gap_for_rpm(Collected& out, const host::Root& root) {
  for (const std::string_view path :
       {"/usr/lib/sysimage/rpm", "/var/lib/rpm"}) {
    if (!root.exists(path)) continue;
    out.gaps.push_back({std::string(kSource),
                        "versions of the runtimes: rpm's database is not read "
                        "outside of the running machine"});
    return;
  }
}

// The first three numbers of "1.1.5".
std::optional<std::array<int, 3>> numbers_of(std::string_view version) {
  std::array<int, 3> out{};
  size_t count = 0;
  for (const std::string_view part : split(version, '.')) {
    const auto number = to_number<int>(part);
    if (!number) return std::nullopt;
    if (count < out.size()) out.at(count++) = *number;
  }
  return out;
}

}  // namespace

std::string version_in(std::string_view output) {
  const auto parts = words(output.substr(0, output.find('\n')));
  for (const std::string_view part : parts) {
    const bool has_dot = part.find('.') != std::string_view::npos;
    const std::string version = plain_version(part);
    if (has_dot && version.find('.') != std::string::npos) return version;
  }
  return {};
}

std::optional<LinksNeeded> links_needed(std::string_view runc,
                                        std::string_view systemd) {
  constexpr int kFirstThatParses = 240;
  constexpr std::array<int, 3> kFrom = {1, 1, 3};
  constexpr std::array<int, 3> kTo = {1, 1, 6};
  const auto systemd_number = to_number<int>(systemd);
  if (systemd_number && *systemd_number < kFirstThatParses) {
    return LinksNeeded{true, fmt::format("systemd {} takes a device rule only "
                                         "where /dev/char has its link",
                                         systemd)};
  }
  const auto numbers = numbers_of(runc);
  if (!numbers) return std::nullopt;
  if (*numbers >= kFrom && *numbers <= kTo) {
    return LinksNeeded{
        true, fmt::format("runc {} (of 1.1.3 to 1.1.6) leaves out device rules "
                          "whose link in /dev/char is missing",
                          runc)};
  }
  if (!systemd_number) return std::nullopt;
  return LinksNeeded{
      false, fmt::format("runc {} with systemd {} needs no links in /dev/char",
                         runc, systemd)};
}

Collected collect_runtime_versions(const host::Host& host) {
  Collected out;
  const host::Root& root = host.evidence;
  const std::string status = read_dpkg_status(root).value_or(std::string());
  const bool may_ask = root.is_machine();
  Asker asker;
  for (const Program& program : kPrograms) {
    std::optional<Evidence> found;
    if (may_ask && program.ask_first) found = asker.ask(program, out);
    if (!found) found = by_package(root, program, status);
    if (!found && may_ask && !program.ask_first) {
      found = asker.ask(program, out);
    }
    if (found) out.evidence.push_back(std::move(*found));
  }
  if (!may_ask && status.empty()) add_gap_for_rpm(out, root);
  add_links_needed(out, root);
  return out;
}

}  // namespace gpuward::evidence
