#include "evidence/reloads.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "host/task.h"
#include "model/facts.h"

namespace gpuward::evidence {
namespace {

constexpr std::string_view kSource = "reloads";
constexpr size_t kMost = 8;
constexpr size_t kLines = 3;
// From the request to the reload itself.
constexpr Millis kBelongs = 10s;
constexpr std::string_view kAsked = " requested from client ";

// What systemd says as it begins: up to 253 with a full stop, later with three.
constexpr std::string_view kBegins[] = {"Reloading.", "Reloading...",
                                        "Reexecuting.", "Reexecuting..."};

bool begins(std::string_view text) {
  return std::ranges::find(kBegins, text) != std::end(kBegins);
}

// "Reloading requested from client PID 812 ('apt') (unit
// apt-daily.service)...", from 256 on "Reload requested…"; of other requests,
// nothing.
std::string who_in(std::string_view text) {
  const size_t at = text.find(kAsked);
  if (at == std::string_view::npos || !text.starts_with("Re")) return {};
  const std::string_view what = text.substr(0, at);
  if (!what.starts_with("Reload") && !what.starts_with("Reexec")) return {};
  std::string who(text.substr(at + kAsked.size()));
  while (who.ends_with('.')) who.pop_back();
  if (const size_t unit = who.find(" (unit "); unit != std::string::npos) {
    who.replace(unit, 7, ", unit ");
    if (who.ends_with(')')) who.pop_back();
  }
  return printable(who, 200);
}

Result<std::vector<JournalLine>> ask_journal(const host::Host& host,
                                             std::vector<std::string> matches,
                                             Millis time) {
  JournalQuery query;
  query.matches = std::move(matches);
  query.boot_id = TRY(host::boot_id_of(host.evidence));
  query.max_bytes = 4 << 20;
  query.max_time = time;
  return TRY(read_journal(host.evidence, query)).lines;
}

// The journal finds exact messages by its index, however long it is.
Result<std::vector<JournalLine>> lines_of_begin(const host::Host& host) {
  std::vector<std::string> matches = {"_PID=1"};
  for (const std::string_view text : kBegins) {
    matches.push_back(fmt::format("MESSAGE={}", text));
  }
  return ask_journal(host, std::move(matches), 200ms);
}

void keep_newest(std::vector<Reload>& reloads) {
  if (reloads.size() <= kMost) return;
  reloads.erase(reloads.begin(),
                reloads.end() - static_cast<std::ptrdiff_t>(kMost));
}

}  // namespace

std::string in_words(const Reload& reload) {
  std::string text = fmt::format(
      "systemd {} at {}", reload.reexec ? "executed itself anew" : "reloaded",
      to_clock(reload.when));
  if (!reload.who.empty()) text += ", asked for by " + reload.who;
  return text;
}

std::vector<Reload> reloads_in(const std::vector<JournalLine>& lines) {
  std::vector<Reload> out;
  bool open = false;  // the last one has been asked for and not begun
  for (const JournalLine& line : lines) {
    const std::string_view text = trim(line.text);
    std::string who = who_in(text);
    const bool is_begin = begins(text);
    if (who.empty() && !is_begin) continue;
    const bool reexec = text.starts_with("Reexec");
    const bool goes_on = is_begin && open && out.back().reexec == reexec &&
                         line.when - out.back().when <= kBelongs;
    open = !is_begin;
    if (goes_on) {
      out.back().when = line.when;
      continue;
    }
    out.push_back({line.when, reexec, std::move(who), printable(text, 300)});
  }
  return out;
}

Result<std::vector<Reload>> read_reloads(const host::Host& host) {
  std::vector<Reload> out = reloads_in(TRY(lines_of_begin(host)));
  // Who asked stands in lines that no index finds: those of PID 1 are gone
  // through from the newest, as far as time allows.
  if (const auto lines = ask_journal(host, {"_PID=1"}, 100ms)) {
    for (const Reload& told : reloads_in(*lines)) {
      const auto same = std::ranges::find_if(out, [&told](const Reload& each) {
        return each.when == told.when && each.reexec == told.reexec;
      });
      if (same == out.end()) {
        out.push_back(told);
      } else if (!told.who.empty()) {
        *same = told;
      }
    }
  }
  std::ranges::stable_sort(out, {}, &Reload::when);
  keep_newest(out);
  return out;
}

Collected collect_reloads(const host::Host& host) {
  Collected out;
  const auto reloads = read_reloads(host);
  if (!reloads) {
    if (reloads.error().kind != Error::Kind::not_found) {
      out.gaps.push_back(gap_of(kSource, reloads.error()));
    }
    return out;
  }
  if (reloads->empty()) return out;
  const size_t first = reloads->size() - std::min(reloads->size(), kLines);
  for (size_t i = first; i < reloads->size(); ++i) {
    Evidence line;
    line.source = kSource;
    line.text = (*reloads)[i].text;
    line.when = (*reloads)[i].when;
    line.file = "journal";
    out.evidence.push_back(std::move(line));
  }
  const Reload& newest = reloads->back();
  Evidence item = node_fact(kSource, fact::kReload, to_clock(newest.when),
                            in_words(newest), "journal");
  item.when = newest.when;
  out.evidence.push_back(std::move(item));
  return out;
}

}  // namespace gpuward::evidence
