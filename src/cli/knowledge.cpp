#include "cli/knowledge.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "base/text.h"
#include "cli/screen.h"
#include "containers/roots_alone.h"
#include "host/root.h"

namespace gpuward::cli {
namespace {

constexpr size_t kMaxFiles = 256;
// What is told of files that are left out: a folder may hold hundreds.
constexpr size_t kMostTold = 10;

struct OwnFiles {
  std::vector<diagnosis::CatalogueFile> files;
  std::vector<diagnosis::LeftOutFile> left_out;
};

bool is_entry(std::string_view name) {
  return !name.starts_with('.') &&
         (name.ends_with(".yaml") || name.ends_with(".yml"));
}

// An entry says what is wrong and what to do about it, and root may act on it:
// so, as with other records, only what root alone (or the caller) can write is
// believed.
Result<std::string> read_entry(const host::Root& self,
                               const std::string& path) {
  const std::string name = TRY(containers::find_roots_alone(self, path));
  std::string text = TRY(self.read(name, kMostEntryBytes + 1));
  if (text.size() <= kMostEntryBytes) return text;
  return fail(Error::Kind::unsupported,
              fmt::format("{} is larger than 1 MiB", path));
}

OwnFiles read_folder(const host::Root& self, const std::string& folder) {
  OwnFiles out;
  const auto names = self.list(folder);
  if (!names) {
    if (names.error().kind != Error::Kind::not_found) {
      out.left_out.push_back({folder, {names.error().text}});
    }
    return out;
  }
  for (const std::string& name : *names) {
    if (!is_entry(name)) continue;
    const std::string path = folder + "/" + name;
    if (out.files.size() >= kMaxFiles) {
      out.left_out.push_back(
          {folder,
           {fmt::format("{}: only the first {} files are read, not {}", folder,
                        kMaxFiles, name)}});
      break;
    }
    auto text = read_entry(self, path);
    if (text) {
      out.files.push_back({path, std::move(*text)});
    } else {
      const std::string& why = text.error().text;
      const bool is_named = why.starts_with(path);
      out.left_out.push_back({path, {is_named ? why : path + ": " + why}});
    }
  }
  return out;
}

bool is_same_file(const std::string& left, const std::string& right) {
  std::error_code error;
  return std::filesystem::equivalent(left, right, error) && !error;
}

// "FILE:3: there is no fact 'drvier' (and 2 more)"
std::string in_words(const diagnosis::LeftOutFile& one) {
  std::string words = printable(one.mistakes.front(), 500);
  if (one.mistakes.size() > 1) {
    words += fmt::format(" (and {} more)", one.mistakes.size() - 1);
  }
  return words;
}

std::optional<std::string> more_than_told(const Knowledge& knowledge) {
  const size_t all = knowledge.left_out.size();
  if (all <= kMostTold) return std::nullopt;
  return fmt::format(
      "{} more files are left out: `gpuward catalogue check` says all",
      all - kMostTold);
}

}  // namespace

std::string catalogue_folder() {
  const char* told =
      ::getenv("GPUWARD_CONFIG_DIR");  // NOLINT(concurrency-mt-unsafe)
  const bool is_path = told != nullptr && *told == '/';
  return std::string(is_path ? told : "/etc/gpuward") + "/catalogue.d";
}

Result<Knowledge> load_knowledge(
    const std::vector<diagnosis::CatalogueFile>& more,
    diagnosis::Examples ours) {
  const host::Root self = TRY(host::Root::open("/"));
  OwnFiles own = read_folder(self, catalogue_folder());
  // One that is named as well is not read twice.
  std::erase_if(own.files, [&](const diagnosis::CatalogueFile& file) {
    return std::ranges::any_of(more,
                               [&](const diagnosis::CatalogueFile& named) {
                                 return is_same_file(file.name, named.name);
                               });
  });
  std::vector<diagnosis::CatalogueFile> files = own.files;
  files.insert(files.end(), more.begin(), more.end());
  diagnosis::ExtendedCatalogue loaded =
      TRY(diagnosis::extend_catalogue(files, ours));
  Knowledge out;
  out.catalogue = std::move(loaded.catalogue);
  out.left_out = std::move(own.left_out);
  out.left_out.insert(out.left_out.end(), loaded.left_out.begin(),
                      loaded.left_out.end());
  for (const diagnosis::CatalogueFile& file : files) {
    if (std::ranges::find(out.left_out, file.name,
                          &diagnosis::LeftOutFile::name) ==
        out.left_out.end()) {
      out.files.push_back(file.name);
    }
  }
  return out;
}

void complain_of_left_out(const Knowledge& knowledge) {
  size_t told = 0;
  for (const diagnosis::LeftOutFile& one : knowledge.left_out) {
    if (++told > kMostTold) break;
    complain("left out: " + in_words(one) +
             "; `gpuward catalogue check` says all");
  }
  if (const auto more = more_than_told(knowledge)) complain(*more);
}

void add_left_out(const Knowledge& knowledge, Diagnosis& diagnosis) {
  const bool fault = verdict_of(diagnosis) == Verdict::fault;
  size_t told = 0;
  for (const diagnosis::LeftOutFile& one : knowledge.left_out) {
    diagnosis.checks.unknown.push_back(
        {"catalogue.d", "not looked for: " + in_words(one), !fault});
    if (++told >= kMostTold) break;
  }
  if (const auto more = more_than_told(knowledge)) {
    diagnosis.checks.unknown.push_back({"catalogue.d", *more, !fault});
  }
}

}  // namespace gpuward::cli
