#include "containers/programs.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "containers/device_verdict.h"

namespace gpuward::containers {
namespace {

constexpr size_t kMaxLevels = 64;
constexpr size_t kMaxPrograms = 64;  // BPF_CGROUP_MAX_PROGS
constexpr uint32_t kMaxBytes = 4 << 20;
// A runtime replaced a program while we read.
constexpr int kAttempts = 3;

static_assert(sizeof(Instruction) == sizeof(bpf_insn));

struct Loaded {
  std::string name;
  // Empty where the kernel does not show them.
  std::vector<Instruction> instructions;
};

std::unexpected<Error> failed(int result, const std::string& doing) {
  const int error = result < 0 ? -result : errno;
  if (error == EPERM || error == EACCES) {
    return std::unexpected(
        Error{Error::Kind::denied, error, doing + ": run as root"});
  }
  return fail_errno(error, doing);
}

Result<std::vector<uint32_t>> programs_on(int cgroup, const std::string& path) {
  std::array<uint32_t, kMaxPrograms> ids{};
  uint32_t count = ids.size();
  uint32_t flags = 0;
  const int result = ::bpf_prog_query(cgroup, BPF_CGROUP_DEVICE, 0, &flags,
                                      ids.data(), &count);
  if (result != 0) return failed(result, "asking for the programs on " + path);
  count = std::min<uint32_t>(count, ids.size());
  return std::vector<uint32_t>(ids.begin(), ids.begin() + count);
}

Result<Loaded> load_of(uint32_t id) {
  const std::string doing = fmt::format("reading device program {}", id);
  const Fd fd(::bpf_prog_get_fd_by_id(id));
  if (!fd.valid()) return failed(-errno, doing);
  bpf_prog_info info{};
  uint32_t size = sizeof info;
  int result = ::bpf_obj_get_info_by_fd(fd.get(), &info, &size);
  if (result != 0) return failed(result, doing);
  Loaded loaded;
  loaded.name.assign(info.name, ::strnlen(info.name, sizeof info.name));
  const uint32_t bytes = info.xlated_prog_len;
  if (bytes == 0 || bytes > kMaxBytes || bytes % sizeof(Instruction) != 0) {
    return loaded;
  }
  loaded.instructions.resize(bytes / sizeof(Instruction));
  info = {};
  size = sizeof info;
  info.xlated_prog_len = bytes;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel's own interface
  info.xlated_prog_insns =
      reinterpret_cast<uint64_t>(loaded.instructions.data());
  result = ::bpf_obj_get_info_by_fd(fd.get(), &info, &size);
  if (result != 0) return failed(result, doing);
  // Zero: the instructions are kept back (net.core.bpf_jit_harden).
  if (info.xlated_prog_len != bytes || info.xlated_prog_insns == 0) {
    loaded.instructions.clear();
  }
  return loaded;
}

uint32_t asked_access(const Grant& grant) {
  uint32_t access = 0;
  if (grant.access.find('r') != std::string::npos) access |= kAskRead;
  if (grant.access.find('w') != std::string::npos) access |= kAskWrite;
  return access;
}

// As a client opens a node: reading and writing are asked for in one.
std::optional<bool> lets_through(const Loaded& loaded, const Grant& grant) {
  return verdict_of(loaded.instructions,
                    {asked_access(grant), kCharacterDevice, grant.major_number,
                     grant.minor_number});
}

std::optional<std::vector<std::string>> denials_of(
    const Loaded& loaded, const std::vector<Grant>& grants) {
  std::vector<std::string> denied;
  for (const Grant& grant : grants) {
    if (asked_access(grant) == 0) continue;
    const auto verdict = lets_through(loaded, grant);
    if (!verdict) return std::nullopt;
    if (!*verdict) {
      denied.push_back(
          fmt::format("{}:{}", grant.major_number, grant.minor_number));
    }
  }
  return denied;
}

// Runtimes give their programs no name. One that lies on the container's own
// cgroups is its runtime's; NVIDIA's hook puts its own in that one's place, and
// an update puts the runtime's back, which lacks the nodes.
std::string owner_of(const DeviceProgram& program, const Container& container) {
  if (program.name.starts_with("sd_devices")) return "systemd";
  if (program.name.find("nvidia") != std::string::npos) return "nvidia";
  const bool own = program.cgroup == container.cgroup ||
                   (!container.unit.empty() &&
                    program.cgroup.find(container.unit) != std::string::npos);
  if (!own || !program.name.empty()) return "unknown";
  if (container.injection == Injection::legacy && program.denies &&
      program.denies->empty()) {
    return "nvidia";
  }
  return container.oci_runtime.empty() ? "unknown" : container.oci_runtime;
}

Result<std::vector<DeviceProgram>> read_level(int cgroup,
                                              const std::string& path,
                                              const Container& container) {
  std::vector<DeviceProgram> programs;
  for (const uint32_t id : TRY(programs_on(cgroup, path))) {
    const Loaded loaded = TRY(load_of(id));
    DeviceProgram program{id, loaded.name, "", path,
                          denials_of(loaded, container.grants)};
    program.owner = owner_of(program, container);
    programs.push_back(std::move(program));
  }
  return programs;
}

Result<std::vector<DeviceProgram>> read_level_steadily(
    int cgroup, const std::string& path, const Container& container) {
  auto programs = read_level(cgroup, path, container);
  for (int attempt = 1; attempt < kAttempts; ++attempt) {
    if (programs || programs.error().kind != Error::Kind::not_found) break;
    programs = read_level(cgroup, path, container);
  }
  return programs;
}

// A cgroup of version 2, and not a file of that name in a copied tree.
Result<Fd> open_cgroup(const host::Root& root, const std::string& folder) {
  auto fd = root.open_file(folder, O_RDONLY | O_DIRECTORY);
  if (!fd && fd.error().kind == Error::Kind::not_found) {
    return fail(Error::Kind::gone, folder + " is not there any more");
  }
  if (!fd) return fd;
  struct statfs status {};
  if (::fstatfs(fd->get(), &status) != 0) return fail_errno(errno, folder);
  if (status.f_type != CGROUP2_SUPER_MAGIC) {
    return fail(Error::Kind::unsupported,
                folder + " is no cgroup of version 2");
  }
  return fd;
}

}  // namespace

Result<std::vector<DeviceProgram>> read_device_programs(
    const host::Host& host, const Container& container) {
  const std::string& folder = container.cgroup_folder;
  if (!container.cgroup_v2 || !folder.ends_with(container.cgroup)) {
    return fail(Error::Kind::unsupported,
                "device programs are cgroup v2's: " + folder);
  }
  const std::string mount =
      folder.substr(0, folder.size() - container.cgroup.size());
  std::string path = container.cgroup == "/" ? "" : container.cgroup;
  std::vector<DeviceProgram> programs;
  for (size_t level = 0; level < kMaxLevels; ++level) {
    const Fd cgroup = TRY(open_cgroup(host.evidence, mount + path + "/"));
    const std::string shown = path.empty() ? "/" : path;
    for (auto& each :
         TRY(read_level_steadily(cgroup.get(), shown, container))) {
      programs.push_back(std::move(each));
    }
    if (path.empty()) return programs;
    path.resize(path.rfind('/'));
  }
  return fail(Error::Kind::malformed, folder + " is too deep");
}

}  // namespace gpuward::containers
