// What a BPF_CGROUP_DEVICE program answers, by running its instructions. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace gpuward::containers {

// struct bpf_insn, as the kernel shows a loaded program.
struct Instruction {
  uint8_t code = 0;
  uint8_t registers = 0;  // destination in the low four bits, source above
  int16_t offset = 0;
  int32_t immediate = 0;

  bool operator==(const Instruction&) const = default;
};

// The bits of access_type in struct bpf_cgroup_dev_ctx.
enum : uint32_t {
  kAskMknod = 1,
  kAskRead = 2,
  kAskWrite = 4,
  kBlockDevice = 1,
  kCharacterDevice = 2,
};

struct DeviceQuestion {
  uint32_t access = kAskRead;
  uint32_t type = kCharacterDevice;
  uint32_t major_number = 0;
  uint32_t minor_number = 0;
};

// Nothing where the program does what this does not follow: calls, maps, the
// stack, a context other than the three words, more than some thousand steps.
std::optional<bool> verdict_of(std::span<const Instruction> program,
                               const DeviceQuestion& question);

}  // namespace gpuward::containers
