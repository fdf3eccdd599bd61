// gpuward catalogue: the knowledge, and whether it is sound.
#include "diagnosis/catalogue.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/json.h"
#include "cli/catalogue_views.h"
#include "cli/knowledge.h"
#include "cli/options.h"
#include "cli/screen.h"
#include "diagnosis/examples.h"
#include "logs/file_bytes.h"

namespace gpuward::cli {
namespace {

// A pipe as well, for as long as somebody writes to it.
Result<std::string> read_file(const std::string& path) {
  constexpr Millis kPatience = 10s;
  auto file = TRY(logs::FileBytes::open(path, BootClock::now() + kPatience));
  if (file->is_directory()) {
    return fail(Error::Kind::unsupported,
                path + " is a folder: name its files");
  }
  std::string text;
  std::array<char, 64 << 10> chunk;
  while (const size_t got = TRY(file->read(chunk.data(), chunk.size()))) {
    text.append(chunk.data(), got);
    if (text.size() > kMostEntryBytes) {
      return fail(Error::Kind::unsupported, path + " is larger than 1 MiB");
    }
  }
  if (text.empty()) {
    return fail(Error::Kind::malformed, path + " is empty");
  }
  return text;
}

Result<std::vector<diagnosis::CatalogueFile>> read_files(
    const std::vector<std::string>& paths) {
  std::vector<diagnosis::CatalogueFile> out;
  for (const std::string& path : paths) {
    out.push_back({path, TRY(read_file(path))});
  }
  return out;
}

std::string in_words(const diagnosis::ExampleResult& result) {
  return fmt::format("{}:{}: the example '{}' of {} gives {}", result.file,
                     result.line, result.example, result.fault, result.got);
}

std::string alarm_in_words(const diagnosis::ExampleResult& result,
                           const std::string& alarm) {
  return fmt::format(
      "{}:{}: in the example '{}' of {} there is also {}: name it under "
      "'first' or 'also' if that is right",
      result.file, result.line, result.example, result.fault, alarm);
}

struct Verdicts {
  int64_t right = 0;
  std::vector<std::string> wrong;  // in words; false alarms too
  std::vector<std::string> mistakes;
};

Verdicts judge_all(const Knowledge& knowledge,
                   const std::vector<diagnosis::ExampleResult>& results) {
  Verdicts out;
  for (const diagnosis::LeftOutFile& one : knowledge.left_out) {
    out.mistakes.insert(out.mistakes.end(), one.mistakes.begin(),
                        one.mistakes.end());
  }
  for (const diagnosis::ExampleResult& one : results) {
    if (one.right) ++out.right;
    if (!one.right) out.wrong.push_back(in_words(one));
    for (const std::string& alarm : one.false_alarms) {
      out.wrong.push_back(alarm_in_words(one, alarm));
    }
  }
  return out;
}

// One row for each fault: what its examples say, and where else it was found
// though nobody expected it.
Json row_of(const diagnosis::Fault& fault,
            const std::vector<diagnosis::ExampleResult>& results) {
  using Kind = diagnosis::ExampleResult::Kind;
  const auto count = [&](auto wanted) {
    return static_cast<int64_t>(std::ranges::count_if(
        results, [&](const diagnosis::ExampleResult& one) {
          return one.fault == fault.id && wanted(one);
        }));
  };
  int64_t alarms = 0;
  for (const diagnosis::ExampleResult& one : results) {
    alarms += std::ranges::count(one.false_alarms, fault.id);
  }
  Json row = Json::object();
  row.set("id", fault.id);
  row.set("positive", count([](const diagnosis::ExampleResult& one) {
            return one.kind == Kind::positive;
          }));
  row.set("negative", count([](const diagnosis::ExampleResult& one) {
            return one.kind == Kind::negative;
          }));
  row.set("unknown", count([](const diagnosis::ExampleResult& one) {
            return one.kind == Kind::unknown;
          }));
  row.set("look_alikes", count([](const diagnosis::ExampleResult& one) {
            return one.look_alike;
          }));
  row.set("right",
          count([](const diagnosis::ExampleResult& one) { return one.right; }));
  row.set("wrong", count([](const diagnosis::ExampleResult& one) {
            return !one.right;
          }));
  row.set("false_alarms", alarms);
  return row;
}

Json texts_json(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) list.push(text);
  return list;
}

void print_json(const diagnosis::Catalogue& catalogue, const Verdicts& verdicts,
                const std::vector<diagnosis::ExampleResult>& results) {
  Json out = Json::object();
  out.set("schema", 1);
  out.set("faults", static_cast<int64_t>(catalogue.faults.size()));
  out.set("right", verdicts.right);
  out.set("wrong", texts_json(verdicts.wrong));
  out.set("mistakes", texts_json(verdicts.mistakes));
  Json table = Json::array();
  for (const diagnosis::Fault& fault : catalogue.faults) {
    table.push(row_of(fault, results));
  }
  out.set("table", std::move(table));
  fmt::print("{}\n", out.dump(2));
}

int check(const CatalogueOptions& options, const Knowledge& knowledge) {
  const auto results = diagnosis::run_examples(knowledge.catalogue);
  const Verdicts verdicts = judge_all(knowledge, results);
  if (options.common.json) {
    print_json(knowledge.catalogue, verdicts, results);
  } else {
    for (const std::string& text : verdicts.mistakes) complain(text);
    for (const std::string& text : verdicts.wrong) complain(text);
    fmt::print("{} faults, {} examples: {} right, {} wrong\n",
               knowledge.catalogue.faults.size(), results.size(),
               verdicts.right, verdicts.wrong.size());
    for (const std::string& name : knowledge.files) {
      fmt::print("taken: {}\n", name);
    }
    for (const diagnosis::LeftOutFile& one : knowledge.left_out) {
      fmt::print("left out: {}\n", one.name);
    }
  }
  if (!verdicts.mistakes.empty()) return kWrongUsage;
  return verdicts.wrong.empty() ? kHealthy : kFault;
}

int list(const CatalogueOptions& options, const Knowledge& knowledge) {
  complain_of_left_out(knowledge);
  if (options.markdown) {
    fmt::print("{}", page_of(knowledge.catalogue));
  } else if (options.common.json) {
    fmt::print("{}\n", list_json(knowledge.catalogue).dump(2));
  } else {
    fmt::print("{}", table_of(knowledge.catalogue));
  }
  return kHealthy;
}

}  // namespace

int catalogue(const CatalogueOptions& options) {
  const auto files = read_files(options.files);
  if (!files) {
    complain(files.error().text);
    return kWrongUsage;
  }
  const auto knowledge = load_knowledge(*files, diagnosis::Examples::taken);
  if (!knowledge) {
    complain(knowledge.error().text);
    return kUnknown;
  }
  return options.check ? check(options, *knowledge) : list(options, *knowledge);
}

}  // namespace gpuward::cli
