#include "cli/sim.h"

#include <algorithm>
#include <iostream>
#include <optional>

#include "base/json.h"
#include "base/text.h"
#include "sim/engine/faults.h"
#include "sim/engine/keeper.h"
#include "sim/engine/runner.h"

namespace gpuward::cli {
namespace {

constexpr int kUsage = 64;

int report(const Error& error, std::ostream& err) {
  err << "gpuward sim: " << error.text << '\n';
  return error.kind == Error::Kind::malformed ? kUsage : 1;
}

int usage(std::string_view text, std::ostream& err) {
  err << "gpuward sim: " << text << '\n';
  return kUsage;
}

int list(const SimOptions& options, std::ostream& out) {
  const auto names = simulator::scenario_names();
  if (options.json) {
    Json all = Json::array();
    for (const auto& scenario : names) {
      Json entry;
      entry.set("name", scenario.name);
      entry.set("description", scenario.description);
      all.push(std::move(entry));
    }
    Json document;
    document.set("schema", 1);
    document.set("scenarios", std::move(all));
    out << document.dump(2) << '\n';
    return 0;
  }
  size_t width = 0;
  for (const auto& scenario : names)
    width = std::max(width, scenario.name.size());
  for (const auto& scenario : names) {
    out << scenario.name << std::string(width + 2 - scenario.name.size(), ' ')
        << scenario.description << '\n';
  }
  return 0;
}

// A name that is mistyped is wrong usage, not a failure of the machine.
std::optional<simulator::Scenario> load(const SimOptions& options,
                                        std::ostream& err, int& code) {
  if (options.scenario.empty()) {
    code = usage("which scenario? `gpuward sim list` shows them", err);
    return std::nullopt;
  }
  auto scenario = simulator::load_scenario(options.scenario);
  if (scenario) return std::move(*scenario);
  report(scenario.error(), err);
  code = kUsage;
  return std::nullopt;
}

int run(const SimOptions& options, std::ostream& err) {
  int code = 0;
  if (options.command.empty()) {
    return usage("what shall run? gpuward sim run SCENARIO -- CMD…", err);
  }
  const auto scenario = load(options, err, code);
  if (!scenario) return code;
  const auto result = simulator::run_in_node(
      *scenario, options.dir, options.command, [&err](const std::string& note) {
        err << "gpuward sim: " << note << '\n';
      });
  return result ? *result : report(result.error(), err);
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return out + "'";
}

int start(const SimOptions& options, std::ostream& out, std::ostream& err) {
  int code = 0;
  if (options.dir.empty()) return usage("sim start needs --dir DIR", err);
  const auto scenario = load(options, err, code);
  if (!scenario) return code;
  const auto node = simulator::start_node(*scenario, options.dir);
  if (!node) return report(node.error(), err);
  for (const std::string& note : node->notes)
    err << "gpuward sim: " << note << '\n';
  for (const auto& [name, value] :
       simulator::node_environment(node->directory)) {
    out << "export " << name << '=' << quoted(value) << '\n';
  }
  return 0;
}

int stop(const SimOptions& options, std::ostream& err) {
  const auto stopped = simulator::stop_node(options.dir);
  return stopped ? 0 : report(stopped.error(), err);
}

Result<void> clear(const std::string& node,
                   const std::vector<std::string>& ids) {
  for (const std::string& word : ids) {
    const auto id = word == "all" ? 0 : to_number<uint32_t>(word).value_or(0);
    if (id == 0 && word != "all") {
      return fail(Error::Kind::malformed,
                  "'" + word + "' is no fault's id; --clear takes ids or all");
    }
    TRY_VOID(simulator::clear_fault(node, id));
  }
  return {};
}

Result<void> list_faults(const std::string& node, bool json,
                         std::ostream& out) {
  const simulator::StateFile state = TRY(simulator::StateFile::open(node));
  Json all = Json::array();
  for (const sim_fault& fault : state.get().faults) {
    if (fault.used == 0) continue;
    if (!json) out << simulator::describe(fault) << '\n';
    Json entry;
    entry.set("id", static_cast<int64_t>(fault.id));
    entry.set("fault", simulator::describe(fault));
    all.push(std::move(entry));
  }
  if (!json) return {};
  Json document;
  document.set("schema", 1);
  document.set("faults", std::move(all));
  out << document.dump(2) << '\n';
  return {};
}

Result<void> inject(const SimOptions& options, std::ostream& out) {
  const std::string node = TRY(simulator::node_folder(options.dir));
  // All are read before the first is done.
  std::vector<simulator::Injection> injections;
  if (!options.faults.empty()) {
    injections = TRY(simulator::parse_injections(options.faults));
  }
  TRY_VOID(clear(node, options.clear));
  for (const simulator::Injection& injection : injections) {
    out << TRY(simulator::inject(node, injection)) << '\n';
  }
  if (options.list_faults) return list_faults(node, options.json, out);
  return {};
}

}  // namespace

std::string_view sim_inject_help() { return simulator::injection_help(); }

int sim(const SimOptions& options, std::ostream& out, std::ostream& err) {
  switch (options.verb) {
    case SimOptions::Verb::list:
      return list(options, out);
    case SimOptions::Verb::run:
      return run(options, err);
    case SimOptions::Verb::start:
      return start(options, out, err);
    case SimOptions::Verb::stop:
      return stop(options, err);
    case SimOptions::Verb::inject:
      break;
  }
  if (options.faults.empty() && options.clear.empty() && !options.list_faults) {
    return usage("nothing to inject: give FAULT…, --clear ID or --list", err);
  }
  const auto done = inject(options, out);
  return done ? 0 : report(done.error(), err);
}

int sim(const SimOptions& options) {
  return sim(options, std::cout, std::cerr);
}

}  // namespace gpuward::cli
