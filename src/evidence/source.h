// A source: one place of the machine from which evidence is read. One source
// per file pair, listed in table.cpp.
//
// A source reads through Root alone (design, law 1), takes a bounded time and
// amount, and never fails: what it could not read is a Gap.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/host.h"
#include "model/evidence.h"
#include "model/stuck_task.h"

namespace gpuward::evidence {

struct Collected {
  std::vector<Evidence> evidence;
  std::vector<Gap> gaps;
  std::vector<StuckTask> tasks;  // of the source "tasks" alone
};

struct Source {
  std::string_view name;  // as in Evidence::source
  std::string_view what;  // for people
  Collected (*collect)(const host::Host& host);
};

// Every source, in the order in which it is asked.
std::span<const Source> sources();

// A fact about the node, or about the GPU at a PCI address.
Evidence node_fact(std::string_view source, std::string_view key, Value value,
                   std::string text, std::string file = {});
Evidence gpu_fact(std::string_view source, std::string_view pci,
                  std::string_view key, Value value, std::string text);

// "not readable: run as root", or the error's own words.
Gap gap_of(std::string_view source, const Error& error);

}  // namespace gpuward::evidence
