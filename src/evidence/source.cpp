#include "evidence/source.h"

#include "base/text.h"

namespace gpuward::evidence {

Evidence node_fact(std::string_view source, std::string_view key, Value value,
                   std::string text, std::string file) {
  Evidence out;
  out.source = source;
  out.key = key;
  out.value = std::move(value);
  out.text = std::move(text);
  out.file = std::move(file);
  return out;
}

Evidence gpu_fact(std::string_view source, std::string_view pci,
                  std::string_view key, Value value, std::string text) {
  Evidence out = node_fact(source, key, std::move(value), std::move(text));
  out.subject = {Subject::Kind::gpu, std::string(pci)};
  return out;
}

Gap gap_of(std::string_view source, const Error& error) {
  if (error.kind == Error::Kind::denied) {
    return {std::string(source), error.text + ": run as root"};
  }
  return {std::string(source), error.text};
}

}  // namespace gpuward::evidence
