// The catalogue that the verbs work with: what is compiled in and, added to
// it, the entries of this machine's administrator.
#pragma once

#include <string>
#include <vector>

#include "diagnosis/catalogue.h"
#include "model/finding.h"

namespace gpuward::cli {

// Of one file of entries.
inline constexpr size_t kMostEntryBytes = 1 << 20;

struct Knowledge {
  diagnosis::Catalogue catalogue;
  std::vector<diagnosis::LeftOutFile> left_out;
  std::vector<std::string> files;  // of the administrator's, those taken
};

// "/etc/gpuward/catalogue.d", or that folder of $GPUWARD_CONFIG_DIR. Always of
// the machine on which we run: settings are no evidence.
std::string catalogue_folder();

// Files of that folder that end in .yaml or .yml, in the order of their names,
// and `more` after them. What is not right is left out, whole file by whole
// file, and never takes away what is built in. A folder that is not there is
// none.
Result<Knowledge> load_knowledge(
    const std::vector<diagnosis::CatalogueFile>& more = {},
    diagnosis::Examples ours = diagnosis::Examples::left_out);
// A line on standard error for each file that was left out.
void complain_of_left_out(const Knowledge& knowledge);

// What the files left out would have found is not known: so it is said.
void add_left_out(const Knowledge& knowledge, Diagnosis& diagnosis);

}  // namespace gpuward::cli
