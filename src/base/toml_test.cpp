#include "base/toml.h"

#include <gtest/gtest.h>

#include <string>

namespace gpuward {
namespace {

TEST(Toml, ReadsAConfigurationOfContainerd) {
  const auto root = parse_toml(R"(
version = 2
imports = ["/etc/containerd/conf.d/*.toml", 'b']
[plugins."io.containerd.grpc.v1.cri".containerd]
  default_runtime_name = "nvidia"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
    SystemdCgroup = true
    ratio = 0.5
    since = 2024-05-06T07:08:09Z
)");
  ASSERT_TRUE(root.has_value()) << root.error().text;
  EXPECT_EQ((*root)["version"], Json(2));
  EXPECT_EQ((*root)["imports"].as_array().size(), 2U);
  const Json& cri =
      (*root)["plugins"]["io.containerd.grpc.v1.cri"]["containerd"];
  EXPECT_EQ(cri["default_runtime_name"].as_string(), "nvidia");
  const Json& options = cri["runtimes"]["runc"]["options"];
  EXPECT_TRUE(options["SystemdCgroup"].as_bool());
  EXPECT_EQ(options["ratio"], Json(0.5));
  EXPECT_EQ(options["since"].as_string(), "2024-05-06T07:08:09Z");
}

TEST(Toml, AnEmptyTextIsAnEmptyObject) {
  EXPECT_EQ(parse_toml(""), Json::object());
}

TEST(Toml, ErrorsNameTheLine) {
  const auto broken = parse_toml("a = 1\nb = [1,\nc = \n");
  ASSERT_FALSE(broken.has_value());
  EXPECT_EQ(broken.error().kind, Error::Kind::malformed);
  EXPECT_TRUE(broken.error().text.starts_with("line 3: "))
      << broken.error().text;
  const auto twice = parse_toml("a = 1\na = 2\n");
  ASSERT_FALSE(twice.has_value());
  EXPECT_TRUE(twice.error().text.starts_with("line 2: ")) << twice.error().text;
}

TEST(Toml, RefusesWhatIsNestedTooDeeply) {
  std::string dots = "a";
  for (int i = 0; i < 300; ++i) dots += ".a";
  const auto deep = parse_toml(dots + " = 1\n");
  ASSERT_FALSE(deep.has_value());
  EXPECT_NE(deep.error().text.find("nested too deeply"), std::string::npos);
  for (int i = 0; i < 200000; ++i) dots += ".a";
  EXPECT_FALSE(parse_toml(dots + " = 1\n").has_value());
  EXPECT_FALSE(parse_toml("a = " + std::string(100000, '[')).has_value());
}

TEST(Toml, SurvivesBytesThatAreNoText) {
  EXPECT_FALSE(parse_toml("a = \"\xff\xfe\"\n").has_value());
  EXPECT_FALSE(parse_toml(std::string_view("\0\0\0", 3)).has_value());
}

// Where toml++ asserts that a key follows.
TEST(Toml, AHeaderWithoutAKeyIsAnError) {
  for (const std::string text :
       {"[[[", "[=", "[.", "[#", "[[\n", "[a.", "[["}) {
    const auto got = parse_toml(text);
    ASSERT_FALSE(got.has_value()) << text;
    EXPECT_EQ(got.error().kind, Error::Kind::malformed);
  }
}

}  // namespace
}  // namespace gpuward
