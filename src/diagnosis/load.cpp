// From YAML to a Catalogue. Two passes: signatures first, since any file may
// name those of any other; then the faults.
#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "diagnosis/judge.h"
#include "diagnosis/load_fault.h"
#include "diagnosis/xid_pattern.h"

namespace gpuward::diagnosis {
namespace {

struct Document {
  size_t file = 0;  // the how-manieth that was given
  std::string name;
  Yaml root;
  Examples examples = Examples::taken;
};

struct Mistake {
  size_t file = 0;
  std::string text;  // "file:line: text"
};
using Mistakes = std::vector<Mistake>;

void add_signature(const std::string& name, const Yaml& node,
                   const std::string& fault, Complaints& complaints,
                   Catalogue& catalogue) {
  Signature signature;
  signature.name = name;
  signature.fault = fault;
  if (node.kind == Yaml::Kind::scalar) {
    signature.pattern.regex = node.scalar;
  } else {
    Section section(node, "a signature", complaints);
    const bool of_xid = section.node("xid") != nullptr;
    if (of_xid) {
      signature.pattern =
          xid_pattern(section.texts("xid"), section.text("says").value_or(""));
    } else {
      signature.pattern.regex = section.required_text("pattern");
      signature.pattern.literals = section.texts("literals");
    }
    signature.source =
        section.text("source").value_or(of_xid ? "kernel" : "any");
    signature.means = section.text("means").value_or("");
    signature.after = section.text("after").value_or("");
    signature.within = static_cast<int>(section.integer("within").value_or(60));
    signature.until = section.texts("until");
    section.finish();
  }
  if (catalogue.signature_index.contains(name)) {
    complaints.add(node.line,
                   fmt::format("there already is a signature '{}'", name));
    return;
  }
  const auto good = matching::PatternSet::check(signature.pattern);
  if (!good) {
    complaints.add(node.line, good.error().text);
    return;
  }
  catalogue.signature_index.emplace(name, catalogue.signatures.size());
  catalogue.signatures.push_back(std::move(signature));
}

void read_signatures(const Document& document, Complaints& complaints,
                     Catalogue& catalogue) {
  const Yaml* list = document.root.find("signatures");
  if (list == nullptr) return;
  if (list->kind != Yaml::Kind::map) {
    complaints.add(list->line, "'signatures' must be a map of names");
  }
  const Yaml* id = document.root.find("id");
  for (const auto& [name, node] : list->members) {
    add_signature(name, node, id == nullptr ? "" : id->scalar, complaints,
                  catalogue);
  }
}

std::string or_near(std::string_view name,
                    const std::vector<std::string>& known) {
  const auto near = nearest(name, known);
  return near ? "; did you mean '" + *near + "'?" : std::string();
}

// Where the entry of `fault` names `id`: for complaints.
int line_of_explained(const Yaml& root, std::string_view id) {
  const Yaml* list = root.find("explains");
  if (list == nullptr) return root.line;
  for (const Yaml& item : list->items) {
    const Yaml* named = item.find("id");
    if (named != nullptr && named->scalar == id) return named->line;
  }
  return list->line;
}

// What any file names of any other: `explains` and examples of faults, `after`
// and `until` of signatures.
class References {
 public:
  References(const Catalogue& catalogue, Complaints& complaints)
      : catalogue_(catalogue), complaints_(complaints) {
    for (const Fault& fault : catalogue.faults) ids_.push_back(fault.id);
    for (const Signature& one : catalogue.signatures) {
      names_.push_back(one.name);
    }
  }

  void check(const Yaml& root) {
    const Yaml* id = root.find("id");
    const Fault* fault = id == nullptr ? nullptr : catalogue_.find(id->scalar);
    if (fault != nullptr) {
      check_explained(*fault, root);
      check_examples(*fault);
    }
    const Yaml* list = root.find("signatures");
    if (list == nullptr) return;
    for (const auto& [name, node] : list->members) check_signature(name, node);
  }

 private:
  void check_explained(const Fault& fault, const Yaml& root) {
    for (const Explains& one : fault.explains) {
      if (catalogue_.find(one.id) != nullptr) continue;
      complaints_.add(line_of_explained(root, one.id),
                      fmt::format("'{}' explains '{}', which there is not{}",
                                  fault.id, one.id, or_near(one.id, ids_)));
    }
  }

  void check_examples(const Fault& fault) {
    for (const Example& one : fault.examples) {
      std::vector<std::string> named = one.also;
      if (one.first != "nothing") named.push_back(one.first);
      for (const std::string& other : named) {
        if (other.empty() || catalogue_.find(other) != nullptr) continue;
        complaints_.add(one.line,
                        fmt::format("the example '{}' names '{}', which there "
                                    "is not{}",
                                    one.name, other, or_near(other, ids_)));
      }
    }
  }

  void check_signature(const std::string& name, const Yaml& node) {
    const auto found = catalogue_.signature_index.find(name);
    if (found == catalogue_.signature_index.end()) return;
    const Signature& signature = catalogue_.signatures[found->second];
    std::vector<std::string> wanted = signature.until;
    if (!signature.after.empty()) wanted.push_back(signature.after);
    for (const std::string& one : wanted) {
      if (catalogue_.signature_index.contains(one)) continue;
      complaints_.add(node.line, fmt::format("there is no signature '{}'{}",
                                             one, or_near(one, names_)));
    }
  }

  const Catalogue& catalogue_;
  Complaints& complaints_;
  std::vector<std::string> ids_, names_;
};

std::vector<Document> parse(const std::vector<CatalogueFile>& files,
                            Mistakes& mistakes) {
  std::vector<Document> documents;
  for (size_t i = 0; i < files.size(); ++i) {
    auto root = parse_yaml(files[i].text, files[i].name);
    if (!root) {
      mistakes.push_back({i, root.error().text});
      continue;
    }
    documents.push_back({i, files[i].name, std::move(*root), Examples::taken});
  }
  return documents;
}

void add_faults(const Document& document, Complaints& complaints,
                Catalogue& catalogue) {
  const Yaml& root = document.root;
  if (root.find("id") == nullptr && root.find("signatures") != nullptr) {
    Section section(root, "a file of signatures", complaints);
    section.node("signatures");
    section.finish();
    return;
  }
  Fault fault =
      read_fault(root, document.name, document.examples, complaints, catalogue);
  if (const Fault* other = catalogue.find(fault.id)) {
    complaints.add(
        root.find("id") == nullptr ? root.line : root.find("id")->line,
        fmt::format("there already is a fault '{}', in {}", fault.id,
                    other->file));
  }
  catalogue.faults.push_back(std::move(fault));
}

// Everything but the compiled patterns, which only a catalogue without mistakes
// is worth.
Catalogue read_all(const std::vector<Document>& documents, Mistakes& mistakes) {
  Catalogue catalogue;
  const auto each = [&](auto read) {
    for (const Document& document : documents) {
      Complaints complaints(document.name);
      read(document, complaints);
      for (const std::string& line : complaints.lines()) {
        mistakes.push_back({document.file, line});
      }
    }
  };
  each([&](const Document& document, Complaints& complaints) {
    read_signatures(document, complaints, catalogue);
  });
  each([&](const Document& document, Complaints& complaints) {
    add_faults(document, complaints, catalogue);
  });
  each([&](const Document& document, Complaints& complaints) {
    References(catalogue, complaints).check(document.root);
  });
  return catalogue;
}

void compile(Catalogue& catalogue) {
  std::vector<matching::Pattern> patterns;
  for (const Signature& one : catalogue.signatures) {
    patterns.push_back(one.pattern);
  }
  catalogue.patterns = matching::PatternSet(patterns);
}

std::unexpected<Error> report(const Mistakes& mistakes) {
  std::string all;
  for (const Mistake& one : mistakes) {
    if (!all.empty()) all += '\n';
    all += one.text;
  }
  return fail(Error::Kind::malformed, std::move(all));
}

// They are the last key of each of our files, where they are not read: parsing
// them would be half of what a start costs.
std::string_view before_examples(std::string_view text) {
  return text.substr(0, text.find("\nexamples:\n"));
}

std::vector<CatalogueFile> built_in_files(Examples examples) {
  std::vector<CatalogueFile> files;
  for (const EmbeddedFile& file : catalogue_files()) {
    const auto text =
        examples == Examples::taken ? file.text : before_examples(file.text);
    files.push_back(
        {fmt::format("catalogue/{}", file.name), std::string(text) + "\n"});
  }
  return files;
}

// Moves the mistakes of the user's files to `left_out`, and takes those files
// out of `documents`. False where a file of ours is among the wrong ones.
bool leave_out(const std::vector<CatalogueFile>& files, size_t ours,
               const Mistakes& mistakes, std::vector<Document>& documents,
               std::vector<LeftOutFile>& left_out) {
  for (const Mistake& mistake : mistakes) {
    if (mistake.file < ours) return false;
    const std::string& name = files[mistake.file].name;
    auto row = std::ranges::find(left_out, name, &LeftOutFile::name);
    if (row == left_out.end()) row = left_out.insert(row, {name, {}});
    row->mistakes.push_back(mistake.text);
    std::erase_if(documents, [&](const Document& document) {
      return document.file == mistake.file;
    });
  }
  return true;
}

}  // namespace

const Fault* Catalogue::find(std::string_view id) const {
  const auto found = std::ranges::find(faults, id, &Fault::id);
  return found == faults.end() ? nullptr : &*found;
}

Result<Catalogue> load_catalogue_from(const std::vector<CatalogueFile>& files) {
  Mistakes mistakes;
  const auto documents = parse(files, mistakes);
  Catalogue catalogue = read_all(documents, mistakes);
  if (!mistakes.empty()) return report(mistakes);
  compile(catalogue);
  return catalogue;
}

Result<Catalogue> load_catalogue(const std::vector<CatalogueFile>& more) {
  std::vector<CatalogueFile> files = built_in_files(Examples::taken);
  files.insert(files.end(), more.begin(), more.end());
  return load_catalogue_from(files);
}

Result<ExtendedCatalogue> extend_catalogue(
    const std::vector<CatalogueFile>& more, Examples ours_have) {
  std::vector<CatalogueFile> files = built_in_files(ours_have);
  const size_t ours = files.size();
  files.insert(files.end(), more.begin(), more.end());
  ExtendedCatalogue out;
  Mistakes mistakes;
  auto documents = parse(files, mistakes);
  for (Document& document : documents) {
    if (document.file < ours) document.examples = ours_have;
  }
  // A file may name what stood in one that is left out: then it goes as well.
  while (true) {
    if (!leave_out(files, ours, mistakes, documents, out.left_out)) {
      return report(mistakes);
    }
    mistakes.clear();
    out.catalogue = read_all(documents, mistakes);
    if (mistakes.empty()) break;
  }
  compile(out.catalogue);
  return out;
}

}  // namespace gpuward::diagnosis
