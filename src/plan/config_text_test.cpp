#include "plan/config_text.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace gpuward::plan {
namespace {

const std::vector<std::string> kRunc = {
    "plugins",      "io.containerd.grpc.v1.cri",
    "containerd",   "runtimes",
    "runc",         "options",
    "SystemdCgroup"};

std::string flag_off(const std::string& text,
                     const std::vector<std::string>& key = kRunc) {
  const auto changed = set_toml_flag(text, key, false);
  return changed ? *changed : "failed: " + changed.error().text;
}

TEST(TomlText, OnlyTheValueChanges) {
  const std::string before =
      "# SystemdCgroup = true, said the manual\n"
      "version = 2\r\n"
      "title = \"SystemdCgroup = true\"\n"
      "[plugins.\"io.containerd.grpc.v1.cri\"]\n"
      "\tenable_selinux = true   # keep = true\n"
      "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.nvidia."
      "options]\n"
      "  SystemdCgroup = true\n"
      "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc."
      "options]\n"
      "  Unknown_Key = [true, false] \n"
      "  SystemdCgroup   =\ttrue # true as ever";
  std::string wanted = before;
  wanted.replace(wanted.find("\ttrue # true"), 5, "\tfalse");
  EXPECT_EQ(flag_off(before), wanted);
}

TEST(TomlText, EveryNotation) {
  EXPECT_EQ(flag_off("a.b = true\n", {"a", "b"}), "a.b = false\n");
  EXPECT_EQ(flag_off("a = { b = true, c = true }", {"a", "c"}),
            "a = { b = true, c = false }");
  EXPECT_EQ(flag_off("\"a\".'b' = true", {"a", "b"}), "\"a\".'b' = false");
  EXPECT_EQ(flag_off("x = \"\"\"\nb = true\n\"\"\"\nb = true\n", {"b"}),
            "x = \"\"\"\nb = true\n\"\"\"\nb = false\n");
  EXPECT_EQ(flag_off("b=true#true", {"b"}), "b=false#true");
  EXPECT_EQ(flag_off("true = true", {"true"}), "true = false");
}

TEST(TomlText, BackAgain) {
  const std::string text = "[a]\n  b = true # c\n";
  const auto back = set_toml_flag(flag_off(text, {"a", "b"}), {"a", "b"}, true);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(*back, text);
}

TEST(TomlText, Refusals) {
  EXPECT_EQ(flag_off("b = false", {"b"}), "b = false");
  EXPECT_FALSE(set_toml_flag("b = 1", {"b"}, false).has_value());
  EXPECT_FALSE(set_toml_flag("b = true", {"c"}, false).has_value());
  const auto broken = set_toml_flag("a = 1\nb = true true", {"b"}, false);
  ASSERT_FALSE(broken.has_value());
  EXPECT_NE(broken.error().text.find("line 2"), std::string::npos);
}

std::string option(const std::string& text) {
  const auto changed = set_exec_option(text, "native.cgroupdriver", "cgroupfs");
  return changed ? *changed : "failed: " + changed.error().text;
}

const std::string kOption = "\"native.cgroupdriver=cgroupfs\"";

TEST(JsonText, AWholeFile) {
  const std::string file = "{\n  \"exec-opts\": [" + kOption + "]\n}\n";
  EXPECT_EQ(option(""), file);
  EXPECT_EQ(option(" \n"), file);
  EXPECT_EQ(option("{}\n"), file);
  EXPECT_EQ(option("{ }"), file.substr(0, file.size() - 1));
}

TEST(JsonText, ANewMemberLooksLikeItsNeighbours) {
  EXPECT_EQ(option("{\n\t\"a\": 1,\n\t\"b\": {\"c\": [1, 2]}\n}\n"),
            "{\n\t\"a\": 1,\n\t\"b\": {\"c\": [1, 2]},\n\t\"exec-opts\": [" +
                kOption + "]\n}\n");
  EXPECT_EQ(
      option("{\r\n  \"a\": \"}],\\\"\"\r\n}"),
      "{\r\n  \"a\": \"}],\\\"\",\r\n  \"exec-opts\": [" + kOption + "]\r\n}");
  EXPECT_EQ(option("{\"a\":true}"),
            "{\"a\":true, \"exec-opts\": [" + kOption + "]}");
}

TEST(JsonText, AListThatIsThere) {
  EXPECT_EQ(option(R"({"exec-opts": ["native.cgroupdriver=systemd"], "z": 1})"),
            "{\"exec-opts\": [" + kOption + "], \"z\": 1}");
  EXPECT_EQ(option(R"({"exec-opts":["a=b","native.cgroupdriver = systemd"]})"),
            "{\"exec-opts\":[\"a=b\"," + kOption + "]}");
  EXPECT_EQ(option("{\n  \"exec-opts\": [\n    \"a=b\"\n  ]\n}"),
            "{\n  \"exec-opts\": [\n    \"a=b\",\n    " + kOption + "\n  ]\n}");
  EXPECT_EQ(option(R"({"exec-opts": [ ], "a": null})"),
            "{\"exec-opts\": [" + kOption + "], \"a\": null}");
  EXPECT_EQ(option(R"({"exec-opts": null})"),
            "{\"exec-opts\": [" + kOption + "]}");
  // Escapes in the key, and the same words elsewhere.
  EXPECT_EQ(
      option(R"({"x": {"exec-opts": []}, "exec\u002dopts": []})"),
      "{\"x\": {\"exec-opts\": []}, \"exec\\u002dopts\": [" + kOption + "]}");
}

TEST(JsonText, TwiceIsOnce) {
  const std::string once = option("{\n    \"live-restore\": true\n}\n");
  EXPECT_EQ(option(once), once);
}

TEST(JsonText, Refusals) {
  EXPECT_TRUE(option("{\"a\": 1,}").starts_with("failed: "));
  EXPECT_TRUE(option("[]").starts_with("failed: "));
  EXPECT_TRUE(option("{\"exec-opts\": \"x\"}").starts_with("failed: "));
  EXPECT_TRUE(option("{ // comment\n}").starts_with("failed: "));
}

}  // namespace
}  // namespace gpuward::plan
