// The keys of facts: those that --fact takes, that the extractors find in text
// and that the live sources give. facts.def has each of them once, with its
// type and its values. An interface: added, never renamed.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/evidence.h"

namespace gpuward::fact {

#define X(constant, key, ...) inline constexpr std::string_view constant = key;
#include "model/facts.def"
#undef X

enum class Type { text, version, number, yes_no, words, nvml_return };

struct Key {
  std::string_view key;
  Type type = Type::text;
  // Of `words` those that there are, "on, off"; of a version what may stand in
  // its place; of a number its unit.
  std::string_view values;
  Subject::Kind subject = Subject::Kind::node;
  std::string_view source;  // the live one that gives it
  std::string_view about;
};

std::span<const Key> all_keys();
// Null where there is none of that name.
const Key* find(std::string_view key);
// "; did you mean 'driver'?", or nothing where none is near.
std::string suggestion(std::string_view wrong_key);

// The values that are words; empty for a number.
std::vector<std::string> words_of(const Key& key);

// A value of that key out of what a person wrote: "570.158.01", "yes", "66.5".
// Error::malformed, which names the key and says what it takes.
Result<Value> value_from(const Key& key, std::string_view text);

}  // namespace gpuward::fact
