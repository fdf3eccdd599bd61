#include "diagnosis/matcher_reading.h"

#include <fmt/core.h>

#include "diagnosis/fact_key.h"

namespace gpuward::diagnosis {
namespace {

using Names = std::vector<std::string>;

}  // namespace

void read_names(const Yaml& node, Condition&, Names& signatures,
                Complaints& complaints) {
  if (node.kind == Yaml::Kind::scalar) {
    signatures.push_back(node.scalar);
    return;
  }
  if (node.kind == Yaml::Kind::map) return;
  for (const Yaml& item : node.items) signatures.push_back(item.scalar);
  if (signatures.empty()) {
    complaints.add(node.line, "needs the name of a signature");
  }
}

void read_seen(const Yaml& node, Condition& out, Names& signatures,
               Complaints& complaints) {
  if (node.kind != Yaml::Kind::map) {
    return read_names(node, out, signatures, complaints);
  }
  Section section(node, "'seen'", complaints);
  signatures = section.texts("signature");
  out.at_least = section.number("at-least");
  section.finish();
}

void read_order(const Yaml& node, Condition& out, Names& signatures,
                Complaints& complaints) {
  Section section(node, "'starts'", complaints);
  signatures.push_back(section.required_text("signature"));
  for (std::string& name : section.texts("before")) {
    signatures.push_back(std::move(name));
  }
  out.at_least = section.number("at-least-days");
  out.at_most = section.number("at-most-days");
  section.finish();
}

void read_unanswered(const Yaml& node, Condition&, Names& signatures,
                     Complaints& complaints) {
  Section section(node, "'unanswered'", complaints);
  signatures.push_back(section.required_text("call"));
  for (std::string& name : section.texts("answer")) {
    signatures.push_back(std::move(name));
  }
  section.finish();
}

void read_on_many(const Yaml& node, Condition& out, Names& signatures,
                  Complaints& complaints) {
  Section section(node, "'on-many'", complaints);
  signatures = section.texts("signature");
  out.at_least = section.number("at-least");
  out.at_most = section.number("within");
  section.finish();
}

void read_several(const Yaml& node, Condition& out, Names& signatures,
                  Complaints& complaints) {
  Section section(node, "'several'", complaints);
  signatures = section.texts("signature");
  out.keys.push_back(section.required_text("of"));
  out.keys.push_back(section.required_text("same"));
  out.at_least = section.number("at-least");
  section.finish();
}

void read_other_than(const Yaml& node, Condition& out, Names& signatures,
                     Complaints& complaints) {
  Section section(node, "'other-than'", complaints);
  signatures.push_back(section.required_text("signature"));
  out.keys.push_back(section.required_text("fact"));
  check_fact_key(out.keys.back(), section.line_of("fact"), complaints);
  section.finish();
}

void read_source(const Yaml& node, Condition& out, Names&, Complaints&) {
  if (node.kind == Yaml::Kind::scalar) out.values.push_back(node.scalar);
  for (const Yaml& item : node.items) out.values.push_back(item.scalar);
}

void read_fact(const Yaml& node, Condition& out, Names&,
               Complaints& complaints) {
  Section section(node, "'fact'", complaints);
  out.keys.push_back(section.required_text("key"));
  check_fact_key(out.keys.back(), section.line_of("key"), complaints);
  out.values = section.texts("is");
  for (std::string& one : section.texts("one-of")) {
    out.values.push_back(std::move(one));
  }
  for (const std::string& value : out.values) {
    check_fact_value(out.keys.back(), value, section.line_of("key"),
                     complaints);
  }
  out.globs = section.texts("glob");
  out.at_least = section.number("at-least");
  out.at_most = section.number("at-most");
  if (out.at_least || out.at_most) {
    check_fact_is_number(out.keys.back(), section.line_of("key"), complaints);
  }
  section.finish();
}

void read_pair(const Yaml& node, Condition& out, Names&,
               Complaints& complaints) {
  for (const Yaml& item : node.items) {
    check_fact_key(item.scalar, item.line, complaints);
    out.keys.push_back(item.scalar);
  }
  if (out.keys.size() == 2) return;
  complaints.add(node.line, "must be a list of two facts");
  out.keys.resize(2);
}

void read_less(const Yaml& node, Condition& out, Names& names,
               Complaints& complaints) {
  read_pair(node, out, names, complaints);
  out.less = true;
}

void read_driver(const Yaml& node, Condition& out, Names&,
                 Complaints& complaints) {
  if (node.scalar != "affected" && node.scalar != "fixed") {
    complaints.add(node.line, fmt::format("'driver' takes affected or fixed, "
                                          "not '{}'",
                                          node.scalar));
  }
  out.values.push_back(node.scalar);
}

}  // namespace gpuward::diagnosis
