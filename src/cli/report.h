// What `doctor` says, for people and as JSON (schema 1: additions only).
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "cli/screen.h"
#include "model/container.h"
#include "model/finding.h"
#include "model/snapshot.h"

namespace gpuward::cli {

// The machine or the pile of logs that was diagnosed.
struct Patient {
  std::string name;  // host name, or "3 files"
  std::vector<std::string>
      about;  // "8 × NVIDIA H20", "driver 570.158.01 (open)"
  bool has_hardware = true;
  bool is_live = false;  // this machine, now
  Millis took{0};
  Json host;  // the same for machines
  std::vector<Probe> probes;
  std::vector<StuckTask> other_tasks;
  std::vector<Container> containers;
};

Json report_json(const Patient& patient, const Diagnosis& diagnosis);
void print_report(const Screen& screen, const Patient& patient,
                  const Diagnosis& diagnosis, Wall now);

// The exit code that goes with it.
int exit_code_of(const Diagnosis& diagnosis);

}  // namespace gpuward::cli
