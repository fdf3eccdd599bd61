/* device-programs CGROUP [--deny] [MAJOR:MINOR...]: the BPF programs that say
 * which devices a cgroup (v2) may use. Without nodes it lists them, "ID NAME" a
 * line.
 *
 * With nodes it does what libnvidia-container does to a container: it takes the
 * one program that the runtime put there, puts rules for the nodes in front of
 * it, and has the result take its place; nobody else learns of that. With
 * --deny the rules say no: as if the runtime had put its own program back. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOST 4096
#define MOST_PROGRAMS 64 /* what the kernel allows */
#define MOST_NODES 32

static struct bpf_insn program[MOST];
static unsigned int length;

static long bpf(int command, union bpf_attr* attr) {
  return syscall(SYS_bpf, command, attr, sizeof *attr);
}

static int checked(long result, const char* what) {
  if (result >= 0) return (int)result;
  perror(what);
  exit(1);
}

static struct bpf_insn load(int to, size_t offset) {
  return (struct bpf_insn){.code = BPF_LDX | BPF_MEM | BPF_W,
                           .dst_reg = (uint8_t)(to & 15),
                           .src_reg = BPF_REG_1,
                           .off = (int16_t)offset};
}

static struct bpf_insn with_number(int code, int reg, int skip, int number) {
  return (struct bpf_insn){.code = (uint8_t)code,
                           .dst_reg = (uint8_t)(reg & 15),
                           .off = (int16_t)skip,
                           .imm = number};
}

/* Answers for that character device (1 allows it); for others it goes on behind
 * itself. Leaves the program that follows its one argument, register 1. */
static void add_rule(int major, int minor, int answer) {
  const int unequal = BPF_JMP | BPF_JNE | BPF_K;
  const struct bpf_insn rule[] = {
      load(BPF_REG_2, offsetof(struct bpf_cgroup_dev_ctx, access_type)),
      with_number(BPF_ALU | BPF_AND | BPF_K, BPF_REG_2, 0, 0xFFFF),
      with_number(unequal, BPF_REG_2, 6, BPF_DEVCG_DEV_CHAR),
      load(BPF_REG_2, offsetof(struct bpf_cgroup_dev_ctx, major)),
      with_number(unequal, BPF_REG_2, 4, major),
      load(BPF_REG_2, offsetof(struct bpf_cgroup_dev_ctx, minor)),
      with_number(unequal, BPF_REG_2, 2, minor),
      with_number(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, answer),
      with_number(BPF_JMP | BPF_EXIT, 0, 0, 0),
  };
  memcpy(program + length, rule, sizeof rule);
  length += sizeof rule / sizeof rule[0];
}

static uint32_t query(int cgroup, uint32_t* ids) {
  union bpf_attr attr = {0};
  attr.query.target_fd = (uint32_t)cgroup;
  attr.query.attach_type = BPF_CGROUP_DEVICE;
  attr.query.prog_ids = (uintptr_t)ids;
  attr.query.prog_cnt = MOST_PROGRAMS;
  checked(bpf(BPF_PROG_QUERY, &attr), "the cgroup's device programs");
  return attr.query.prog_cnt;
}

static int open_program(uint32_t id) {
  union bpf_attr attr = {.prog_id = id};
  return checked(bpf(BPF_PROG_GET_FD_BY_ID, &attr), "a device program");
}

static void ask(int program_file, struct bpf_prog_info* info) {
  union bpf_attr attr = {0};
  attr.info.bpf_fd = (uint32_t)program_file;
  attr.info.info_len = sizeof *info;
  attr.info.info = (uintptr_t)info;
  checked(bpf(BPF_OBJ_GET_INFO_BY_FD, &attr), "what is in a device program");
}

static void list(const uint32_t* ids, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    struct bpf_prog_info info = {0};
    const int file = open_program(ids[i]);
    ask(file, &info);
    close(file);
    printf("%u %s\n", ids[i], info.name);
  }
}

static void append_instructions(int of) {
  struct bpf_prog_info info = {0};
  info.xlated_prog_insns = (uintptr_t)(program + length);
  info.xlated_prog_len =
      (uint32_t)sizeof program - length * (uint32_t)sizeof program[0];
  ask(of, &info);
  length += info.xlated_prog_len / (uint32_t)sizeof program[0];
}

static int load_program(void) {
  union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
                         .insns = (uintptr_t)program,
                         .insn_cnt = length,
                         .license = (uintptr_t) "Apache"};
  return checked(bpf(BPF_PROG_LOAD, &attr), "loading the new program");
}

static void replace(int cgroup, int old, int new) {
  union bpf_attr attr = {0};
  attr.target_fd = (uint32_t)cgroup;
  attr.attach_bpf_fd = (uint32_t) new;
  attr.attach_type = BPF_CGROUP_DEVICE;
  attr.attach_flags = BPF_F_ALLOW_MULTI | BPF_F_REPLACE;
  attr.replace_bpf_fd = (uint32_t)old;
  checked(bpf(BPF_PROG_ATTACH, &attr), "putting it in the old one's place");
}

int main(int count, char** words) {
  if (count < 2 || count > 3 + MOST_NODES) return 64;
  const int cgroup =
      checked(open(words[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC), words[1]);
  uint32_t ids[MOST_PROGRAMS];
  const uint32_t attached = query(cgroup, ids);
  if (count == 2) {
    list(ids, attached);
    return 0;
  }
  const int denies = strcmp(words[2], "--deny") == 0;
  for (int i = 2 + denies; i < count; ++i) {
    int major = 0, minor = 0;
    if (sscanf(words[i], "%d:%d", &major, &minor) != 2) return 64;
    add_rule(major, minor, !denies);
  }
  if (attached != 1) {
    fprintf(stderr, "%u device programs, not one\n", attached);
    return 1;
  }
  const int old = open_program(ids[0]);
  append_instructions(old);
  replace(cgroup, old, load_program());
  return 0;
}
