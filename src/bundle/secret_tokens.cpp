#include <algorithm>
#include <array>
#include <string>

#include "bundle/secrets.h"

namespace gpuward::bundle {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kPrivate = "PRIVATE KEY";
// A key is some kilobytes; with a prefix of the log before each line, more.
constexpr size_t kLongestKey = 32 << 10;

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "…BEGIN RSA PRIVATE KEY-----" at `at`.
bool is_private(std::string_view text, size_t at) {
  constexpr size_t kLongestTitle = 60;
  const std::string_view title = text.substr(at, kLongestTitle);
  return title.substr(0, title.find('\n')).find(kPrivate) !=
         std::string_view::npos;
}

// Lines before `at` that hold nothing but base64: a key whose beginning was cut
// off.
size_t begin_of_tail(std::string_view text, size_t from, size_t at) {
  size_t begin = at;
  while (begin > from && at - begin < kLongestKey) {
    // No farther back than a key is long: the line may have no beginning.
    const size_t far = std::max(from, at > kLongestKey ? at - kLongestKey : 0);
    const size_t newline = begin >= far + 2
                               ? text.substr(far, begin - 1 - far).rfind('\n')
                               : std::string_view::npos;
    const size_t line =
        newline == std::string_view::npos ? far : far + newline + 1;
    const std::string_view body = text.substr(line, begin - line);
    const bool is_data =
        body.size() > 16 && std::ranges::all_of(body, [](char c) {
          return is_base64_char(c) || c == '=' || c == '\n' || c == '\r' ||
                 c == ' ';
        });
    if (!is_data) break;
    begin = line;
  }
  return begin;
}

// What a known kind of token begins with, and how much more follows at least.
struct Kind {
  std::string_view prefix;
  size_t more = 0;
};
constexpr std::array kKinds = {Kind{"ghp_", 20},
                               Kind{"gho_", 20},
                               Kind{"ghu_", 20},
                               Kind{"ghs_", 20},
                               Kind{"ghr_", 20},
                               Kind{"github_pat_", 20},
                               Kind{"glpat-", 16},
                               Kind{"gldt-", 16},
                               Kind{"glrt-", 16},
                               Kind{"xoxb-", 16},
                               Kind{"xoxa-", 16},
                               Kind{"xoxp-", 16},
                               Kind{"xoxr-", 16},
                               Kind{"xoxs-", 16},
                               Kind{"xapp-", 16},
                               Kind{"nvapi-", 20},
                               Kind{"dckr_pat_", 16},
                               Kind{"dckr_oat_", 16},
                               Kind{"npm_", 30},
                               Kind{"pypi-AgE", 20},
                               Kind{"dop_v1_", 30},
                               Kind{"hvs.", 20},
                               Kind{"hvb.", 20},
                               Kind{"ya29.", 20},
                               Kind{"GOCSPX-", 16},
                               Kind{"AIza", 30},
                               Kind{"sk-", 20},
                               Kind{"sk_live_", 16},
                               Kind{"rk_live_", 16},
                               Kind{"SG.", 40},
                               Kind{"hf_", 20},
                               Kind{"eyJ", 30},
                               Kind{"LS0tLS1CRUdJTi", 30},
                               Kind{"EAAC", 60},
                               Kind{"AGE-SECRET-KEY-", 20},
                               Kind{"glsa_", 20},
                               Kind{"glc_", 20},
                               Kind{"tskey-", 16},
                               Kind{"ATATT3x", 30},
                               Kind{"shpat_", 30},
                               Kind{"sk_test_", 16},
                               Kind{"dapi", 32}};

bool is_token_char(char c) { return is_base64_char(c) || c == '.' || c == '~'; }

bool has_digit_and_letter(std::string_view text) {
  return std::ranges::any_of(text, is_digit) &&
         std::ranges::any_of(text,
                             [](char c) { return is_upper(c) || is_lower(c); });
}

size_t end_of_run(std::string_view text, size_t at, bool (*belongs)(char)) {
  while (at < text.size() && belongs(text[at])) ++at;
  return at;
}

// AKIA… and ASIA…: the id of an AWS key.
bool is_aws_id(std::string_view run) {
  constexpr size_t kSize = 20;
  return run.size() >= kSize &&
         (run.starts_with("AKIA") || run.starts_with("ASIA")) &&
         std::ranges::all_of(run.substr(0, kSize),
                             [](char c) { return is_upper(c) || is_digit(c); });
}

// kubeadm's bootstrap tokens: [a-z0-9]{6}.[a-z0-9]{16}.
bool is_bootstrap_token(std::string_view run) {
  constexpr size_t kDot = 6;
  constexpr size_t kSize = 23;
  if (run.size() != kSize || run[kDot] != '.') return false;
  int digits = 0;
  int letters = 0;
  for (size_t i = 0; i < run.size(); ++i) {
    if (i == kDot) continue;
    if (!is_lower(run[i]) && !is_digit(run[i])) return false;
    digits += is_digit(run[i]) ? 1 : 0;
    letters += is_lower(run[i]) ? 1 : 0;
  }
  return digits >= 2 && letters >= 2;
}

// Random bytes in base64 change between upper, lower and digits at every other
// character; words, paths and CamelCase seldom do; hashes in hex have one case.
bool is_random_base64(std::string_view run) {
  constexpr size_t kShortest = 60;
  if (run.size() < kShortest) return false;
  const auto kind = [](char c) {
    return is_upper(c) ? 0 : is_lower(c) ? 1 : is_digit(c) ? 2 : 3;
  };
  size_t changes = 0;
  std::array<size_t, 4> counts{};
  for (size_t i = 0; i < run.size(); ++i) {
    ++counts.at(static_cast<size_t>(kind(run[i])));
    if (i > 0 && kind(run[i]) != kind(run[i - 1])) ++changes;
  }
  constexpr size_t kPerCent = 35;
  return counts[0] > 2 && counts[1] > 2 && counts[2] > 0 &&
         changes * 100 > run.size() * kPerCent;
}

bool is_known_kind(std::string_view run) {
  constexpr size_t kLooked = 64;  // enough to meet a digit in
  return std::ranges::any_of(kKinds, [&](const Kind& kind) {
    return run.starts_with(kind.prefix) &&
           run.size() >= kind.prefix.size() + kind.more &&
           has_digit_and_letter(run.substr(kind.prefix.size(), kLooked));
  });
}

// crypt(3): "$6$salt$hash", "$2y$10$…", "$apr1$…".
size_t end_of_hash(std::string_view text, size_t at) {
  constexpr size_t kShortest = 24;
  constexpr size_t kLongest = 256;
  if (at + 1 >= text.size() || text[at + 1] == '$') return at;
  const size_t end = end_of_run(text.substr(0, at + kLongest), at, [](char c) {
    return is_base64_char(c) || c == '$' || c == '.' || c == ',' || c == '=';
  });
  const std::string_view run = text.substr(at, end - at);
  const bool is_hash =
      run.size() >= kShortest && std::ranges::count(run, '$') >= 3;
  return is_hash ? end : at;
}

}  // namespace

void find_private_keys(std::string_view text, Spans& out) {
  size_t done = 0;
  for (size_t at = text.find("-----"); at != std::string_view::npos;
       at = text.find("-----", std::max(at + 5, done))) {
    const std::string_view here = text.substr(at);
    if (here.starts_with(kEnd) && is_private(text, at)) {
      out.push_back({begin_of_tail(text, done, at), at});
      done = at;
    }
    if (!here.starts_with(kBegin) || !is_private(text, at)) continue;
    const std::string_view key = text.substr(at, kLongestKey);
    done = at + std::min(key.find(kEnd), key.size());
    out.push_back({at, done});
  }
}

namespace {

// Where a token of a known kind begins in the run, after any sign in it:
// "/ghp_…", "-ghp_…". Nothing found: the run's size.
size_t find_known(std::string_view run) {
  for (size_t at = 0; at < run.size(); ++at) {
    const bool begins = at == 0 || !is_word_char(run[at - 1]);
    if (!begins) continue;
    const std::string_view rest = run.substr(at);
    if (is_known_kind(rest) || is_aws_id(rest)) return at;
  }
  return run.size();
}

// Parts of a run between dots: base64 has none.
void find_random(std::string_view text, const Span& run, Spans& out) {
  size_t at = run.begin;
  while (at < run.end) {
    const size_t end = std::min(end_of_run(text, at, is_base64_char), run.end);
    if (is_random_base64(text.substr(at, end - at))) out.push_back({at, end});
    at = end + 1;
  }
}

}  // namespace

void find_tokens(std::string_view text, Spans& out) {
  for (size_t at = 0; at < text.size();) {
    if (text[at] == '$') {
      const size_t end = end_of_hash(text, at);
      if (end > at) out.push_back({at, end});
      at = std::max(end, at + 1);
      continue;
    }
    size_t end = end_of_run(text, at, is_token_char);
    if (end == at) {
      ++at;
      continue;
    }
    // Padding stands at the end alone: "NAME=ghp_…" are two.
    while (end < text.size() && text[end] == '=') ++end;
    const std::string_view run = text.substr(at, end - at);
    const size_t known = is_bootstrap_token(run) ? 0 : find_known(run);
    if (known < run.size()) {
      out.push_back({at + known, end});
    } else {
      find_random(text, {at, end}, out);
    }
    at = end;
  }
}

}  // namespace gpuward::bundle
