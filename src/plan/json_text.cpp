#include <fmt/core.h>

#include <optional>

#include "base/json.h"
#include "base/text.h"
#include "plan/config_text.h"

namespace gpuward::plan {
namespace {

constexpr std::string_view kList = "exec-opts";

// Bytes of a text, [begin, end).
struct Span {
  size_t begin = 0;
  size_t end = 0;
};

// A value in a list, or a member: its key's place, if it has one.
struct Item {
  size_t begin = 0;  // of the key, else of the value
  std::string key;
  Span value;
};

// Walks a text that is known to be JSON.
class Walker {
 public:
  Walker(std::string_view text, size_t at) : text_(text), at_(at) {}

  // The items of the list or object that begins here.
  std::vector<Item> items() {
    std::vector<Item> out;
    const bool is_object = text_[at_++] == '{';
    for (;;) {
      skip_space();
      if (at_ >= text_.size() || text_[at_] == '}' || text_[at_] == ']') break;
      if (text_[at_] == ',') {
        ++at_;
        continue;
      }
      Item item;
      item.begin = at_;
      if (is_object) {
        skip_value();
        item.key = decoded(item.begin);
        skip_space();
        ++at_;  // the colon
        skip_space();
      }
      item.value.begin = at_;
      skip_value();
      item.value.end = at_;
      out.push_back(std::move(item));
    }
    return out;
  }

  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) !=
                                     std::string_view::npos) {
      ++at_;
    }
  }
  size_t at() const { return at_; }

 private:
  std::string decoded(size_t begin) const {
    const auto key = Json::parse(text_.substr(begin, at_ - begin));
    return key ? std::string(key->as_string()) : std::string();
  }

  void skip_string() {
    ++at_;
    while (at_ < text_.size() && text_[at_] != '"') {
      at_ += text_[at_] == '\\' ? 2 : 1;
    }
    ++at_;
  }

  void skip_value() {
    size_t depth = 0;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        skip_string();
        if (depth == 0) return;
        --at_;
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if (c == '}' || c == ']') {
        if (depth == 0) return;  // after a number or a word
        if (--depth == 0) {
          ++at_;
          return;
        }
      } else if (depth == 0 && (c == ',' || c == ':' || c == ' ' || c == '\t' ||
                                c == '\r' || c == '\n')) {
        return;
      }
    }
  }

  std::string_view text_;
  size_t at_;
};

// What stands between the item before and this one, without the comma: new
// items come with the same.
std::string space_before(std::string_view text,
                         const std::vector<Item>& items) {
  const size_t begin = items.back().begin;
  size_t start = begin;
  while (start > 0 && std::string_view(" \t\r\n").find(text[start - 1]) !=
                          std::string_view::npos) {
    --start;
  }
  const std::string space(text.substr(start, begin - start));
  return space.empty() && items.size() == 1 ? " " : space;
}

std::string_view line_end_of(std::string_view text) {
  return text.find("\r\n") != std::string_view::npos ? "\r\n" : "\n";
}

bool is_option(std::string_view text, const Span& value,
               std::string_view name) {
  const auto item =
      Json::parse(text.substr(value.begin, value.end - value.begin));
  if (!item) return false;
  const std::string_view option = item->as_string();
  const size_t equals = option.find('=');
  return equals != std::string_view::npos &&
         trim(option.substr(0, equals)) == name;
}

std::string edit_list(std::string text, const Span& list, std::string_view name,
                      const std::string& quoted) {
  const std::vector<Item> items = Walker(text, list.begin).items();
  if (items.empty()) {
    return text.replace(list.begin, list.end - list.begin, "[" + quoted + "]");
  }
  bool replaced = false;
  // From the last, so that the places before it stay right.
  for (auto item = items.rbegin(); item != items.rend(); ++item) {
    const Span& value = item->value;
    if (!is_option(text, value, name)) continue;
    text.replace(value.begin, value.end - value.begin, quoted);
    replaced = true;
  }
  if (replaced) return text;
  const std::string space = space_before(text, items);
  return text.insert(items.back().value.end, "," + space + quoted);
}

std::string add_list(std::string text, size_t object,
                     const std::vector<Item>& members,
                     const std::string& quoted) {
  const std::string member = fmt::format("\"{}\": [{}]", kList, quoted);
  if (!members.empty()) {
    return text.insert(members.back().value.end,
                       "," + space_before(text, members) + member);
  }
  const std::string end(line_end_of(text));
  const size_t close = text.find('}', object);
  return text.replace(object, close + 1 - object,
                      "{" + end + "  " + member + end + "}");
}

// The old tree with the option set.
Result<Json> wanted_of(Json config, std::string_view name,
                       const std::string& option) {
  const Json& old = config[kList];
  if (!old.is_null() && !old.is_array()) {
    return fail(Error::Kind::malformed, "\"exec-opts\" is not a list");
  }
  Json list = Json::array();
  bool set = false;
  for (const Json& item : old.as_array()) {
    const std::string text = item.dump();
    const bool same = is_option(text, {0, text.size()}, name);
    list.push(same ? Json(option) : item);
    set = set || same;
  }
  if (!set) list.push(option);
  config.set(kList, std::move(list));
  return config;
}

}  // namespace

Result<std::string> set_exec_option(std::string_view text,
                                    std::string_view name,
                                    std::string_view value) {
  const std::string option = fmt::format("{}={}", name, value);
  const std::string quoted = Json(option).dump();
  if (trim(text).empty()) {
    return fmt::format("{{\n  \"{}\": [{}]\n}}\n", kList, quoted);
  }
  const Json config = TRY(Json::parse(text));
  if (!config.is_object()) {
    return fail(Error::Kind::malformed, "it is no JSON object");
  }
  const Json wanted = TRY(wanted_of(config, name, option));
  const size_t object = text.find('{');
  const std::vector<Item> members = Walker(text, object).items();
  const Item* list = nullptr;
  for (const Item& member : members) {
    if (member.key == kList) list = &member;
  }
  std::string changed =
      list != nullptr && !config[kList].is_null()
          ? edit_list(std::string(text), list->value, name, quoted)
      : list != nullptr
          ? std::string(text).replace(list->value.begin,
                                      list->value.end - list->value.begin,
                                      "[" + quoted + "]")
          : add_list(std::string(text), object, members, quoted);
  const auto now = Json::parse(changed);
  if (!now || *now != wanted) {
    return fail(Error::Kind::unsupported,
                "\"exec-opts\" cannot be changed on its own");
  }
  return changed;
}

}  // namespace gpuward::plan
