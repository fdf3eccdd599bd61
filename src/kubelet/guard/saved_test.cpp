#include "kubelet/guard/saved.h"

#include <gtest/gtest.h>

namespace gpuward::kubelet::guard {
namespace {

TEST(Saved, ComesBackByteForByte) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  const std::vector<SavedResource> saved = {{"a.b/c", "c.sock", all, "", "x"},
                                            {"a.b/d", "d.sock", "", "y", ""}};
  EXPECT_EQ(saved_from_text(to_text(saved)), saved);
  EXPECT_EQ(saved_from_text(to_text({})), std::vector<SavedResource>{});
}

TEST(Saved, AnythingElseIsRefused) {
  const std::string sound = to_text({{"a.b/c", "c.sock", "ab", "", ""}});
  EXPECT_FALSE(saved_from_text(""));
  EXPECT_FALSE(saved_from_text(sound.substr(0, sound.size() / 2)));
  EXPECT_FALSE(saved_from_text("[]"));
  const auto with = [&](std::string from, const std::string& to) {
    std::string text = sound;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  EXPECT_FALSE(saved_from_text(with("6162", "616")));
  EXPECT_FALSE(saved_from_text(with("6162", "6g62")));
  EXPECT_FALSE(saved_from_text(with("a.b/c", "")));
  EXPECT_FALSE(saved_from_text(with("\"schema\":1", "\"schema\":2")));
}

}  // namespace
}  // namespace gpuward::kubelet::guard
