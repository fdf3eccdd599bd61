// A bundle from whoever sent it, and what is cut out of ours.
#include "base/json.h"
#include "bundle/read.h"
#include "bundle/redact.h"
#include "fuzz/target.h"

namespace gpuward::fuzz {
namespace {

void redact(std::string_view bytes) {
  const bundle::Redacted once = bundle::redact(bytes);
  must((once.count == 0) == (once.text == bytes), "what is cut is counted");
  must(bundle::redact(bytes).text == once.text, "the same is cut twice");
  if (const auto json = Json::parse(bytes)) {
    int64_t count = 0;
    const Json left = bundle::redact(*json, count);
    must((count == 0) == (left == *json), "what is cut is counted");
  }
}

void seen(std::string_view bytes) {
  static TempTree tree;
  tree.file("/bundle", bytes);
  const std::string path = tree.path() + "/bundle";
  (void)bundle::is_bundle(path, Boot::max());
  const auto file = bundle::read_bundle(path, Boot::max());
  if (!file) must(!file.error().text.empty(), "a refusal says why");
  // The same without the archive around it: mutations reach it sooner.
  const auto json = Json::parse(bytes);
  if (!json) return;
  const auto read = bundle::seen_from_json(*json);
  if (!read) return;
  const auto again = bundle::seen_from_json(to_json(*read));
  must(again.has_value(), "evidence that was written can be read");
  must(to_json(*again) == to_json(*read), "evidence reads the same again");
}

constexpr Target kTargets[] = {
    {"redact", redact, 4000},
    {"bundle", seen, 1500},
};

}  // namespace

std::span<const Target> bundle_targets() { return kTargets; }

}  // namespace gpuward::fuzz
