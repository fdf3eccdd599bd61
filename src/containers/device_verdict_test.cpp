#include "containers/device_verdict.h"

#include <gtest/gtest.h>

#include "support/device_program.h"

namespace gpuward::containers {
namespace {

using bpf::make;

std::optional<bool> verdict(const BpfProgram& program, uint32_t access,
                            uint32_t minor_number,
                            uint32_t type = kCharacterDevice) {
  std::vector<Instruction> instructions;
  for (const bpf_insn& each : program) {
    const auto registers =
        static_cast<uint8_t>(each.dst_reg | (each.src_reg << 4U));
    instructions.push_back({each.code, registers, each.off, each.imm});
  }
  return verdict_of(instructions, {access, type, 195, minor_number});
}

bpf_insn end() { return make(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }
bpf_insn set(int to, int value) {
  return make(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}

class Shapes : public testing::TestWithParam<BpfProgram (*)(
                   const std::vector<AllowedNode>&)> {};

TEST_P(Shapes, AreFollowed) {
  const BpfProgram program = GetParam()(
      {{1, 3, 7}, {195, 0, 6}, {195, 1, BPF_DEVCG_ACC_READ}, {508, -1, 7}});
  EXPECT_EQ(verdict(program, kAskRead | kAskWrite, 0), true);
  EXPECT_EQ(verdict(program, kAskMknod, 0), false);
  EXPECT_EQ(verdict(program, kAskRead, 1), true);
  EXPECT_EQ(verdict(program, kAskRead | kAskWrite, 1), false);
  EXPECT_EQ(verdict(program, kAskRead, 255), false);
  EXPECT_EQ(verdict(program, kAskRead, 0, kBlockDevice), false);
}

INSTANTIATE_TEST_SUITE_P(DeviceVerdict, Shapes,
                         testing::Values(systemd_program, runc_program));

// What the kernel makes of `r0 = 1` when it hides constants.
TEST(DeviceVerdict, FollowsHiddenConstants) {
  const BpfProgram program = {
      make(BPF_ALU64 | BPF_MOV | BPF_K, 11, 0, 0, 0x1234567),
      make(BPF_ALU64 | BPF_XOR | BPF_K, 11, 0, 0, 0x1234566),
      make(BPF_ST | 0xc0, 0, 0, 0, 0),
      make(BPF_ALU64 | BPF_MOV | BPF_X, 0, 11, 0, 0), end()};
  EXPECT_EQ(verdict(program, kAskRead, 0), true);
}

TEST(DeviceVerdict, KnowsThirtyTwoFromSixtyFourBits) {
  const auto compared = [](int kind, int operation) {
    return BpfProgram{set(0, 0),
                      set(2, -1),
                      make(kind | operation | BPF_K, 2, 0, 1, 0),
                      make(BPF_JMP | BPF_JA, 0, 0, 1, 0),
                      set(0, 1),
                      end()};
  };
  EXPECT_EQ(verdict(compared(BPF_JMP, BPF_JSLT), kAskRead, 0), true);
  EXPECT_EQ(verdict(compared(BPF_JMP, BPF_JLT), kAskRead, 0), false);
  EXPECT_EQ(verdict(compared(BPF_JMP32, BPF_JSLT), kAskRead, 0), true);
  // A 32-bit move clears the upper half: no longer negative in 64 bits.
  BpfProgram program = compared(BPF_JMP, BPF_JSLT);
  program[1] = make(BPF_ALU | BPF_MOV | BPF_K, 2, 0, 0, -1);
  EXPECT_EQ(verdict(program, kAskRead, 0), false);
  program[2].code = BPF_JMP32 | BPF_JSLT | BPF_K;
  EXPECT_EQ(verdict(program, kAskRead, 0), true);
}

TEST(DeviceVerdict, WhatItCannotFollowIsUnknown) {
  const auto unknown = [](const BpfProgram& program) {
    return !verdict(program, kAskRead, 0).has_value();
  };
  EXPECT_TRUE(unknown({}));
  EXPECT_TRUE(unknown({set(0, 1)}));  // runs off its end
  EXPECT_TRUE(unknown({end()}));      // no result
  EXPECT_TRUE(unknown({make(BPF_JMP | BPF_JA, 0, 0, -1, 0)}));  // for ever
  EXPECT_TRUE(unknown({make(BPF_JMP | BPF_JA, 0, 0, -9, 0), end()}));
  EXPECT_TRUE(unknown({make(BPF_JMP | BPF_CALL, 0, 0, 0, 1), end()}));
  EXPECT_TRUE(unknown({bpf::load(BPF_W, 0, 12), end()}));  // past the context
  EXPECT_TRUE(unknown({bpf::load(BPF_DW, 0, 0), end()}));
  EXPECT_TRUE(unknown({bpf::load(BPF_W, 0, -4), end()}));
  EXPECT_TRUE(unknown({make(BPF_ALU64 | BPF_MOV | BPF_X, 0, 1, 0, 0), end()}));
  EXPECT_TRUE(unknown({make(BPF_ALU64 | BPF_MOV | BPF_X, 0, 5, 0, 0), end()}));
  EXPECT_TRUE(unknown(
      {set(0, 1), make(BPF_ALU64 | BPF_MOV | BPF_K, 15, 0, 0, 0), end()}));
  EXPECT_TRUE(unknown(
      {set(0, 1), make(BPF_STX | BPF_MEM | BPF_W, 10, 0, -4, 0), end()}));
}

}  // namespace
}  // namespace gpuward::containers
