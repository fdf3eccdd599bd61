#include "evidence/journal.h"

#include <systemd/sd-journal.h>

#include <algorithm>
#include <memory>

#include "base/text.h"

namespace gpuward::evidence {
namespace {

using Handle = std::unique_ptr<sd_journal, void (*)(sd_journal*)>;

bool has_journal(const host::Root& root) {
  return root.exists("/var/log/journal") || root.exists("/run/log/journal");
}

Result<Handle> open_journal(const host::Root& root) {
  sd_journal* raw = nullptr;
  const int result = ::sd_journal_open_directory(&raw, root.directory().c_str(),
                                                 SD_JOURNAL_OS_ROOT);
  if (result < 0) return fail_errno(-result, "opening the journal");
  return Handle(raw, ::sd_journal_close);
}

Result<void> add_match(sd_journal* journal, const std::string& match) {
  const int result =
      ::sd_journal_add_match(journal, match.data(), match.size());
  if (result < 0) return fail_errno(-result, "asking the journal");
  return {};
}

// The value of a field of the entry at which the journal stands.
std::optional<std::string_view> field_of(sd_journal* journal,
                                         const char* name) {
  const void* data = nullptr;
  size_t size = 0;
  if (::sd_journal_get_data(journal, name, &data, &size) < 0) {
    return std::nullopt;
  }
  const std::string_view all(static_cast<const char*>(data), size);
  return all.substr(std::min(all.size(), all.find('=') + 1));
}

// When the entry was logged, in the clock of the boot: the kernel's own time,
// else when the journal received it.
uint64_t boot_usec(sd_journal* journal) {
  const auto source = field_of(journal, "_SOURCE_MONOTONIC_TIMESTAMP");
  if (source) {
    if (const auto usec = to_number<uint64_t>(*source)) return *usec;
  }
  uint64_t usec = 0;
  sd_id128_t boot{};
  ::sd_journal_get_monotonic_usec(journal, &usec, &boot);
  return usec;
}

Wall wall_time(sd_journal* journal) {
  uint64_t usec = 0;
  ::sd_journal_get_realtime_usec(journal, &usec);
  return Wall(Millis(static_cast<int64_t>(usec / 1000)));
}

void to_end(sd_journal* journal, const JournalQuery& query) {
  sd_id128_t boot{};
  // An entry is received a little after it was logged.
  constexpr uint64_t kMargin = 10'000'000;
  if (query.before_usec &&
      ::sd_id128_from_string(query.boot_id.c_str(), &boot) >= 0 &&
      ::sd_journal_seek_monotonic_usec(journal, boot,
                                       *query.before_usec + kMargin) >= 0) {
    return;
  }
  ::sd_journal_seek_tail(journal);
}

// From the newest backwards: if a limit is met, the oldest are left out.
JournalLines newest_lines(sd_journal* journal, const JournalQuery& query) {
  JournalLines out;
  size_t bytes = 0;
  const Boot started = BootClock::now();
  while (::sd_journal_previous(journal) > 0) {
    if (bytes > query.max_bytes ||
        BootClock::now() - started > query.max_time) {
      out.cut = true;
      break;
    }
    if (query.before_usec && boot_usec(journal) >= *query.before_usec) {
      continue;
    }
    const auto text = field_of(journal, "MESSAGE");
    if (!text) continue;
    bytes += text->size();
    out.lines.push_back({wall_time(journal), std::string(*text)});
  }
  return out;
}

// Damaged files, and files that this user may not read, are passed over in
// silence: a journal without one entry of the running boot tells that.
Result<void> check_it_speaks(sd_journal* journal, const std::string& boot_id) {
  ::sd_journal_flush_matches(journal);
  TRY_VOID(add_match(journal, "_BOOT_ID=" + boot_id));
  ::sd_journal_seek_tail(journal);
  if (::sd_journal_previous(journal) > 0) return {};
  return fail(Error::Kind::malformed,
              "the journal holds nothing of this boot: damaged, or not "
              "readable without root or the group systemd-journal");
}

Result<JournalBoot> boot_of(sd_journal* journal, const std::string& boot_id) {
  JournalBoot out{boot_id, {}, {}};
  ::sd_journal_flush_matches(journal);
  TRY_VOID(add_match(journal, "_BOOT_ID=" + boot_id));
  if (::sd_journal_seek_head(journal) < 0 || ::sd_journal_next(journal) <= 0) {
    return fail(Error::Kind::not_found, "the boot has no entry");
  }
  out.first = wall_time(journal);
  if (::sd_journal_seek_tail(journal) >= 0 &&
      ::sd_journal_previous(journal) > 0) {
    out.last = wall_time(journal);
  }
  return out;
}

}  // namespace

Result<std::vector<JournalBoot>> read_journal_boots(const host::Root& root,
                                                    size_t most) {
  if (!has_journal(root)) {
    return fail(Error::Kind::not_found, "no journal is kept");
  }
  const Handle journal = TRY(open_journal(root));
  const int asked = ::sd_journal_query_unique(journal.get(), "_BOOT_ID");
  if (asked < 0) return fail_errno(-asked, "asking the journal");
  std::vector<std::string> ids;
  const void* data = nullptr;
  size_t size = 0;
  while (::sd_journal_enumerate_unique(journal.get(), &data, &size) > 0) {
    const std::string_view field(static_cast<const char*>(data), size);
    ids.emplace_back(field.substr(std::min(size, field.find('=') + 1)));
  }
  constexpr Millis kLongest = 2s;
  const Boot until = BootClock::now() + kLongest;
  std::vector<JournalBoot> out;
  for (const std::string& id : ids) {
    if (BootClock::now() >= until) break;
    if (auto boot = boot_of(journal.get(), id)) out.push_back(*boot);
  }
  std::ranges::sort(out, {}, &JournalBoot::first);
  if (out.size() > most) {
    out.erase(out.begin(), out.end() - static_cast<std::ptrdiff_t>(most));
  }
  return out;
}

Result<JournalLines> read_journal(const host::Root& root,
                                  const JournalQuery& query) {
  if (!has_journal(root)) {
    return fail(Error::Kind::not_found, "no journal is kept");
  }
  const Handle journal = TRY(open_journal(root));
  std::string boot_id = query.boot_id;
  std::erase(boot_id, '-');
  TRY_VOID(add_match(journal.get(), "_BOOT_ID=" + boot_id));
  for (const std::string& match : query.matches) {
    TRY_VOID(add_match(journal.get(), match));
  }
  to_end(journal.get(), query);
  JournalLines out = newest_lines(journal.get(), query);
  if (out.lines.empty()) {
    TRY_VOID(check_it_speaks(journal.get(), boot_id));
  }
  std::ranges::reverse(out.lines);
  return out;
}

}  // namespace gpuward::evidence
