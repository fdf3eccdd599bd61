// The two machines that gpuward has to do with (design, "Two roots"):
// `evidence` is the one that is diagnosed ("/", --root DIR, a simulated node);
// `self` is the one on which our own processes live. On a real machine they
// are the same directory.
//
//   belongs to evidence            belongs to self
//   /proc/PID of any task but ours /proc/PID of the prober
//   /proc/{uptime,devices,modules} /proc/sys/kernel/random/boot_id (identity)
//   /sys, /dev, /etc, /usr/lib     /sys/fs/cgroup (where a prober is put)
//   kernel log, journal            /run/systemd (whose bus we talk to)
//   /run/nvidia*                   the run directory (/run/gpuward)
#pragma once

#include <optional>
#include <string>

#include "host/root.h"

namespace gpuward::host {

struct Host {
  Root evidence;
  Root self;
  // Ours: lock, progress, snapshot, sockets. "/run/gpuward" unless told.
  std::string run_dir;
  // Ours, and lasting: the ledger, backups. "/var/lib/gpuward" unless told;
  // beside a run directory that was told, in it.
  std::string state_dir;
  // True for a simulated node, where --apply would be allowed: the folder
  // around the root holds the simulator's state (sim/state.h).
  bool simulated = false;
  // Where the driver's user space lies inside the evidence root; empty: look
  // in all the usual places.
  std::string driver_root;

  // What the caller asked for; empty fields take their defaults, which are
  // $GPUWARD_ROOT, $GPUWARD_RUN_DIR (set by `gpuward sim run`), "/" and
  // "/run/gpuward".
  // Why nothing below the evidence root may be run and no driver be asked for
  // it: it is a copy of another machine. Nothing where it is this machine (by
  // "/" or by its mount in a container) or a simulated node.
  std::optional<std::string> why_not_to_probe() const;

  struct Wanted {
    std::string root;
    std::string run_dir;
    std::string driver_root;
  };
  static Result<Host> open(const Wanted& wanted);
};

// Creates the run directory (0755) where it is missing and may be created;
// its parent must exist.
Result<void> make_run_dir(const Host& host);

}  // namespace gpuward::host
