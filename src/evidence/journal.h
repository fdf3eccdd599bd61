// Lines of the systemd journal of one boot. The only user of sd-journal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "host/root.h"

namespace gpuward::evidence {

struct JournalQuery {
  // "FIELD=value": alternatives for a field that is named twice, else all
  // must hold.
  std::vector<std::string> matches;
  // As in /proc/sys/kernel/random/boot_id.
  std::string boot_id;
  // Only what was logged before this time of the boot.
  std::optional<uint64_t> before_usec;
  size_t max_bytes = 32 << 20;
  Millis max_time = 2s;
};

struct JournalLine {
  Wall when;
  std::string text;
};

struct JournalLines {
  std::vector<JournalLine> lines;  // oldest first
  bool cut = false;                // stopped at a limit: the newest were kept
};

// Error::not_found where that machine keeps no journal; Error::malformed where
// it keeps one that tells nothing of that boot.
Result<JournalLines> read_journal(const host::Root& root,
                                  const JournalQuery& query);

struct JournalBoot {
  std::string boot_id;  // 32 digits of hex
  Wall first{};
  Wall last{};  // where it was not shut down: nearly when it died
};

// The newest boots of which the journal has anything, oldest first; at most
// `most`, looked for during two seconds.
Result<std::vector<JournalBoot>> read_journal_boots(const host::Root& root,
                                                    size_t most);

}  // namespace gpuward::evidence
