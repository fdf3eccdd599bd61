#include "evidence/kubelet_log.h"

#include <iterator>

#include "evidence/journal.h"
#include "evidence/kubelet_admissions.h"
#include "evidence/log_file.h"
#include "host/task.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "kubelet-log";
constexpr std::string_view kFile = "/var/log/kubelet.log";
constexpr size_t kMaxBytes = 4 << 20;

void add_file(Collected& out, const host::Root& root) {
  const auto lines = read_tail(root, kFile, kMaxBytes);
  if (!lines) {
    if (lines.error().kind != Error::Kind::not_found) {
      out.gaps.push_back(gap_of(kSource, lines.error()));
    }
    return;
  }
  for (const FileLine& line : *lines) {
    Evidence item;
    item.source = kSource;
    item.text = line.text;
    item.file = kFile;
    item.line = line.line;
    out.evidence.push_back(std::move(item));
  }
}

void add_journal(Collected& out, const host::Root& root) {
  const auto boot_id = host::boot_id_of(root);
  if (!boot_id) return;
  JournalQuery query;
  query.matches = {"_SYSTEMD_UNIT=kubelet.service", "_SYSTEMD_UNIT=k3s.service",
                   "_SYSTEMD_UNIT=k3s-agent.service"};
  query.boot_id = *boot_id;
  query.max_bytes = kMaxBytes;
  auto journal = read_journal(root, query);
  if (!journal) {
    if (journal.error().kind != Error::Kind::not_found) {
      out.gaps.push_back(gap_of(kSource, journal.error()));
    }
    return;
  }
  for (JournalLine& line : journal->lines) {
    Evidence item;
    item.source = kSource;
    item.text = std::move(line.text);
    item.when = line.when;
    item.file = "journal";
    out.evidence.push_back(std::move(item));
  }
}

}  // namespace

Collected collect_kubelet_log(const host::Host& host) {
  Collected out;
  const host::Root& root = host.evidence;
  add_file(out, root);
  // A file may be left from a kubelet of long ago.
  const bool is_of_now =
      admission_in(out.evidence, root, wall_now()).has_value();
  if (!is_of_now && root.exists("/var/lib/kubelet")) {
    add_journal(out, root);
  }
  auto facts = admission_facts(out.evidence, root, wall_now());
  out.evidence.insert(out.evidence.end(),
                      std::make_move_iterator(facts.begin()),
                      std::make_move_iterator(facts.end()));
  return out;
}

}  // namespace gpuward::evidence
