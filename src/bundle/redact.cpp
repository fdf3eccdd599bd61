#include "bundle/redact.h"

#include <algorithm>

#include "bundle/secrets.h"

namespace gpuward::bundle {
namespace {

Spans find_all(std::string_view text) {
  Spans found;
  find_private_keys(text, found);
  find_tokens(text, found);
  find_named(text, found);
  find_credentials(text, found);
  find_forms(text, found);
  std::erase_if(found, [](const Span& span) { return span.begin >= span.end; });
  std::ranges::sort(found);
  return found;
}

// The rest of the document under a secret's name: all texts and numbers.
Json hide(const Json& json, int64_t& count) {
  if (json.is_array()) {
    Json out = Json::array();
    for (const Json& item : json.as_array()) out.push(hide(item, count));
    return out;
  }
  const bool is_harmless = json.is_null() || json.is_bool() ||
                           json.is_object() ||
                           (json.is_string() && is_no_secret(json.as_string()));
  if (is_harmless) return redact(json, count);
  ++count;
  return kLeftOut;
}

}  // namespace

Redacted redact(std::string_view text) {
  Redacted out;
  size_t done = 0;
  for (const Span& span : find_all(text)) {
    // A key within a value that is cut out already.
    if (span.end <= done) continue;
    if (span.begin >= done) {
      out.text += text.substr(done, span.begin - done);
      out.text += kLeftOut;
      ++out.count;
    }
    done = span.end;
  }
  out.text += text.substr(done);
  return out;
}

Json redact(const Json& json, int64_t& count) {
  if (json.is_string()) {
    Redacted text = redact(json.as_string());
    count += text.count;
    return std::move(text.text);
  }
  if (json.is_array()) {
    Json out = Json::array();
    for (const Json& item : json.as_array()) out.push(redact(item, count));
    return out;
  }
  if (!json.is_object()) return json;
  Json::Object out;
  const bool names_one = is_secret_name(json["name"].as_string());
  for (const auto& [key, value] : json.as_object()) {
    const bool is_secret = is_secret_name(key) || (names_one && key == "value");
    out.emplace_back(key,
                     is_secret ? hide(value, count) : redact(value, count));
  }
  return Json(std::move(out));
}

}  // namespace gpuward::bundle
