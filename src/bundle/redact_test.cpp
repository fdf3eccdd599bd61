#include "bundle/redact.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "bundle/planted_for_tests.h"

namespace gpuward::bundle {
namespace {

TEST(Redact, CutsOutEveryPlantedSecret) {
  for (const Planted& planted : planted_secrets()) {
    const Redacted out = redact(planted.text);
    EXPECT_EQ(out.text.find(planted.secret), std::string::npos)
        << planted.text << "\n→ " << out.text;
    EXPECT_GE(out.count, 1) << planted.text;
  }
}

TEST(Redact, CutsThemOutInTheMiddleOfAnything) {
  for (const Planted& planted : planted_secrets()) {
    const std::string text = "first line\n" + planted.text + "\nlast line\n";
    const Redacted out = redact(text);
    EXPECT_EQ(out.text.find(planted.secret), std::string::npos) << out.text;
    EXPECT_TRUE(out.text.starts_with("first line\n")) << out.text;
    EXPECT_TRUE(out.text.ends_with("last line\n")) << out.text;
  }
}

TEST(Redact, LeavesWhatIsHarmless) {
  for (const std::string& text : harmless_texts()) {
    const Redacted out = redact(text);
    EXPECT_EQ(out.text, text);
    EXPECT_EQ(out.count, 0);
  }
}

TEST(Redact, KeepsTheNameAndWhatStandsBesideIt) {
  EXPECT_EQ(redact("--root=/x --token=abc123 --v=2").text,
            "--root=/x --token=[left out] --v=2");
  EXPECT_EQ(redact("http://joe:hunter2@proxy.corp:3128/path").text,
            "http://joe:[left out]@proxy.corp:3128/path");
  EXPECT_EQ(redact(R"({"user":"joe","password":"p\"x","port":5})").text,
            R"({"user":"joe","password":"[left out]","port":5})");
  EXPECT_EQ(redact("password: two words\nuser: joe\n").text,
            "password: [left out]\nuser: joe\n");
  EXPECT_EQ(redact("password: |\n  one\n  two\nuser: joe\n").text,
            "password: [left out]\nuser: joe\n");
}

TEST(Redact, OnlyASecretsDataGoesAsAWhole) {
  const std::string other = "kind: SecretClass\ndata:\n  foo: bar\n";
  EXPECT_EQ(redact(other).text, other);
  EXPECT_EQ(redact("kind: Secret\ndata:\n  foo: bar\ntype: Opaque\n").text,
            "kind: Secret\ndata:\n[left out]\ntype: Opaque\n");
}

TEST(Redact, TwiceIsOnce) {
  for (const Planted& planted : planted_secrets()) {
    const std::string once = redact(planted.text).text;
    EXPECT_EQ(redact(once).text, once);
  }
}

TEST(Redact, OfJsonGoesByNamesAndByTexts) {
  const auto json = Json::parse(
      R"({"auths":{"r.io":{"auth":"dXNlcjpodW50ZXIy"}},"pin_code":1,
          "api_key":12345,"secret":["a1","b2"],"token":null,"enabled":true,
          "env":[{"name":"DB_PASSWORD","value":"hunter2"},
                 {"name":"PATH","value":"/bin"}],
          "line":"started with --token=abc123 on 0000:3b:00.0"})");
  ASSERT_TRUE(json);
  int64_t count = 0;
  const std::string text = redact(*json, count).dump();
  for (const char* secret :
       {"dXNlcj", "hunter2", "12345", "a1", "b2", "abc123"}) {
    EXPECT_EQ(text.find(secret), std::string::npos) << secret << " in " << text;
  }
  EXPECT_NE(text.find("/bin"), std::string::npos);
  EXPECT_NE(text.find("0000:3b:00.0"), std::string::npos);
  EXPECT_NE(text.find("\"token\":null"), std::string::npos);
  EXPECT_EQ(count, 6);
}

// Linear: each of these took minutes with a search that starts anew.
TEST(Redact, HostileTextsTakeNoTime) {
  const auto repeated = [](std::string_view what) {
    std::string out;
    while (out.size() < (1 << 20)) out += what;
    return out;
  };
  for (const char* what : {"=",
                           ":",
                           "a/",
                           "sk-",
                           "password=[",
                           "password=\"\\\"",
                           "cookie:",
                           "proxy=",
                           "-----END PRIVATE KEY-----\n",
                           "-----BEGIN PRIVATE KEY-----",
                           "-p x",
                           "$",
                           "name: token ",
                           "bearer ",
                           "://@",
                           "--token ",
                           "token: |",
                           "eyJ",
                           "\\\"",
                           "ab.",
                           "{\"secret\":\\\"",
                           "-----END PRIVATE KEY-----",
                           "@",
                           "a:@b",
                           "sig=",
                           "hooks.slack.com/services/",
                           "::server:",
                           "--from-literal",
                           "kind: Secret data:{",
                           "kind: Secret\ndata:\n",
                           "machine login x password"}) {
    redact(repeated(what));
  }
}

}  // namespace
}  // namespace gpuward::bundle
