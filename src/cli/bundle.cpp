// gpuward bundle: all that somebody elsewhere needs to know, in one file.
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "bundle/archive.h"
#include "bundle/take.h"
#include "cli/knowledge.h"
#include "cli/node.h"
#include "cli/options.h"
#include "cli/patient.h"
#include "cli/report.h"
#include "cli/screen.h"
#include "containers/aside.h"

namespace gpuward::cli {
namespace {

constexpr int kNotWritten = 1;
constexpr Millis kGathering = 20s;
constexpr std::string_view kEnding = ".tar.gz";

bool to_stdout(const BundleOptions& options) { return options.output == "-"; }

// What would fail after a minute's collecting fails at once.
Result<void> check_output(const BundleOptions& options) {
  if (to_stdout(options)) {
    if (options.common.json) {
      return fail(Error::Kind::malformed,
                  "the index and the bundle cannot both go to standard "
                  "output: name a file with -o");
    }
    if (::isatty(STDOUT_FILENO) != 0) {
      return fail(Error::Kind::malformed,
                  "standard output is a terminal: name a file with -o, or "
                  "redirect it");
    }
  }
  return {};
}

Result<void> check_free(const BundleOptions& options) {
  struct stat there {};
  if (options.output.empty() || to_stdout(options)) return {};
  if (::lstat(options.output.c_str(), &there) == 0) {
    return fail(Error::Kind::busy,
                options.output +
                    " is there already: remove it, or name another with -o");
  }
  const size_t slash = options.output.rfind('/');
  const std::string folder =
      slash == std::string::npos ? "." : options.output.substr(0, slash + 1);
  if (::access(folder.c_str(), W_OK) != 0) {
    return fail_errno(errno, "writing into " + folder);
  }
  return {};
}

bundle::Seen look(const BundleOptions& options, const host::Host& host,
                  const diagnosis::Catalogue& catalogue, WaitLine& line) {
  line.show("looking at the machine");
  bundle::Seen seen;
  seen.gathered = bundle::gather_aside(
      host, kGathering, [&catalogue](const std::string& text) {
        return !catalogue.patterns.match(text).empty();
      });
  if (examine::has_no_nvidia_hardware(seen.gathered)) {
    seen.snapshot =
        examine::unprobed_snapshot(host, "no NVIDIA hardware", wall_now());
  } else {
    seen.snapshot = look_at(host, options.patience,
                            [&line](const Probe& probe, Millis waited) {
                              if (waited > 1s)
                                line.show(waiting_for(probe, waited));
                            })
                        .snapshot;
  }
  seen.now = wall_now();
  return seen;
}

Json doctor_json(const Knowledge& knowledge, const bundle::Seen& seen) {
  const Patient patient = patient_of(seen.snapshot, seen.gathered);
  if (examine::has_no_nvidia_hardware(seen.gathered))
    return report_json(patient, {});
  Diagnosis diagnosis = examine::diagnose(knowledge.catalogue, seen.gathered,
                                          seen.snapshot, seen.now);
  add_left_out(knowledge, diagnosis);
  return report_json(patient, diagnosis);
}

Result<void> write_to_stdout(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return fail_errno(errno, "writing to standard output");
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return {};
}

// By a child: the disk that it goes to may be the one that does not answer.
Result<void> write_file(const std::string& path, const std::string& bytes) {
  constexpr Millis kWriting = 30s;
  const auto done = containers::do_aside(
      [&]() -> Json {
        const auto written = bundle::write_new_file(path, bytes);
        Json answer = Json::object();
        if (!written) answer.set("error", written.error().text);
        return answer;
      },
      kWriting);
  if (!done && done.error().kind == Error::Kind::timeout) {
    return fail(Error::Kind::timeout,
                fmt::format("writing {}: its disk did not answer for {}; name "
                            "a file on another with -o",
                            path, to_words(kWriting)));
  }
  if (!done) return wrap(done.error(), "writing " + path);
  const Json& error = (*done)["error"];
  if (error.is_null()) return {};
  return fail(Error::Kind::system, std::string(error.as_string()));
}

void print_summary(const Screen& screen, const std::string& path,
                   const bundle::Taken& taken) {
  constexpr size_t kShown = 12;
  constexpr double kKilo = 1024;
  screen.print(fmt::format(
      "{}: {} pieces, {:.0f} KiB; {} missing\n", path, taken.pieces,
      static_cast<double>(taken.packed.size()) / kKilo, taken.missing));
  size_t shown = 0;
  for (const Json& row : taken.index["missing"].as_array()) {
    if (++shown > kShown) break;
    screen.print(fmt::format("  {}: {}\n", row["name"].as_string(),
                             row["why"].as_string()));
  }
  if (taken.missing > kShown)
    screen.print("  … and more, see index.txt in it\n");
}

int write_out(const BundleOptions& options, const bundle::Taken& taken) {
  const std::string path = options.output.empty()
                               ? taken.name + std::string(kEnding)
                               : options.output;
  const auto written = to_stdout(options) ? write_to_stdout(taken.packed)
                                          : write_file(path, taken.packed);
  if (!written) {
    complain(written.error().text);
    return kNotWritten;
  }
  const Screen screen;
  if (options.common.json) {
    Json index = taken.index;
    index.set("file", path);
    index.set("packed_bytes", static_cast<int64_t>(taken.packed.size()));
    screen.print_raw(index.dump(2) + "\n");
  } else if (!to_stdout(options)) {
    print_summary(screen, path, taken);
  }
  return 0;
}

}  // namespace

int bundle(const BundleOptions& options) {
  if (const auto fit = check_output(options); !fit) {
    complain(fit.error().text);
    return kWrongUsage;
  }
  if (const auto free = check_free(options); !free) {
    complain(free.error().text);
    return kNotWritten;
  }
  const auto knowledge = load_knowledge();
  const auto host = open_host(options.common);
  if (!knowledge || !host) {
    complain(knowledge ? host.error().text : knowledge.error().text);
    return kWrongUsage;
  }
  const Boot until = BootClock::now() + bundle::kLongest;
  WaitLine line;
  const bundle::Seen seen = look(options, *host, knowledge->catalogue, line);
  const auto taken =
      bundle::take(*host, seen, doctor_json(*knowledge, seen),
                   {.version = GPUWARD_VERSION,
                    .vendor_report = options.vendor_report,
                    .factor = deadline_factor(),
                    .until = until},
                   [&line](std::string_view what, size_t number, size_t of) {
                     line.show(fmt::format("{} of {}: {}", number, of, what));
                   });
  line.clear();
  if (!taken) {
    complain(taken.error().text);
    return kNotWritten;
  }
  return write_out(options, *taken);
}

}  // namespace gpuward::cli
