// JSON, YAML, TOML, diffs and small texts.
#include "base/diff.h"
#include "base/json.h"
#include "base/text.h"
#include "base/time.h"
#include "base/toml.h"
#include "base/yaml.h"
#include "fuzz/target.h"

namespace gpuward::fuzz {
namespace {

void json(std::string_view bytes) {
  const auto value = Json::parse(bytes);
  if (!value) return;
  for (const int indent : {-1, 2}) {
    const auto again = Json::parse(value->dump(indent));
    must(again && *again == *value, "JSON that was written reads the same");
  }
}

size_t lines_of(const Yaml& node, int most) {
  size_t nodes = 1;
  must(node.line >= 0 && node.line <= most, "a YAML node has a line");
  for (const Yaml& item : node.items) nodes += lines_of(item, most);
  for (const auto& member : node.members) {
    nodes += lines_of(member.value, most);
  }
  return nodes;
}

void yaml(std::string_view bytes) {
  const auto root = parse_yaml(bytes, "a.yaml");
  if (!root) return;
  // An end of the line may be CR, LF or both, and a document may be empty.
  const auto most = static_cast<int>(bytes.size()) + 2;
  must(lines_of(*root, most) <= bytes.size() + 16,
       "a YAML document is no larger than its text");
  Complaints complaints("a.yaml");
  Section section(*root, "a thing", complaints);
  section.integer("number");
  section.number("number");
  section.flag("flag");
  section.texts("texts");
  section.text("text");
  section.finish();
}

void toml(std::string_view bytes) {
  const auto value = parse_toml(bytes);
  if (!value) return;
  must(value->is_object(), "a TOML document is a table");
  const std::string text = value->dump();
  must(parse_toml(bytes)->dump() == text, "TOML reads the same twice");
}

// What `patch -p0` would make of `before`: lines with their ends.
std::string patched(std::string_view before, std::string_view patch) {
  const auto take_line = [](std::string_view& text) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end);
    return line;
  };
  std::string out;
  size_t line_number = 1;
  take_line(patch);  // ---
  take_line(patch);  // +++
  std::string_view last;
  while (!patch.empty()) {
    const std::string_view line = take_line(patch);
    const std::string_view text = line.substr(1);
    if (line[0] == '@') {
      const auto from = words(line)[1];
      const auto numbers = split(from.substr(1), ',');
      size_t first = to_number<size_t>(numbers[0]).value();
      if (numbers.size() > 1 && numbers[1] == "0") ++first;
      for (; line_number < first; ++line_number) out += take_line(before);
    } else if (line[0] == '+') {
      out += text;
    } else if (line[0] == '\\') {
      // "\ No newline at end of file" takes it from the line before.
      if (last.starts_with('-')) continue;
      must(out.ends_with('\n'), "there is a line end to take away");
      out.pop_back();
      continue;
    } else {
      take_line(before);
      ++line_number;
      if (line[0] == ' ') out += text;
    }
    last = line;
  }
  out += before;
  return out;
}

void diff(std::string_view bytes) {
  const auto texts = parts(bytes, 2);
  const std::string patch = unified_diff(texts[0], texts[1], "a", "b");
  must(patch.empty() == (texts[0] == texts[1]), "a diff tells what differs");
  if (patch.empty()) return;
  must(patched(texts[0], patch) == texts[1], "a diff leads to the other text");
}

void times(std::string_view bytes) {
  const auto when = from_iso(bytes);
  if (!when) return;
  const auto again = from_iso(to_iso(*when));
  must(again == when, "a time that was written reads the same");
  to_words(when->time_since_epoch());
}

void text(std::string_view bytes) {
  times(bytes);
  for (const size_t most : {size_t{8}, size_t{100}, size_t{4096}}) {
    const std::string shown = printable(bytes, most);
    must(shown.size() <= most + 3, "what is shown is bounded");
    must(printable(shown) == shown, "what may be shown stays as it is");
  }
  const auto two = parts(bytes, 2);
  must(matches_glob("*", two[0]), "* matches all");
  const bool matches = matches_glob(two[0], two[1]);
  if (two[0].find('*') == std::string_view::npos) {
    must(matches == (two[0] == two[1]), "a glob without * is the text");
  }
  nearest(two[0].substr(0, 64), {"driver", "module", std::string(two[1])});
  to_number<int>(bytes);
  to_double(bytes);
  must(trim(trim(bytes)) == trim(bytes), "trimmed once is trimmed");
  for (const auto word : words(bytes)) must(!word.empty(), "a word");
  must(equal_ignoring_case(bytes, to_lower(bytes)), "lower case is the same");
}

constexpr Target kTargets[] = {
    {"json", json, 20000}, {"yaml", yaml, 4000},  {"toml", toml, 8000},
    {"diff", diff, 20000}, {"text", text, 30000},
};

}  // namespace

std::span<const Target> base_targets() { return kTargets; }

}  // namespace gpuward::fuzz
