// Logs: what diagnosis saw of them, and what the journal has besides.
#include <fmt/core.h>
#include <utmp.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "bundle/pieces.h"
#include "evidence/journal.h"
#include "host/task.h"

namespace gpuward::bundle {
namespace {

constexpr size_t kMostLog = 8 << 20;

struct LogRow {
  std::string_view source;
  std::string_view program;
  std::string_view name;
};
constexpr LogRow kLogs[] = {
    {"kernel-log", "kernel", "logs/kernel.log"},
    {"kubelet-log", "kubelet", "logs/kubelet.log"},
};

// As journalctl -o short-iso has it, so that a reader of logs finds time, host
// and program.
std::string line_of(std::optional<Wall> when, std::string_view host,
                    std::string_view program, std::string_view text) {
  std::string out;
  if (when) {
    const std::string iso = to_iso(*when);
    out = fmt::format("{}+00:00 ", iso.substr(0, iso.size() - 1));
    out += fmt::format("{} {}: ", host.empty() ? "localhost" : host, program);
  }
  out += text;
  return out + "\n";
}

// The newest lines that fit.
Piece cut_to(std::string name, std::string text, size_t most) {
  if (text.size() <= most) return {std::move(name), std::move(text)};
  const size_t begin = text.find('\n', text.size() - most);
  text.erase(0, begin == std::string::npos ? text.size() - most : begin + 1);
  return {std::move(name), std::move(text), true};
}

bool is_of_the_driver(std::string_view text) {
  return text.find("NVRM") != std::string_view::npos ||
         text.find("nvidia") != std::string_view::npos ||
         text.find("Xid") != std::string_view::npos;
}

std::string wall_text(Wall when) {
  return when == Wall{} ? std::string("?") : to_iso(when);
}

std::string boots_of_journal(const std::vector<evidence::JournalBoot>& boots) {
  std::string text = "Boots in the journal, oldest first:\n";
  for (const evidence::JournalBoot& boot : boots) {
    text += fmt::format("  {}  {} … {}\n", boot.boot_id, wall_text(boot.first),
                        wall_text(boot.last));
  }
  return text;
}

// Boots, shutdowns and changes of the run level in wtmp (utmp(5)).
std::string boots_of_wtmp(std::string_view bytes) {
  std::string text = "Boots and shutdowns in wtmp, oldest first:\n";
  struct utmp entry {};
  for (; bytes.size() >= sizeof entry; bytes.remove_prefix(sizeof entry)) {
    std::memcpy(&entry, bytes.data(), sizeof entry);
    const bool boot = entry.ut_type == BOOT_TIME;
    const bool shutdown =
        entry.ut_type == RUN_LVL &&
        std::string_view(entry.ut_user).starts_with("shutdown");
    if (!boot && !shutdown) continue;
    const std::string_view kernel(
        entry.ut_host, ::strnlen(entry.ut_host, sizeof entry.ut_host));
    const Wall when{std::chrono::seconds(entry.ut_tv.tv_sec)};
    text += fmt::format("  {}  {}  {}\n", wall_text(when),
                        boot ? "boot" : "shutdown", printable(kernel));
  }
  return text;
}

// What the kernel said last before it was booted anew: why, with luck.
void add_previous(const host::Root& root, const std::string& host,
                  const std::vector<evidence::JournalBoot>& boots,
                  Pieces& out) {
  if (boots.size() < 2) return;
  evidence::JournalQuery query;
  query.matches = {"_TRANSPORT=kernel"};
  query.boot_id = boots[boots.size() - 2].boot_id;
  query.max_bytes = 1 << 20;
  const auto journal = evidence::read_journal(root, query);
  if (!journal) {
    out.missing.push_back(
        {"logs/kernel-of-boot-before.log", in_words(journal.error())});
    return;
  }
  std::string text;
  for (const evidence::JournalLine& line : journal->lines) {
    text += line_of(line.when, host, "kernel", line.text);
  }
  out.pieces.push_back(
      {"logs/kernel-of-boot-before.log", std::move(text), journal->cut});
}

constexpr std::string_view kServices[] = {"docker",
                                          "containerd",
                                          "crio",
                                          "nvidia-persistenced",
                                          "nvidia-fabricmanager",
                                          "nvidia-dcgm",
                                          "nvidia-imex",
                                          "nvidia-cdi-refresh",
                                          "gpuward"};

}  // namespace

Pieces collect_logs(const Job& job) {
  Pieces out;
  const std::string& host = job.seen.snapshot.hostname;
  std::string nvrm;
  for (const LogRow& row : kLogs) {
    std::string text;
    for (const Evidence& line : job.seen.gathered.evidence) {
      if (!line.key.empty() || line.source != row.source) continue;
      const std::string whole =
          line_of(line.when, host, row.program, line.text);
      text += whole;
      if (is_of_the_driver(line.text)) nvrm += whole;
    }
    if (!text.empty()) {
      out.pieces.push_back(
          cut_to(std::string(row.name), std::move(text), kMostLog));
    }
  }
  if (!nvrm.empty()) {
    out.pieces.push_back(cut_to("logs/nvrm.log", std::move(nvrm), kMostLog));
  }
  for (const Gap& gap : job.seen.gathered.gaps) {
    const auto row = std::ranges::find(kLogs, gap.source, &LogRow::source);
    if (row == std::end(kLogs)) continue;
    out.missing.push_back({std::string(row->name), gap.why});
  }
  return out;
}

Pieces collect_boots(const Job& job) {
  Pieces out;
  const host::Root& root = job.host.evidence;
  constexpr size_t kMostBoots = 50;
  std::string text;
  const auto boots = evidence::read_journal_boots(root, kMostBoots);
  if (boots) {
    text += boots_of_journal(*boots);
    add_previous(root, job.seen.snapshot.hostname, *boots, out);
  } else {
    out.missing.push_back({"boots.txt: the journal", in_words(boots.error())});
  }
  constexpr size_t kMostWtmp = 4 << 20;
  const auto wtmp = root.read("/var/log/wtmp", kMostWtmp);
  if (wtmp) {
    text += boots_of_wtmp(*wtmp);
  } else {
    out.missing.push_back({"boots.txt: wtmp", in_words(wtmp.error())});
  }
  if (!text.empty()) out.pieces.push_back({"boots.txt", std::move(text)});
  return out;
}

Pieces collect_service_logs(const Job& job) {
  Pieces out;
  const host::Root& root = job.host.evidence;
  const auto boot_id = host::boot_id_of(root);
  if (!boot_id) return {{}, {{"logs/services", in_words(boot_id.error())}}};
  for (const std::string_view service : kServices) {
    evidence::JournalQuery query;
    query.matches = {fmt::format("_SYSTEMD_UNIT={}.service", service)};
    query.boot_id = *boot_id;
    query.max_bytes = 1 << 20;
    query.max_time = 500ms;
    const auto journal = evidence::read_journal(root, query);
    if (!journal) {
      out.missing.push_back({"logs/services", in_words(journal.error())});
      return out;
    }
    std::string text;
    for (const evidence::JournalLine& line : journal->lines) {
      text +=
          line_of(line.when, job.seen.snapshot.hostname, service, line.text);
    }
    if (text.empty()) continue;
    out.pieces.push_back({fmt::format("logs/services/{}.log", service),
                          std::move(text), journal->cut});
  }
  return out;
}

}  // namespace gpuward::bundle
