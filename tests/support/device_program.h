// Device programs as systemd and runc write them, loaded into the kernel and
// attached to a cgroup.
#pragma once

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/fd.h"

namespace gpuward {

using BpfProgram = std::vector<bpf_insn>;

struct AllowedNode {
  int major_number;
  int minor_number;  // -1: all
  int access;        // BPF_DEVCG_ACC_…
};

namespace bpf {

inline bpf_insn make(int code, int to, int from, int offset, int value) {
  bpf_insn out{};
  out.code = static_cast<__u8>(code);
  out.dst_reg = static_cast<__u8>(to) & 0xfU;
  out.src_reg = static_cast<__u8>(from) & 0xfU;
  out.off = static_cast<__s16>(offset);
  out.imm = value;
  return out;
}
inline bpf_insn load(int size, int to, int offset) {
  return make(BPF_LDX | BPF_MEM | size, to, 1, offset, 0);
}
inline bpf_insn differs(int reg, int value, int offset) {
  return make(BPF_JMP | BPF_JNE | BPF_K, reg, 0, offset, value);
}

}  // namespace bpf

// bpf-devices.c of systemd 252: type in r2, access in r3, numbers in r4, r5.
inline BpfProgram systemd_program(const std::vector<AllowedNode>& allowed) {
  using bpf::make;
  BpfProgram out = {bpf::load(BPF_H, 2, 0), bpf::load(BPF_W, 3, 0),
                    make(BPF_ALU | BPF_RSH | BPF_K, 3, 0, 0, 16),
                    bpf::load(BPF_W, 4, 4), bpf::load(BPF_W, 5, 8)};
  std::vector<size_t> passes;
  for (const AllowedNode& node : allowed) {
    const int after = node.minor_number < 0 ? 2 : 3;
    out.push_back(make(BPF_ALU | BPF_MOV | BPF_X, 1, 3, 0, 0));
    out.push_back(make(BPF_ALU | BPF_AND | BPF_K, 1, 0, 0, node.access));
    out.push_back(make(BPF_JMP | BPF_JNE | BPF_X, 1, 3, after + 1, 0));
    out.push_back(bpf::differs(2, BPF_DEVCG_DEV_CHAR, after));
    out.push_back(bpf::differs(4, node.major_number, after - 1));
    if (node.minor_number >= 0) {
      out.push_back(bpf::differs(5, node.minor_number, 1));
    }
    passes.push_back(out.size());
    out.push_back(make(BPF_JMP | BPF_JA, 0, 0, 0, 0));
  }
  out.push_back(make(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0));
  out.push_back(make(BPF_JMP | BPF_JA, 0, 0, 1, 0));
  for (const size_t pass : passes) {
    out[pass].off = static_cast<__s16>(out.size() - pass - 1);
  }
  out.push_back(make(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1));
  out.push_back(make(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
  return out;
}

// devicefilter.go of runc, and crun's, from which it came.
inline BpfProgram runc_program(const std::vector<AllowedNode>& allowed) {
  using bpf::make;
  BpfProgram out = {
      bpf::load(BPF_W, 2, 0), make(BPF_ALU | BPF_AND | BPF_K, 2, 0, 0, 0xffff),
      bpf::load(BPF_W, 3, 0), make(BPF_ALU | BPF_RSH | BPF_K, 3, 0, 0, 16),
      bpf::load(BPF_W, 4, 4), bpf::load(BPF_W, 5, 8)};
  for (const AllowedNode& node : allowed) {
    const int size = node.minor_number < 0 ? 7 : 8;
    int left = size;
    out.push_back(bpf::differs(2, BPF_DEVCG_DEV_CHAR, --left));
    out.push_back(make(BPF_ALU | BPF_MOV | BPF_X, 1, 3, 0, 0));
    out.push_back(make(BPF_ALU | BPF_AND | BPF_K, 1, 0, 0, node.access));
    left -= 2;
    out.push_back(make(BPF_JMP | BPF_JNE | BPF_X, 1, 3, --left, 0));
    out.push_back(bpf::differs(4, node.major_number, --left));
    if (node.minor_number >= 0) {
      out.push_back(bpf::differs(5, node.minor_number, --left));
    }
    out.push_back(make(BPF_ALU | BPF_MOV | BPF_K, 0, 0, 0, 1));
    out.push_back(make(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
  }
  out.push_back(make(BPF_ALU | BPF_MOV | BPF_K, 0, 0, 0, 0));
  out.push_back(make(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
  return out;
}

// Invalid where the kernel refuses.
inline Fd load_device_program(const BpfProgram& program,
                              const std::string& name) {
  return Fd(::bpf_prog_load(BPF_PROG_TYPE_CGROUP_DEVICE,
                            name.empty() ? nullptr : name.c_str(), "GPL",
                            program.data(), program.size(), nullptr));
}

// Lasts as long as the cgroup.
inline bool attach_device_program(const BpfProgram& program,
                                  const std::string& name,
                                  const std::string& cgroup) {
  const Fd loaded = load_device_program(program, name);
  const Fd folder(::open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return loaded.valid() && folder.valid() &&
         ::bpf_prog_attach(loaded.get(), folder.get(), BPF_CGROUP_DEVICE,
                           BPF_F_ALLOW_MULTI) == 0;
}

}  // namespace gpuward
