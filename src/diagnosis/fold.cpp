#include "diagnosis/fold.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "diagnosis/prose.h"
#include "diagnosis/source_code.h"

namespace gpuward::diagnosis {
namespace {

constexpr size_t kSampleBytes = 2048;

// Who may have printed a line of `source`; a plain log may hold anything.
bool may_print(const Signature& signature, std::string_view source) {
  if (signature.source == "kernel") return source != "kubelet-log";
  if (signature.source == "kubelet") return source != "kernel-log";
  return true;
}

// Speaks of a fault that nobody has here. Kernel lines always count.
bool is_told_of_others(const Evidence& evidence) {
  if (evidence.source != "log" || evidence.text.starts_with("NVRM:")) {
    return false;
  }
  return is_about_faults(evidence.text) ||
         (!evidence.when && is_source_code(evidence.text));
}

std::string capture(const matching::Captures& captures, std::string_view name) {
  for (const auto& [key, value] : captures) {
    if (key == name) return value;
  }
  return {};
}

// A pattern that matches a line, and what it captures there.
struct Match {
  size_t signature = 0;
  matching::Captures captures;
};

std::vector<Match> matches_in(const Catalogue& catalogue,
                              std::string_view line) {
  std::vector<Match> matches;
  for (const size_t index : catalogue.patterns.match(line)) {
    matches.push_back({index, catalogue.patterns.captures(index, line)});
  }
  return matches;
}

// The GPU's address, if any pattern that matches the line found one.
std::string address_in(const std::vector<Match>& matches) {
  for (const Match& match : matches) {
    const auto gpu = capture(match.captures, "gpu");
    if (gpu.find(':') != std::string::npos) return gpu;
  }
  return {};
}

std::string subject_of(const Evidence& evidence,
                       const matching::Captures& captures,
                       const std::string& address) {
  const std::string gpu = address.empty() ? capture(captures, "gpu") : address;
  if (!gpu.empty()) return gpu_address(gpu);
  if (evidence.subject.kind == Subject::Kind::gpu) return evidence.subject.name;
  return {};
}

// The entry for `name`, or nullptr once there are too many: hostile logs may
// name any number of GPUs.
template <typename Map>
auto* slot(Map& map, const std::string& name, size_t limit) {
  const auto found = map.find(name);
  if (found != map.end()) return &found->second;
  if (map.size() >= limit)
    return static_cast<decltype(&found->second)>(nullptr);
  return &map[name];
}

// What happened since the machine started outranks what was before.
void count(Hits& hits, const Sample& sample) {
  if (hits.count > 0 && sample.line.boot != hits.last.line.boot) {
    if (sample.line.boot < hits.last.line.boot) return;
    hits = {};
  }
  if (hits.count == 0) hits.first = sample;
  hits.count += sample.line.times;
  hits.last = sample;
  const auto same = std::ranges::find(
      hits.texts, sample.line.text, [](const Hits::Same& each) {
        return std::string_view(each.first.line.text);
      });
  if (same != hits.texts.end()) {
    same->times += sample.line.times;
  } else if (hits.texts.size() < State::kSamples) {
    hits.texts.push_back({sample, sample.line.times});
  }
}

const Sample* last_of(const Catalogue& catalogue, const State& state,
                      const std::string& name) {
  const auto index = catalogue.signature_index.find(name);
  if (index == catalogue.signature_index.end()) return nullptr;
  const auto hits = state.hits.find(index->second);
  if (hits == state.hits.end()) return nullptr;
  const Sample* last = nullptr;
  for (const auto& [gpu, one] : hits->second) {
    if (last == nullptr || one.last.order > last->order) last = &one.last;
  }
  return last;
}

// The last hit of the signature that this one must follow, if it is near.
const Sample* opening(const Catalogue& catalogue, const State& state,
                      const Signature& signature, const Evidence& line) {
  const Sample* last = last_of(catalogue, state, signature.after);
  if (last == nullptr) return nullptr;
  for (const std::string& name : signature.until) {
    const Sample* end = last_of(catalogue, state, name);
    if (end != nullptr && end->order > last->order) return nullptr;
  }
  const bool numbered = line.line != 0 && last->line.line != 0;
  if (numbered && last->line.file != line.file) return nullptr;
  const int64_t distance =
      numbered ? line.line - last->line.line
               : static_cast<int64_t>(state.order - last->order);
  return distance >= 0 && distance <= signature.within ? last : nullptr;
}

void fold_line(const Catalogue& catalogue, State& state,
               const Evidence& evidence) {
  if (is_told_of_others(evidence)) return;
  std::vector<Match> matches = matches_in(catalogue, evidence.text);
  if (matches.empty()) return;
  const std::string address = address_in(matches);
  Sample of_line;
  of_line.line = evidence;
  of_line.line.text = printable(trim(evidence.text), kSampleBytes);
  of_line.order = state.order;
  of_line.uptime = kernel_stamp(evidence.text);
  for (Match& match : matches) {
    const size_t index = match.signature;
    const Signature& signature = catalogue.signatures[index];
    if (!may_print(signature, evidence.source)) continue;
    const Sample* before = opening(catalogue, state, signature, evidence);
    if (!signature.after.empty() && before == nullptr) continue;
    Sample sample = of_line;
    sample.captures = std::move(match.captures);
    if (before != nullptr) {
      sample.captures.insert(sample.captures.end(), before->captures.begin(),
                             before->captures.end());
    }
    const std::string subject = subject_of(evidence, sample.captures, address);
    if (!subject.empty()) {
      sample.line.subject = {Subject::Kind::gpu, subject};
    }
    if (Hits* hits = slot(state.hits[index], subject, State::kSubjects)) {
      count(*hits, sample);
    }
    const std::string key = capture(sample.captures, "key");
    if (key.empty()) continue;
    if (Sample* last = slot(state.keyed[index], key, State::kKeys)) {
      if (last->line.boot <= sample.line.boot) *last = sample;
    }
  }
}

// What a person states outranks what was read.
bool replaces(const Evidence& later, const Evidence& earlier) {
  return later.source == "given" || earlier.source != "given";
}

}  // namespace

std::string gpu_address(std::string_view text) {
  std::string lower = to_lower(trim(text));
  if (to_number<int>(lower)) return "GPU " + lower;
  if (lower.starts_with("pci:")) lower.erase(0, 4);
  const auto colon = lower.find(':');
  if (colon == std::string::npos) return std::string(trim(text));
  if (lower.find(':', colon + 1) == std::string::npos) lower = "0000:" + lower;
  const auto domain = lower.find(':');
  while (lower.find(':') > 4 && lower.front() == '0') lower.erase(0, 1);
  if (domain < 4) lower.insert(0, 4 - domain, '0');
  const auto dot = lower.rfind('.');
  if (dot == std::string::npos) lower += ".0";
  return lower;
}

std::optional<double> kernel_stamp(std::string_view line) {
  for (size_t at = line.find('['); at != std::string_view::npos;
       at = line.find('[', at + 1)) {
    if (at > 120) break;  // a prefix, or nothing
    const auto close = line.find(']', at);
    if (close == std::string_view::npos) break;
    const auto inside = trim(line.substr(at + 1, close - at - 1));
    const auto dot = inside.find('.');
    if (dot == std::string_view::npos || inside.size() - dot != 7) continue;
    if (const auto seconds = to_double(inside)) return seconds;
  }
  return std::nullopt;
}

void fold(const Catalogue& catalogue, State& state, const Evidence& evidence) {
  ++state.order;
  if (evidence.key.empty()) {
    ++state.sources[evidence.source];
    fold_line(catalogue, state, evidence);
    return;
  }
  auto& known = state.facts[evidence.key];
  const auto found = known.find(evidence.subject);
  if (found == known.end() && known.size() >= State::kFactSubjects) return;
  if (found != known.end() && !replaces(evidence, found->second)) return;
  known[evidence.subject] = evidence;
}

}  // namespace gpuward::diagnosis
