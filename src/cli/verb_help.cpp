#include "cli/verb_help.h"

#include <algorithm>

namespace gpuward::cli {
namespace {

constexpr std::string_view kLook = "Find out what is wrong";
constexpr std::string_view kMend = "Mend it";
constexpr std::string_view kStay = "Run all the time";
constexpr std::string_view kLearn = "Learn and try";

constexpr VerbHelp kVerbs[] = {
    {"doctor", kLook,
     "  gpuward doctor\n"
     "      why the GPUs of this machine do not work\n"
     "  gpuward doctor --log report.tar.gz --fact driver=570.158.01\n"
     "      the same from the logs of another machine",
     "0 healthy, or no NVIDIA hardware; 1 warning; 2 fault; 3 could not tell;\n"
     "64 wrong usage. With --why and --why-not: 0 the answer is yes, 1 it is "
     "no,\n"
     "3 could not tell, 64 unknown fault.",
     "docs/faults.md"},
    {"status", kLook,
     "  gpuward status\n"
     "      every reading of every GPU, with its age\n"
     "  gpuward status -L\n"
     "      what nvidia-smi -L prints, even while the driver hangs",
     "0 a GPU answers; 3 none does; 64 wrong usage.", "docs/formats.md"},
    {"containers", kLook,
     "  gpuward containers\n"
     "      which containers can use their GPU now, and whether that lasts\n"
     "  gpuward containers --heal --apply\n"
     "      stay, and give GPUs back to containers that lose them",
     "0 all have access that lasts; 1 some are at risk; 2 some lost their\n"
     "GPU; 3 could not tell; 64 wrong usage.",
     "docs/containers.md"},
    {"explain", kLook,
     "  gpuward explain Xid 79\n"
     "      what an Xid means and what to do about it\n"
     "  gpuward explain 'NVRM: GPU 0000:0f:00.0: RmInitAdapter failed!'\n"
     "      what a line of a log means",
     "0 explained; 1 nothing is known of it; 64 wrong usage.",
     "docs/faults.md"},
    {"bundle", kLook,
     "  gpuward bundle\n"
     "      everything a report or a vendor needs, in one file without "
     "secrets\n"
     "  gpuward bundle -o - | ssh HOST \"cat > bundle.tar.gz\"\n"
     "      write it to another machine",
     "0 written, even if pieces are missing (index.txt in the bundle says "
     "which\n"
     "and why); 1 it could not be written; 64 wrong usage.",
     "docs/bundle.md"},
    {"repair", kMend,
     "  gpuward repair\n"
     "      show the plan for everything that can be repaired here\n"
     "  gpuward repair tv --apply\n"
     "      give the container tv its GPU back, and test that it worked",
     "0 done, nothing to do, or only shown; 1 something was refused; 2 a "
     "repair\n"
     "did not work; 3 could not tell; 64 wrong usage.",
     "docs/containers.md"},
    {"links", kMend,
     "  gpuward links create --dry-run\n"
     "      which /dev/char links are missing or wrong\n"
     "  gpuward links create --install-udev-rule --install-boot-unit\n"
     "      make them now and at every boot",
     "0 all links are right; 1 something could not be done; 64 wrong usage.",
     "docs/links.md"},
    {"release", kMend,
     "  gpuward release --for 30m\n"
     "      let go of the driver before a GPU reset, a MIG change or an "
     "upgrade\n"
     "  gpuward release --end\n"
     "      probe again now",
     "0 done; 1 a stuck prober still has the driver; 3 it could not be\n"
     "released; 64 wrong usage.",
     "docs/design.md"},
    {"agent", kStay,
     "  gpuward agent\n"
     "      probe in rounds, write /run/gpuward/snapshot.json, answer the "
     "others\n"
     "  gpuward agent --interval 1m\n"
     "      the same, once a minute",
     "0 ended by a signal; 3 it could not start; 64 wrong usage.",
     "docs/design.md"},
    // Their --help comes from the program that they become.
    {"guard", kStay, "", "", ""},
    {"device-plugin", kStay, "", "", ""},
    {"catalogue", kLearn,
     "  gpuward catalogue list\n"
     "      every fault that gpuward knows\n"
     "  gpuward catalogue check /etc/gpuward/catalogue.d/ours.yaml\n"
     "      whether entries of your own are sound",
     "of check: 0 all is well; 2 an example comes out wrong; 64 mistakes in a\n"
     "file.",
     "docs/catalogue.md"},
    {"sim", kLearn,
     "  gpuward sim run h20-mig-init-hang -- gpuward doctor\n"
     "      a diagnosis on a simulated node that hangs\n"
     "  gpuward sim list\n"
     "      the simulated nodes",
     "of run: those of the command; otherwise 0 done, 1 failed, 64 wrong\n"
     "usage.",
     "docs/scenarios.md"},
};

// "links create" has the row of "links".
const VerbHelp* find(std::string_view verb) {
  verb = verb.substr(0, verb.find(' '));
  const auto* found = std::ranges::find(kVerbs, verb, &VerbHelp::verb);
  return found == std::end(kVerbs) ? nullptr : found;
}

}  // namespace

std::span<const VerbHelp> verb_help() { return kVerbs; }

std::string help_footer(std::string_view verb) {
  const VerbHelp* row = find(verb);
  if (row == nullptr || row->examples.empty()) return "";
  return "Examples:\n" + std::string(row->examples) +
         "\n\nExit codes: " + std::string(row->exit_codes) +
         "\n\nMore: " + std::string(row->page);
}

std::string help_group(std::string_view verb) {
  const VerbHelp* row = find(verb);
  return row == nullptr ? "Commands" : std::string(row->group);
}

}  // namespace gpuward::cli
