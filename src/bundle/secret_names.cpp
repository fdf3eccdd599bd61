#include <algorithm>
#include <array>
#include <string>

#include "base/text.h"
#include "bundle/redact.h"
#include "bundle/secrets.h"

namespace gpuward::bundle {
namespace {

using Words = std::vector<std::string>;

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }

// "registryToken", "NGC_API_KEY", "client-key-data" → their words.
Words words_of(std::string_view name) {
  Words out;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) out.push_back(to_lower(word));
    word.clear();
  };
  for (size_t i = 0; i < name.size(); ++i) {
    if (!is_word_char(name[i]) || name[i] == '_') {
      end_word();
      continue;
    }
    const bool hump = i > 0 && is_upper(name[i]) && is_lower(name[i - 1]);
    if (hump) end_word();
    word += name[i];
  }
  end_word();
  return out;
}

template <size_t N>
bool is_one_of(std::string_view word,
               const std::array<std::string_view, N>& list) {
  return std::ranges::find(list, word) != list.end();
}

// Anywhere in a word: "dbpassword", "mysqlpasswd".
constexpr std::array<std::string_view, 10> kAnywhere = {
    "password",  "passwd",     "passphrase", "apikey",    "secretkey",
    "accesskey", "privatekey", "credential", "authtoken", "passcode"};
// As a word, or at its end: "clientsecret", "accesstoken".
constexpr std::array<std::string_view, 4> kEndings = {"secret", "token",
                                                      "authkey", "bearer"};
// Before "key": "license key", "signing key".
constexpr std::array<std::string_view, 23> kKeyOf = {
    "api",     "access",  "private", "secret",     "account",    "auth",
    "license", "licence", "signing", "encryption", "shared",     "session",
    "client",  "ssh",     "storage", "master",     "root",       "admin",
    "ngc",     "service", "crypto",  "preshared",  "certificate"};
constexpr std::array<std::string_view, 5> kShort = {"pass", "pwd", "pw", "psk",
                                                    "pin"};
// What such a name says when it ends so: where a secret lies, how long it is.
constexpr std::array<std::string_view, 34> kHarmlessEnds = {
    "file",     "files",      "path",     "paths",   "dir",      "directory",
    "name",     "names",      "type",     "ttl",     "url",      "uri",
    "endpoint", "count",      "size",     "limit",   "length",   "policy",
    "mode",     "enabled",    "webhook",  "bucket",  "expiry",   "expiration",
    "seconds",  "version",    "provider", "ref",     "audience", "issuer",
    "interval", "projection", "timeout",  "required"};

bool has_any(const Words& words) {
  return std::ranges::any_of(words, [](const std::string& word) {
    return std::ranges::any_of(kAnywhere,
                               [&](std::string_view part) {
                                 return word.find(part) != std::string::npos;
                               }) ||
           std::ranges::any_of(kEndings, [&](std::string_view end) {
             return word.ends_with(end);
           });
  });
}

bool is_key_of_something(const Words& words) {
  for (size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "key" && is_one_of(words[i - 1], kKeyOf)) return true;
  }
  return false;
}

// An environment variable: FOO_KEY, DB_PASS. In lower case "sort_key" and
// "host_key" are too common to be cut.
bool is_variable(std::string_view name) {
  return std::ranges::none_of(name, is_lower) &&
         std::ranges::any_of(name, is_upper);
}

}  // namespace

bool is_word_char(char c) {
  return is_lower(c) || is_upper(c) || (c >= '0' && c <= '9') || c == '_';
}

bool is_space(char c) { return c == ' ' || c == '\t'; }

bool is_base64_char(char c) {
  return (is_word_char(c)) || c == '+' || c == '/' || c == '-';
}

bool is_secret_name(std::string_view name) {
  constexpr size_t kLongest = 120;
  if (name.empty() || name.size() > kLongest) return false;
  const Words words = words_of(name);
  if (words.empty() || is_one_of(words.back(), kHarmlessEnds)) return false;
  if (has_any(words) || is_key_of_something(words)) return true;
  const std::string& last = words.back();
  if (words.size() < 2) return last == "auth" || last == "psk";
  if (is_one_of(last, kShort)) return true;
  return last == "key" && is_variable(name);
}

bool is_no_secret(std::string_view value) {
  static constexpr std::array<std::string_view, 14> kWords = {
      "true", "false", "yes",   "no",     "on", "off",  "null",
      "none", "nil",   "<nil>", "<none>", "~",  "<no>", "unset"};
  if (value.empty() || value.starts_with(kLeftOut.substr(0, 5))) return true;
  if (value.front() == '$' && value.size() > 1 &&
      (value[1] == '{' || is_word_char(value[1]))) {
    // A variable; "$6$…" and "$2y$…" are hashes of passwords.
    return value.find('$', 1) == std::string_view::npos;
  }
  if (value.find_first_not_of('*') == std::string_view::npos) return true;
  return is_one_of(to_lower(value), kWords);
}

}  // namespace gpuward::bundle
