// Secrets that are known by where they stand: a parameter of a URL, the path of
// a webhook, "user:password@host" without a scheme, .netrc, join tokens of k3s,
// the data of a Kubernetes Secret.
#include <algorithm>
#include <array>
#include <string>

#include "base/text.h"
#include "bundle/redact.h"
#include "bundle/secrets.h"

namespace gpuward::bundle {
namespace {

constexpr auto kNone = std::string_view::npos;

size_t skip(std::string_view text, size_t at, std::string_view chars) {
  return std::min(text.find_first_not_of(chars, at), text.size());
}
size_t end_at(std::string_view text, size_t at, std::string_view ends) {
  return std::min(text.find_first_of(ends, at), text.size());
}
constexpr std::string_view kEndsOfWord{" \t\r\n\"'`<>\\\0", 11};

// Where to look on: nothing is read twice, whatever the text holds.
size_t add(std::string_view text, size_t begin, size_t end, Spans& out) {
  if (begin >= end) return begin;
  if (!is_no_secret(text.substr(begin, end - begin))) {
    out.push_back({begin, end});
  }
  return end;
}

// What stands behind each `prefix`, to the end of the word.
void find_behind(std::string_view text, std::string_view prefix, Spans& out) {
  for (size_t at = text.find(prefix); at != kNone; at = text.find(prefix, at)) {
    const size_t begin = at + prefix.size();
    at = add(text, begin, end_at(text, begin, kEndsOfWord), out);
  }
}

bool is_parameter(std::string_view name) {
  constexpr std::array<std::string_view, 9> kNames = {"sig",
                                                      "signature",
                                                      "x-amz-signature",
                                                      "x-goog-signature",
                                                      "pass",
                                                      "hmac",
                                                      "key",
                                                      "code",
                                                      "auth"};
  return std::ranges::find(kNames, name) != kNames.end();
}

// "?sig=…", "&X-Amz-Signature=…", "SignedHeaders=host, Signature=…"; Go writes
// "&" in JSON as "\u0026".
void find_parameters(std::string_view text, Spans& out) {
  constexpr std::string_view kEscaped = "u0026";
  constexpr size_t kLongestName = 40;
  constexpr size_t kShortest = 6;
  size_t done = 0;
  for (size_t at = text.find('='); at != kNone; at = text.find('=', done)) {
    size_t begin = at;
    done = at + 1;
    while (begin > 0 && at - begin < kLongestName &&
           (is_word_char(text[begin - 1]) || text[begin - 1] == '-')) {
      --begin;
    }
    std::string name = to_lower(text.substr(begin, at - begin));
    const char before = begin > 0 ? text[begin - 1] : '\0';
    const bool escaped = before == '\\' && name.starts_with(kEscaped);
    if (escaped) name.erase(0, kEscaped.size());
    const bool signs = name == "sig" || name.ends_with("signature");
    const bool in_url = escaped || before == '?' || before == '&';
    if (!is_parameter(name) || !(in_url || signs)) continue;
    const size_t end = end_at(text, at + 1, " \t\r\n\"'`<>\\&#;,");
    if (end - at > kShortest) add(text, at + 1, end, out);
    done = std::max(done, end);
  }
}

// Who knows the path may post there.
void find_webhooks(std::string_view text, Spans& out) {
  for (const std::string_view prefix :
       {"hooks.slack.com/services/", ".webhook.office.com/webhookb2/",
        "discord.com/api/webhooks/", "api.telegram.org/bot"}) {
    find_behind(text, prefix, out);
  }
}

// "K10<hash>::server:<password>"
void find_join_tokens(std::string_view text, Spans& out) {
  for (const std::string_view part : {"::server:", "::node:"}) {
    find_behind(text, part, out);
  }
}

// "joe:password@host" without a scheme; not an image's "cuda:12.2@sha256:…".
void find_logins(std::string_view text, Spans& out) {
  constexpr size_t kLongest = 160;
  for (size_t at = text.find('@'); at != kNone; at = text.find('@', at + 1)) {
    const std::string_view host = text.substr(at + 1);
    if (host.empty() || !is_word_char(host.front()) ||
        host.starts_with("sha256:") || host.starts_with("sha512:")) {
      continue;
    }
    const size_t far = at > kLongest ? at - kLongest : 0;
    const std::string_view before = text.substr(far, at - far);
    const size_t delimiter = before.find_last_of(" \t\r\n\"'`<>\\,;()[]{}|=/@");
    const size_t begin = delimiter == kNone ? far : far + delimiter + 1;
    const size_t colon = text.substr(begin, at - begin).find(':');
    if (colon == 0 || colon == kNone) continue;
    add(text, begin + colon + 1, at, out);
  }
}

// "machine HOST login NAME password X", in one line or in several.
void find_netrc(std::string_view text, Spans& out) {
  constexpr std::string_view kPassword = "password";
  constexpr size_t kFar = 300;
  for (size_t at = text.find(kPassword); at != kNone;
       at = text.find(kPassword, at + 1)) {
    const size_t far = at > kFar ? at - kFar : 0;
    const std::string_view before = text.substr(far, at - far);
    const size_t login = before.rfind("login ");
    if (login == kNone || before.find("machine ") == kNone) continue;
    // The name is the one word between them.
    if (words(before.substr(login)).size() != 2) continue;
    const size_t after = at + kPassword.size();
    const size_t begin = skip(text, after, " \t\r\n");
    if (begin == after) continue;
    add(text, begin, end_at(text, begin, kEndsOfWord), out);
  }
}

// "--from-literal=name=x" of kubectl create secret.
void find_literals(std::string_view text, Spans& out) {
  constexpr std::string_view kFlag = "--from-literal";
  for (size_t at = text.find(kFlag); at != kNone; at = text.find(kFlag, at)) {
    const size_t name = skip(text, at + kFlag.size(), " =\"'\\");
    const size_t end = end_at(text, name, kEndsOfWord);
    at = end;
    const size_t sign = text.substr(name, end - name).find('=');
    if (sign != kNone) add(text, name + sign + 1, end, out);
  }
}

// A member of a Kubernetes object, in JSON, JSON within JSON, or YAML.
class SecretData {
 public:
  SecretData(std::string_view text, Spans& out) : text_(text), out_(out) {}

  void run() {
    for (size_t at = text_.find("Secret"); at != kNone;
         at = text_.find("Secret", at + 1)) {
      if (is_kind(at)) look(at);
    }
  }

 private:
  // An object is no longer; its members stand in any order.
  static constexpr size_t kFar = 32 << 10;

  bool is_kind(size_t at) const {
    const size_t end = at + 6;
    if (end < text_.size() && is_word_char(text_[end])) return false;
    size_t begin = at;
    while (begin > 0 && at - begin < 16 &&
           std::string_view(" \"':\\").find(text_[begin - 1]) != kNone) {
      --begin;
    }
    return begin < at && text_.substr(0, begin).ends_with("kind");
  }

  void look(size_t kind) {
    const size_t until = std::min(text_.size(), kind + kFar);
    done_ = std::max(done_, kind > kFar ? kind - kFar : 0);
    while (done_ < until) {
      const size_t at = text_.substr(0, until).find("ata", done_);
      if (at == kNone) break;
      done_ = at + 3;
      const std::string_view before = text_.substr(0, at);
      const bool is_data = before.ends_with("stringD") ||
                           (before.ends_with('d') && !is_part_of_word(at - 1));
      if (is_data) done_ = member(done_);
    }
    done_ = std::max(done_, until);
  }

  bool is_part_of_word(size_t at) const {
    return at > 0 && is_word_char(text_[at - 1]);
  }

  // Behind its name; where to look on.
  size_t member(size_t at) {
    size_t value = skip(text_, at, "\"\\ ");
    if (value >= text_.size() || text_[value] != ':') return at;
    value = skip(text_, value + 1, " ");
    if (value >= text_.size()) return at;
    size_t end = at;
    if (text_[value] == '{') {
      end = end_of_braces(value);
      ++value;
    } else if (text_[value] == '\n') {
      end = end_of_block(at, value);
      ++value;
    }
    add(text_, value, end, out_);
    return std::max(at, end);
  }

  size_t end_of_braces(size_t open) const {
    size_t depth = 0;
    const size_t most = std::min(text_.size(), open + kFar);
    for (size_t at = open; at < most; ++at) {
      if (text_[at] == '{') ++depth;
      if (text_[at] == '}' && --depth == 0) return at;
    }
    return most;
  }

  size_t indent(size_t line) const { return skip(text_, line, " ") - line; }

  // The lines below that stand farther to the right.
  size_t end_of_block(size_t name, size_t newline) const {
    const size_t before = text_.rfind('\n', name);
    const size_t own = indent(before == kNone ? 0 : before + 1);
    size_t end = newline;
    while (end + 1 < text_.size() && end - newline < kFar &&
           indent(end + 1) > own) {
      end = end_at(text_, end + 1, "\n");
    }
    return end;
  }

  std::string_view text_;
  Spans& out_;
  size_t done_ = 0;
};

}  // namespace

void find_forms(std::string_view text, Spans& out) {
  find_parameters(text, out);
  find_webhooks(text, out);
  find_join_tokens(text, out);
  find_logins(text, out);
  find_netrc(text, out);
  find_literals(text, out);
  SecretData(text, out).run();
}

}  // namespace gpuward::bundle
