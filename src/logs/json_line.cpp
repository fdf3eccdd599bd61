#include "logs/json_line.h"

#include <algorithm>

#include "base/text.h"
#include "logs/export_lines.h"
#include "logs/json_members.h"
#include "logs/timestamp.h"

namespace gpuward::logs {
namespace {

struct Fields {
  std::string log, time, message, text, realtime, host, node, identifier,
      command, pid, reason, error;
  bool kernel = false;
  bool journal = false;
};

// Where a name means something in whatever object it stands.
struct Row {
  std::string_view key;
  std::string Fields::*field;
};
constexpr Row kRows[] = {
    {"log", &Fields::log},
    {"MESSAGE", &Fields::message},
    {"message", &Fields::text},
    {"line", &Fields::text},
    {"textPayload", &Fields::text},
    {"time", &Fields::time},
    {"ts", &Fields::time},
    {"timestamp", &Fields::time},
    {"@timestamp", &Fields::time},
    {"date", &Fields::time},
    {"lastTimestamp", &Fields::time},
    {"__REALTIME_TIMESTAMP", &Fields::realtime},
    {"_HOSTNAME", &Fields::host},
    {"hostname", &Fields::host},
    {"host", &Fields::host},
    {"host.name", &Fields::host},
    {"node_name", &Fields::node},
    {"nodeName", &Fields::node},
    {"pod_node_name", &Fields::node},
    {"node", &Fields::node},
    {"instance", &Fields::node},
    {"SYSLOG_IDENTIFIER", &Fields::identifier},
    {"ident", &Fields::identifier},
    {"appname", &Fields::identifier},
    {"syslog_identifier", &Fields::identifier},
    {"_COMM", &Fields::command},
    {"_PID", &Fields::pid},
    {"reason", &Fields::reason},
    {"error", &Fields::error},
    {"err", &Fields::error},
};

// Objects within an object of which members count as its own.
constexpr std::string_view kOpened[] = {
    "kubernetes", "host",   "_source", "stream",        "labels",
    "resource",   "fields", "agent",   "jsonPayload",   "metadata",
    "event",      "log",    "source",  "involvedObject"};

constexpr int kDeepest = 4;

void take(Fields& fields, std::string_view within, const std::string& key,
          std::string& value) {
  if (key == "_TRANSPORT" || key == "facility" || key == "transport") {
    fields.kernel = fields.kernel || value == "kernel" || value == "kern";
    return;
  }
  // "name" is a host's where it stands in one.
  const bool host_name = within == "host" && key == "name";
  const auto* row = std::ranges::find(kRows, key, &Row::key);
  if (host_name) {
    fields.host = value;
  } else if (row != std::end(kRows)) {
    // A shipper's own clock is no better than what the message was given.
    std::string& field = fields.*row->field;
    if (field.empty()) field = value;
  }
  fields.journal = fields.journal || key == "MESSAGE";
}

// Writes all members as name="value".
void walk(std::string_view object, std::string_view within, int depth,
          Fields& fields, std::string& all) {
  JsonMembers members(object);
  std::string key;
  std::string value;
  while (members.next(key, value)) {
    const bool nested = members.kind() == JsonMembers::Kind::object;
    if (!all.empty() && depth == 0) all += ' ';
    if (depth == 0) all += key + "=\"" + value + "\"";
    if (!nested) {
      take(fields, within, key, value);
    } else if (depth < kDeepest &&
               std::ranges::find(kOpened, key) != std::end(kOpened)) {
      const std::string inner = std::move(value);
      walk(inner, key, depth + 1, fields, all);
    }
  }
}

// ISO 8601, or a number since 1970 in whatever unit.
std::optional<Wall> time_in(const std::string& text) {
  if (const auto stamp = stamp_at(text + " ", {})) return stamp->when;
  const auto whole = std::string_view(text).substr(0, text.find('.'));
  const auto number = to_number<int64_t>(whole);
  if (!number || *number < 0) return std::nullopt;
  constexpr size_t kSeconds = 10;
  constexpr size_t kMillis = 13;
  constexpr size_t kMicros = 16;
  constexpr size_t kNanos = 19;
  switch (whole.size()) {
    case kSeconds:
      return Wall(std::chrono::seconds(*number));
    case kMillis:
      return Wall(Millis(*number));
    case kMicros:
      return Wall(Millis(*number / 1000));
    case kNanos:
      return Wall(Millis(*number / 1'000'000));
    default:
      return std::nullopt;
  }
}

std::string with_context(const Fields& fields) {
  std::string out = fields.reason.empty() ? "" : fields.reason + ": ";
  out += fields.text;
  if (!fields.error.empty()) out += " error=\"" + fields.error + "\"";
  return out;
}

}  // namespace

std::optional<Unwrapped> json_line(std::string_view line,
                                   std::string& scratch) {
  const auto trimmed = trim(line);
  if (!trimmed.starts_with("{\"") && !trimmed.starts_with("{ \"")) {
    return std::nullopt;
  }
  Fields fields;
  std::string all;
  walk(trimmed, {}, 0, fields, all);
  if (all.empty()) return std::nullopt;
  Unwrapped out;
  out.is_kernel = fields.kernel || fields.identifier == "kernel";
  if (fields.journal && !fields.realtime.empty()) {
    const std::string name = !fields.identifier.empty() ? fields.identifier
                             : fields.kernel            ? "kernel"
                                                        : fields.command;
    scratch = as_line(
        {fields.realtime, fields.host, name, fields.pid, fields.message});
    out.text = trim(scratch);
    return out;
  }
  out.host = fields.node.empty() ? fields.host : fields.node;
  out.host = out.host.substr(0, out.host.find(':'));  // a port, of Prometheus
  out.when = time_in(fields.time);
  if (fields.journal) {
    scratch = as_line({{}, {}, fields.identifier, fields.pid, fields.message});
    if (!out.when) out.when = time_in(fields.realtime);
  } else if (!fields.log.empty()) {
    scratch = std::move(fields.log);
  } else {
    scratch = fields.text.empty() ? std::move(all) : with_context(fields);
  }
  out.text = trim(scratch);
  return out;
}

}  // namespace gpuward::logs
