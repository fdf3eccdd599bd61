#include <string>
#include <variant>
#include <vector>

#include "base/arguments.h"
#include "cli/kubelet_role.h"
#include "cli/options.h"
#include "probe/prober.h"

namespace gpuward::cli {
namespace {

struct Run {
  int operator()(const Done& done) const { return done.exit_code; }
  int operator()(const DoctorOptions& options) const { return doctor(options); }
  int operator()(const StatusOptions& options) const { return status(options); }
  int operator()(const ExplainOptions& options) const {
    return explain(options);
  }
  int operator()(const ContainersOptions& options) const {
    return containers(options);
  }
  int operator()(const RepairOptions& options) const { return repair(options); }
  int operator()(const LinksOptions& options) const { return links(options); }
  int operator()(const AgentOptions& options) const { return agent(options); }
  int operator()(const ReleaseOptions& options) const {
    return release(options);
  }
  int operator()(const CatalogueOptions& options) const {
    return catalogue(options);
  }
  int operator()(const BundleOptions& options) const { return bundle(options); }
  int operator()(const SimOptions& options) const { return sim(options); }
};

}  // namespace
}  // namespace gpuward::cli

int main(int argc, char** argv) {
  // The prober is this program again (probe/launch.h). It never meets the
  // command line's parser.
  const std::vector<std::string> arguments =
      gpuward::with_help_last({argv, argv + argc});
  if (arguments.size() > 1 && arguments[1] == gpuward::probe::kProberVerb) {
    const auto settings = gpuward::probe::from_arguments(arguments);
    return settings ? gpuward::probe::run_prober(*settings) : 64;
  }
  if (arguments.size() > 1 && gpuward::cli::is_kubelet_role(arguments[1])) {
    return gpuward::cli::become_kubelet_role(arguments);
  }
  return std::visit(gpuward::cli::Run{}, gpuward::cli::parse(arguments));
}
