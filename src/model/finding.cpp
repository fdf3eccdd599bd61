#include "model/finding.h"

#include <algorithm>

namespace gpuward {

Verdict verdict_of(const Diagnosis& diagnosis) {
  Verdict verdict = Verdict::healthy;
  const auto& unknown = diagnosis.checks.unknown;
  if (std::ranges::any_of(unknown, &UnknownCheck::matters)) {
    verdict = Verdict::unknown;
  }
  for (const Finding& finding : diagnosis.findings) {
    if (finding.severity == Severity::fault) return Verdict::fault;
    if (finding.severity == Severity::warning) verdict = Verdict::warning;
  }
  return verdict;
}

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::info:
      return "info";
    case Severity::warning:
      return "warning";
    case Severity::fault:
      return "fault";
  }
  return "";
}

std::string_view name_of(Confidence confidence) {
  switch (confidence) {
    case Confidence::possible:
      return "possible";
    case Confidence::likely:
      return "likely";
    case Confidence::certain:
      return "certain";
  }
  return "";
}

std::string_view name_of(Subject::Kind kind) {
  switch (kind) {
    case Subject::Kind::node:
      return "node";
    case Subject::Kind::gpu:
      return "gpu";
    case Subject::Kind::container:
      return "container";
    case Subject::Kind::pod:
      return "pod";
    case Subject::Kind::fabric:
      return "fabric";
  }
  return "";
}

std::string_view name_of(Remedy::AppliesBy by) {
  return by == Remedy::AppliesBy::repair ? "repair" : "person";
}

std::string_view name_of(Remedy::Disrupts disrupts) {
  switch (disrupts) {
    case Remedy::Disrupts::nothing:
      return "nothing";
    case Remedy::Disrupts::container:
      return "container";
    case Remedy::Disrupts::node:
      return "node";
  }
  return "";
}

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::healthy:
      return "healthy";
    case Verdict::warning:
      return "warning";
    case Verdict::fault:
      return "fault";
    case Verdict::unknown:
      return "unknown";
  }
  return "";
}

std::string in_words(const Subject& subject) {
  if (subject.name.empty()) return {};
  if (subject.kind == Subject::Kind::gpu) {
    return subject.name.starts_with("GPU") ? subject.name
                                           : "GPU " + subject.name;
  }
  return std::string(name_of(subject.kind)) + " " + subject.name;
}

}  // namespace gpuward
