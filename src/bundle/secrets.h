// How secrets are found in a text: each finder adds the places that it knows.
// Used by redact.cpp.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace gpuward::bundle {

struct Span {
  size_t begin = 0;
  size_t end = 0;

  auto operator<=>(const Span&) const = default;
};
using Spans = std::vector<Span>;

// Private keys in PEM, whole or cut at either end.
void find_private_keys(std::string_view text, Spans& out);
// What is a secret by its own form: JWTs, tokens of well-known makers, long
// runs of base64.
void find_tokens(std::string_view text, Spans& out);
// Values behind a name: "password: x", "--token=x", "NGC_API_KEY=x",
// "name: DB_PASSWORD … value: x".
void find_named(std::string_view text, Spans& out);
// Authorization headers, "Bearer x", user:password@ in URLs and proxies,
// options of programs that take a password.
void find_credentials(std::string_view text, Spans& out);
// Parameters of URLs, webhooks, join tokens, "user:password@host", .netrc, the
// data of Kubernetes Secrets.
void find_forms(std::string_view text, Spans& out);

// "DB_PASSWORD", "registryToken", "client-key-data"; not "token_bucket",
// "password-file", "PWD".
bool is_secret_name(std::string_view name);
// "true", "null", "$VAR", an opening bracket: what stands under a secret's name
// and is none.
bool is_no_secret(std::string_view value);

bool is_word_char(char c);  // letters, digits and "_"
bool is_space(char c);      // blank or tab
bool is_base64_char(char c);

}  // namespace gpuward::bundle
