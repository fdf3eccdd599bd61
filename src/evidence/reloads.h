// Reloads of systemd in this boot, and who asked for them: after each of them
// systemd renews the device rules of its scopes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "evidence/journal.h"
#include "evidence/source.h"

namespace gpuward::evidence {

struct Reload {
  Wall when{};
  bool reexec = false;  // daemon-reexec
  // "PID 812 ('apt'), unit apt-daily.service", from systemd 254 on; else empty.
  std::string who;
  std::string text;  // the line of the log

  bool operator==(const Reload&) const = default;
};

// "systemd reloaded at 14:02:11, asked for by PID 812 ('apt')"
std::string in_words(const Reload& reload);

// From PID 1's lines, oldest first. Pure.
std::vector<Reload> reloads_in(const std::vector<JournalLine>& lines);

// The newest, oldest first, eight at most; takes half a second at most. Who
// asked is known only of those that are not far back in a busy journal.
Result<std::vector<Reload>> read_reloads(const host::Host& host);

// Fact systemd_reload for the newest, and the lines of the last few.
Collected collect_reloads(const host::Host& host);

}  // namespace gpuward::evidence
