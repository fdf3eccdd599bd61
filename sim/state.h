/* The state of a simulated node: one mapped file that the engine writes and
 * every client's libnvidia-ml.so.1 reads, so that all processes see the same
 * fault at the same moment. C, because the library is freestanding C.
 *
 * Fixed size, no pointers. The engine changes it under `lock` of its own and
 * bumps `generation` (release) and wakes the futex on it after each change;
 * the library reads without a lock and re-reads when `generation` moved.
 * Times are milliseconds of CLOCK_BOOTTIME; fault windows are relative to
 * `started_ms`.
 */
#ifndef GPUWARD_SIM_STATE_H
#define GPUWARD_SIM_STATE_H

#include <stdint.h>

#define SIM_MAGIC 0x47505753u /* "GPWS" */
#define SIM_LAYOUT 1u

/* Where the library looks: $GPUWARD_SIM names the node's folder, which holds
 * "state"; without it, "gpuward-sim.state" beside the library's own file. */
#define SIM_ENVIRONMENT "GPUWARD_SIM"
/* The folder with nvidiactl and nvidiaN; default: `dev_dir` of the state. */
#define SIM_DEV_ENVIRONMENT "GPUWARD_SIM_DEV"

enum {
  SIM_MAX_GPUS = 16,
  SIM_MAX_MIG = 8,       /* MIG devices of one GPU */
  SIM_MAX_PROFILES = 16, /* GPU-instance profiles of one GPU */
  SIM_MAX_LINKS = 18,
  SIM_MAX_PROCESSES = 16,
  SIM_MAX_FAULTS = 64,
  SIM_MAX_EVENTS = 64 /* a ring */
};

/* Optional numbers: SIM_NOT_SUPPORTED makes the getter answer so. */
#define SIM_NOT_SUPPORTED (-1)

struct sim_mig {
  uint32_t gpu_instance;
  uint32_t compute_instance;
  uint32_t gi_profile; /* NVML's GPU-instance profile id, 0…17 */
  uint32_t ci_profile;
  uint32_t slices; /* compute slices of the instance: 3 in 3g.48gb */
  uint32_t placement_start;
  uint32_t placement_size;
  uint64_t memory_bytes;
  char uuid[96];
  char profile[32]; /* "3g.48gb" */
};

struct sim_profile {
  uint32_t id;
  uint32_t slices;
  uint32_t instances; /* how many fit at most */
  uint64_t memory_bytes;
  char name[32];
};

struct sim_link {
  int32_t active;  /* 0, 1; SIM_NOT_SUPPORTED: no such link */
  char remote[32]; /* PCI address, 8-digit domain, empty: none */
  uint32_t remote_is_switch;
};

struct sim_process {
  uint32_t pid;
  uint32_t kind; /* 0 compute, 1 graphics, 2 MPS */
  uint64_t memory_bytes;
  int32_t gpu_instance; /* -1: whole GPU */
  int32_t compute_instance;
  char name[64];
};

struct sim_gpu {
  char name[96];
  char uuid[96];
  char pci[32]; /* "00000000:0F:00.0" */
  char serial[32];
  char board_part[32];
  char vbios[32];
  char inforom_image[16];
  char inforom_oem[16];
  char inforom_ecc[16];
  char inforom_power[16];
  char gsp_version[32]; /* empty: not supported */
  uint32_t pci_device;  /* device << 16 | vendor, as NVML packs it */
  uint32_t pci_subsystem;
  int32_t minor;
  int32_t board_id;
  int32_t architecture; /* NVML_DEVICE_ARCH_… */
  int32_t brand;
  int32_t cc_major;
  int32_t cc_minor;
  int32_t numa_node;
  uint64_t memory_total;
  uint64_t memory_used;
  uint64_t memory_reserved;
  int32_t utilization_gpu;
  int32_t utilization_memory;
  int32_t clock_graphics, clock_sm, clock_memory, clock_video;
  int32_t clock_graphics_max, clock_sm_max, clock_memory_max, clock_video_max;
  uint64_t clock_reasons; /* nvmlClocksEventReasons bits */
  int32_t performance_state;
  int32_t temperature;
  int32_t temperature_memory;
  int32_t temperature_slowdown, temperature_shutdown;
  int32_t fan;
  int64_t power_milliwatts;
  int64_t power_limit_milliwatts;
  int32_t ecc_mode, ecc_mode_pending; /* 0, 1, SIM_NOT_SUPPORTED */
  int64_t ecc_volatile_corrected, ecc_volatile_uncorrected;
  int64_t ecc_aggregate_corrected, ecc_aggregate_uncorrected;
  int32_t rows_correctable; /* SIM_NOT_SUPPORTED: no row remapping */
  int32_t rows_uncorrectable;
  int32_t rows_pending, rows_failed;
  int32_t pcie_generation, pcie_generation_max;
  int32_t pcie_width, pcie_width_max;
  int32_t persistence_mode;
  int32_t compute_mode;
  int32_t display_active;
  int32_t mig_mode, mig_mode_pending;
  int32_t fabric_state;  /* NVML_GPU_FABRIC_STATE_…; SIM_NOT_SUPPORTED */
  int32_t fabric_status; /* nvmlReturn_t */
  uint32_t fabric_health_mask;
  unsigned char fabric_cluster[16];
  uint32_t fabric_clique;
  int32_t recovery_action; /* SIM_NOT_SUPPORTED: driver too old */
  int32_t lost; /* 1: off the bus: GPU_IS_LOST from getters, 999 from handles */
  uint32_t mig_count;
  struct sim_mig mig[SIM_MAX_MIG];
  uint32_t profile_count;
  struct sim_profile profiles[SIM_MAX_PROFILES];
  uint32_t link_count;
  struct sim_link links[SIM_MAX_LINKS];
  uint32_t process_count;
  struct sim_process processes[SIM_MAX_PROCESSES];
};

enum sim_action {
  SIM_RETURN = 0,  /* answer `code` after `delay_ms` */
  SIM_DELAY,       /* wait `delay_ms`, then answer as usual */
  SIM_HANG_FUTEX,  /* state S in futex, until the fault is lifted */
  SIM_HANG_BUSY,   /* a loop in user space */
  SIM_HANG_D,      /* state D that dies on SIGKILL (vfork) */
  SIM_HANG_D_HARD, /* state D that survives SIGKILL: a write to `frozen_file` */
  SIM_DIE,         /* the client's process ends by SIGSEGV */
  SIM_HIDE         /* the symbol is not there: dlsym cannot be cheated, so the
                      call answers FUNCTION_NOT_FOUND */
};

struct sim_fault {
  uint32_t used;       /* 0: this row is empty */
  uint32_t id;         /* never given twice; for `inject --clear` */
  char symbol[64];     /* glob over exported names: "nvmlInit*" */
  char caller[32];     /* glob over the client's /proc/self/comm; empty: any */
  char not_caller[32]; /* glob that must not match; empty: none */
  int32_t gpu;         /* index; -1: any, also calls without a GPU */
  uint32_t from_call;  /* n-th matching call of the process, from 1 */
  uint32_t to_call;    /* 0: no end */
  int64_t from_ms;     /* after started_ms */
  int64_t to_ms;       /* -1: no end */
  uint32_t action;     /* enum sim_action */
  int32_t code;        /* nvmlReturn_t */
  int64_t delay_ms;
};

struct sim_event {
  uint64_t sequence; /* from 1, never reused; 0: empty */
  int32_t gpu;
  uint32_t gpu_instance, compute_instance; /* 0xFFFFFFFF: none */
  uint64_t type;                           /* nvmlEventType… */
  uint64_t data;                           /* the Xid */
};

struct sim_state {
  uint32_t magic, layout;
  uint32_t generation; /* a futex word, shared */
  uint32_t stopped;    /* 1: the node is going away; every hang ends */
  int64_t started_ms;
  char driver_version[80];  /* of the loaded module; empty: not loaded */
  char library_version[80]; /* differs from driver_version: mismatch */
  int32_t cuda_version;     /* 12080 */
  char dev_dir[256];
  char frozen_file[256]; /* on a file system that the engine freezes; may be ""
                          */
  uint32_t frozen;       /* 1 while it is frozen */
  uint32_t gpu_count;
  struct sim_gpu gpus[SIM_MAX_GPUS];
  struct sim_fault faults[SIM_MAX_FAULTS];
  uint64_t last_event;
  struct sim_event
      events[SIM_MAX_EVENTS]; /* slot = sequence % SIM_MAX_EVENTS */
};

#endif
