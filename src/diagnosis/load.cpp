// From YAML to a Catalogue. Two passes: signatures first, since any file may
// name those of any other; then the faults.
#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "diagnosis/judge.h"
#include "diagnosis/load_fault.h"
#include "diagnosis/xid_pattern.h"

namespace gpuward {
namespace {

struct Document {
  std::string name;
  Yaml root;
};

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
  const auto good = PatternSet::check(signature.pattern);
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

void check_references(const Catalogue& catalogue,
                      std::vector<std::string>& mistakes) {
  std::vector<std::string> ids;
  for (const Fault& fault : catalogue.faults) ids.push_back(fault.id);
  for (const Fault& fault : catalogue.faults) {
    for (const Explains& one : fault.explains) {
      if (catalogue.find(one.id) != nullptr) continue;
      const auto near = nearest(one.id, ids);
      mistakes.push_back(fmt::format(
          "{}:{}: '{}' explains '{}', which there is not{}", fault.file,
          fault.line, fault.id, one.id,
          near ? "; did you mean '" + *near + "'?" : std::string()));
    }
  }
}

Result<std::vector<Document>> parse(const std::vector<CatalogueFile>& files,
                                    std::vector<std::string>& mistakes) {
  std::vector<Document> documents;
  for (const CatalogueFile& file : files) {
    auto root = parse_yaml(file.text, file.name);
    if (!root) {
      mistakes.push_back(root.error().text);
      continue;
    }
    documents.push_back({file.name, std::move(*root)});
  }
  return documents;
}

void keep(const Complaints& complaints, std::vector<std::string>& mistakes) {
  mistakes.insert(mistakes.end(), complaints.lines().begin(),
                  complaints.lines().end());
}

std::unexpected<Error> report(const std::vector<std::string>& mistakes) {
  std::string all;
  for (const std::string& one : mistakes) {
    if (!all.empty()) all += '\n';
    all += one;
  }
  return fail(Error::Kind::malformed, std::move(all));
}

void add_faults(const Document& document, std::vector<std::string>& mistakes,
                Catalogue& catalogue) {
  Complaints complaints(document.name);
  const Yaml& root = document.root;
  if (root.find("id") == nullptr && root.find("signatures") != nullptr) {
    Section section(root, "a file of signatures", complaints);
    section.node("signatures");
    section.finish();
    return keep(complaints, mistakes);
  }
  Fault fault = read_fault(root, document.name, complaints, catalogue);
  if (catalogue.find(fault.id) != nullptr) {
    complaints.add(root.line,
                   fmt::format("there already is a fault '{}'", fault.id));
  }
  keep(complaints, mistakes);
  catalogue.faults.push_back(std::move(fault));
}

}  // namespace

const Fault* Catalogue::find(std::string_view id) const {
  const auto found = std::ranges::find(faults, id, &Fault::id);
  return found == faults.end() ? nullptr : &*found;
}

Result<Catalogue> load_catalogue_from(const std::vector<CatalogueFile>& files) {
  std::vector<std::string> mistakes;
  Catalogue catalogue;
  const auto documents = TRY(parse(files, mistakes));
  for (const Document& document : documents) {
    Complaints complaints(document.name);
    read_signatures(document, complaints, catalogue);
    keep(complaints, mistakes);
  }
  for (const Document& document : documents) {
    add_faults(document, mistakes, catalogue);
  }
  check_references(catalogue, mistakes);
  if (!mistakes.empty()) return report(mistakes);
  std::vector<Pattern> patterns;
  for (const Signature& one : catalogue.signatures) {
    patterns.push_back(one.pattern);
  }
  catalogue.patterns = PatternSet(patterns);
  return catalogue;
}

Result<Catalogue> load_catalogue(const std::vector<CatalogueFile>& more) {
  std::vector<CatalogueFile> files;
  for (const EmbeddedFile& file : catalogue_files()) {
    files.push_back(
        {fmt::format("catalogue/{}", file.name), std::string(file.text)});
  }
  files.insert(files.end(), more.begin(), more.end());
  return load_catalogue_from(files);
}

}  // namespace gpuward
