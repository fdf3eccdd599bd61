// gpuward catalogue: the knowledge, and whether it is sound.
#include "diagnosis/catalogue.h"

#include <fmt/core.h>

#include <fstream>
#include <sstream>

#include "base/json.h"
#include "cli/options.h"
#include "cli/screen.h"
#include "diagnosis/examples.h"

namespace gpuward::cli {
namespace {

Result<std::vector<CatalogueFile>> read_files(
    const std::vector<std::string>& paths) {
  std::vector<CatalogueFile> out;
  for (const std::string& path : paths) {
    std::ifstream file(path);
    std::ostringstream text;
    if (!file || !(text << file.rdbuf())) {
      return fail(Error::Kind::not_found,
                  path + " cannot be read, or is empty");
    }
    out.push_back({path, text.str()});
  }
  return out;
}

int list(const CatalogueOptions& options, const Catalogue& catalogue) {
  if (!options.common.json) {
    for (const Fault& fault : catalogue.faults) {
      fmt::print("{:<34} {:<8} {}\n", fault.id, name_of(fault.severity),
                 fault.title);
    }
    return kHealthy;
  }
  Json faults = Json::array();
  for (const Fault& fault : catalogue.faults) {
    Json one = Json::object();
    one.set("id", fault.id);
    one.set("severity", name_of(fault.severity));
    one.set("subject", name_of(fault.subject));
    one.set("title", fault.title);
    faults.push(std::move(one));
  }
  Json out = Json::object();
  out.set("schema", 1);
  out.set("faults", std::move(faults));
  fmt::print("{}\n", out.dump(2));
  return kHealthy;
}

int check(const CatalogueOptions& options, const Catalogue& catalogue) {
  int wrong = 0;
  int right = 0;
  Json failures = Json::array();
  for (const ExampleResult& result : run_examples(catalogue)) {
    ++(result.right ? right : wrong);
    if (result.right) continue;
    const std::string text =
        fmt::format("{}: the example '{}' gives {}", result.fault,
                    result.example, result.got);
    if (!options.common.json) complain(text);
    failures.push(text);
  }
  if (options.common.json) {
    Json out = Json::object();
    out.set("schema", 1);
    out.set("faults", static_cast<int64_t>(catalogue.faults.size()));
    out.set("right", right);
    out.set("wrong", std::move(failures));
    fmt::print("{}\n", out.dump(2));
  } else {
    fmt::print("{} faults, {} examples: {} right, {} wrong\n",
               catalogue.faults.size(), right + wrong, right, wrong);
  }
  return wrong == 0 ? kHealthy : kFault;
}

}  // namespace

int catalogue(const CatalogueOptions& options) {
  const auto files = read_files(options.files);
  if (!files) {
    complain(files.error().text);
    return kWrongUsage;
  }
  const auto loaded = load_catalogue(*files);
  if (!loaded) {
    complain(loaded.error().text);
    return kWrongUsage;
  }
  return options.check ? check(options, *loaded) : list(options, *loaded);
}

}  // namespace gpuward::cli
