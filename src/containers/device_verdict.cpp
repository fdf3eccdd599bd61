#include "containers/device_verdict.h"

#include <linux/bpf.h>

#include <array>
#include <cstring>

namespace gpuward::containers {
namespace {

// Sixteen nodes make some hundred instructions; a list of thousands is run
// once through.
constexpr int kMaxSteps = 100'000;
// Ten and the frame pointer, and the kernel's own, which hides constants where
// net.core.bpf_jit_harden asks for that.
constexpr size_t kRegisters = 12;
constexpr uint8_t kContextRegister = 1;
// BPF_ST | BPF_NOSPEC: the kernel's barrier against speculation. No operation.
constexpr uint8_t kBarrier = BPF_ST | 0xc0;
constexpr uint8_t kWide = 64;

struct Register {
  uint64_t value = 0;
  bool is_context = false;
  bool is_set = false;
};

// A step that was made, or not followed.
enum class Step { next, end, lost };

std::optional<uint64_t> calculate_64(uint8_t operation, uint64_t left,
                                     uint64_t right) {
  const auto shift = right & (kWide - 1);
  switch (operation) {
    case BPF_ADD:
      return left + right;
    case BPF_SUB:
      return left - right;
    case BPF_MUL:
      return left * right;
    case BPF_OR:
      return left | right;
    case BPF_AND:
      return left & right;
    case BPF_XOR:
      return left ^ right;
    case BPF_LSH:
      return left << shift;
    case BPF_RSH:
      return left >> shift;
    case BPF_ARSH:
      return static_cast<uint64_t>(static_cast<int64_t>(left) >> shift);
    case BPF_MOV:
      return right;
    case BPF_NEG:
      return 0 - left;
    default:
      return std::nullopt;
  }
}

std::optional<uint64_t> calculate_32(uint8_t operation, uint64_t left,
                                     uint64_t right) {
  const auto low = static_cast<uint32_t>(left);
  const auto shift = static_cast<uint32_t>(right) & 31U;
  switch (operation) {
    case BPF_LSH:
      return low << shift;
    case BPF_RSH:
      return low >> shift;
    case BPF_ARSH:
      return static_cast<uint32_t>(static_cast<int32_t>(low) >> shift);
    default:
      break;
  }
  const auto wide = calculate_64(operation, low, static_cast<uint32_t>(right));
  if (!wide) return std::nullopt;
  return static_cast<uint32_t>(*wide);
}

// `bits` is 32 or 64; both sides have been cut to that already.
std::optional<bool> compare(uint8_t operation, uint64_t left, uint64_t right,
                            int64_t signed_left, int64_t signed_right) {
  switch (operation) {
    case BPF_JEQ:
      return left == right;
    case BPF_JNE:
      return left != right;
    case BPF_JSET:
      return (left & right) != 0;
    case BPF_JGT:
      return left > right;
    case BPF_JGE:
      return left >= right;
    case BPF_JLT:
      return left < right;
    case BPF_JLE:
      return left <= right;
    case BPF_JSGT:
      return signed_left > signed_right;
    case BPF_JSGE:
      return signed_left >= signed_right;
    case BPF_JSLT:
      return signed_left < signed_right;
    case BPF_JSLE:
      return signed_left <= signed_right;
    default:
      return std::nullopt;
  }
}

class Machine {
 public:
  Machine(std::span<const Instruction> program, const DeviceQuestion& question)
      : program_(program) {
    const std::array<uint32_t, 3> words = {
        (question.access << 16) | question.type, question.major_number,
        question.minor_number};
    std::memcpy(context_.data(), words.data(), context_.size());
    registers_[kContextRegister] = {0, true, true};
  }

  std::optional<bool> run() {
    for (int step = 0; step < kMaxSteps; ++step) {
      if (at_ >= program_.size()) return std::nullopt;
      const Instruction& instruction = program_[at_++];
      const Step made = make(instruction);
      if (made == Step::lost) return std::nullopt;
      if (made == Step::next) continue;
      const Register& result = registers_[0];
      if (!result.is_set || result.is_context) return std::nullopt;
      return static_cast<uint32_t>(result.value) != 0;
    }
    return std::nullopt;
  }

 private:
  Step make(const Instruction& instruction) {
    if (instruction.code == kBarrier) return Step::next;
    const uint8_t destination = instruction.registers & 0x0f;
    const uint8_t source = instruction.registers >> 4;
    if (destination >= kRegisters || source >= kRegisters) return Step::lost;
    switch (BPF_CLASS(instruction.code)) {
      case BPF_ALU:
      case BPF_ALU64:
        return calculate(instruction, registers_[destination],
                         operand(instruction));
      case BPF_JMP:
      case BPF_JMP32:
        return jump(instruction, registers_[destination]);
      case BPF_LDX:
        return load(instruction, registers_[destination], registers_[source]);
      default:
        return Step::lost;
    }
  }

  Register operand(const Instruction& instruction) const {
    if (BPF_SRC(instruction.code) == BPF_X) {
      return registers_[instruction.registers >> 4];
    }
    const int64_t extended = instruction.immediate;
    return {static_cast<uint64_t>(extended), false, true};
  }

  static Step calculate(const Instruction& instruction, Register& left,
                        const Register& right) {
    const uint8_t operation = BPF_OP(instruction.code);
    const bool wide = BPF_CLASS(instruction.code) == BPF_ALU64;
    // An offset is a newer kernel's sign extension or signed division.
    if (!right.is_set || instruction.offset != 0) return Step::lost;
    if (operation == BPF_MOV && wide) {
      left = right;
      return Step::next;
    }
    const bool is_move = operation == BPF_MOV;
    if (right.is_context || (!is_move && (left.is_context || !left.is_set))) {
      return Step::lost;
    }
    const auto result = wide ? calculate_64(operation, left.value, right.value)
                             : calculate_32(operation, left.value, right.value);
    if (!result) return Step::lost;
    left = {*result, false, true};
    return Step::next;
  }

  // The kernel has checked that a jump stays in the program; run() does again.
  Step go(int64_t offset) {
    const int64_t target = static_cast<int64_t>(at_) + offset;
    if (target < 0) return Step::lost;
    at_ = static_cast<size_t>(target);
    return Step::next;
  }

  Step jump(const Instruction& instruction, const Register& left) {
    const uint8_t operation = BPF_OP(instruction.code);
    const bool wide = BPF_CLASS(instruction.code) == BPF_JMP;
    if (operation == BPF_EXIT) return wide ? Step::end : Step::lost;
    if (operation == BPF_JA) {
      // The long jump of newer kernels has its distance in the constant.
      return go(wide ? instruction.offset : instruction.immediate);
    }
    const Register right = operand(instruction);
    const bool plain =
        left.is_set && right.is_set && !left.is_context && !right.is_context;
    if (!plain) return Step::lost;
    const auto taken =
        wide ? compare(operation, left.value, right.value,
                       static_cast<int64_t>(left.value),
                       static_cast<int64_t>(right.value))
             : compare(operation, static_cast<uint32_t>(left.value),
                       static_cast<uint32_t>(right.value),
                       static_cast<int32_t>(left.value),
                       static_cast<int32_t>(right.value));
    if (!taken) return Step::lost;
    return *taken ? go(instruction.offset) : Step::next;
  }

  Step load(const Instruction& instruction, Register& destination,
            const Register& source) const {
    if (BPF_MODE(instruction.code) != BPF_MEM || !source.is_context) {
      return Step::lost;
    }
    const size_t size = BPF_SIZE(instruction.code) == BPF_W   ? 4
                        : BPF_SIZE(instruction.code) == BPF_H ? 2
                        : BPF_SIZE(instruction.code) == BPF_B ? 1
                                                              : 0;
    const int64_t offset = instruction.offset;
    if (size == 0 || offset < 0 ||
        static_cast<size_t>(offset) + size > context_.size()) {
      return Step::lost;
    }
    uint64_t value = 0;  // little endian, as every machine with these GPUs
    std::memcpy(&value, context_.data() + offset, size);
    destination = {value, false, true};
    return Step::next;
  }

  std::span<const Instruction> program_;
  size_t at_ = 0;
  std::array<Register, kRegisters> registers_;
  std::array<uint8_t, 12> context_{};
};

}  // namespace

std::optional<bool> verdict_of(std::span<const Instruction> program,
                               const DeviceQuestion& question) {
  return Machine(program, question).run();
}

}  // namespace gpuward::containers
