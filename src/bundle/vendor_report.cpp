// NVIDIA's nvidia-bug-report.sh. It runs nvidia-smi and reads the driver's
// files, any of which may hang: so the prober runs it, and is left behind with
// it where it does not come back.
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "bundle/pieces.h"
#include "containers/roots_alone.h"
#include "logs/file_bytes.h"
#include "probe/turn.h"

namespace gpuward::bundle {
namespace {

constexpr std::string_view kPiece = "vendor/nvidia-bug-report.log";
constexpr size_t kMostReport = 16 << 20;

Result<std::string> find_script(const host::Root& root) {
  for (const char* path : {"/usr/local/bin/nvidia-bug-report.sh",
                           "/usr/bin/nvidia-bug-report.sh"}) {
    if (!root.exists(path)) continue;
    return root.outside(TRY(containers::find_roots_alone(root, path)));
  }
  return fail(Error::Kind::not_found,
              "nvidia-bug-report.sh is not installed in /usr/bin");
}

// The folder that it writes to, ours alone.
Result<std::string> make_folder(const host::Host& host) {
  TRY_VOID(host::make_run_dir(host));
  std::string folder =
      fmt::format("{}/vendor-report-{}", host.run_dir, ::getpid());
  if (::mkdir(folder.c_str(), 0700) != 0) {
    return fail_errno(errno, "making " + folder);
  }
  return folder;
}

Result<Piece> read_report(const std::string& folder, Boot until) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string path = entry.path().string();
    auto file = TRY(logs::FileBytes::open(path, until));
    const auto bytes =
        logs::unpacked(std::make_unique<logs::Buffered>(std::move(file)), path);
    Piece piece{std::string(kPiece), {}, false};
    std::array<char, 64 << 10> chunk;
    while (piece.text.size() < kMostReport) {
      const size_t got = TRY(bytes->read(chunk.data(), chunk.size()));
      if (got == 0) return piece;
      piece.text.append(chunk.data(), got);
    }
    piece.cut = true;
    return piece;
  }
  return fail(Error::Kind::not_found, "it wrote no file");
}

Result<Piece> run_report(const Job& job, const std::string& folder) {
  const Boot until = BootClock::now() + job.left;
  const std::string script = TRY(find_script(job.host.evidence));
  const probe::Request request{
      .kind = probe::Request::Kind::tool,
      .argv = {script, "--output-file", folder + "/nvidia-bug-report.log"}};
  const auto asked =
      TRY(probe::ask_in_turn(job.host, {request}, job.left, job.factor));
  const Reading& answer = asked.answers.front();
  if (answer.state == Reading::State::unknown) {
    // It may write there still: the folder stays.
    return fail(Error::Kind::timeout,
                answer.why + "; it was left to itself, writing to " + folder);
  }
  auto piece = read_report(folder, until);
  if (!piece && !answer.why.empty()) {
    return wrap(piece.error(), answer.why);
  }
  return piece;
}

}  // namespace

Pieces collect_vendor_report(const Job& job) {
  const auto folder = make_folder(job.host);
  if (!folder) return {{}, {{std::string(kPiece), in_words(folder.error())}}};
  auto piece = run_report(job, *folder);
  if (piece || piece.error().kind != Error::Kind::timeout) {
    std::error_code ignored;
    std::filesystem::remove_all(*folder, ignored);
  }
  if (!piece) return {{}, {{std::string(kPiece), piece.error().text}}};
  return {{std::move(*piece)}, {}};
}

}  // namespace gpuward::bundle
