#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "sim/engine/faults.h"
#include "sim/engine/fields.h"
#include "sim/engine/parse.h"

namespace gpuward::simulator {
namespace {

void read_fault(Section& section, Scenario& out) {
  FaultBuilder builder(section.text("fault").value_or(""));
  bool good = true;
  for (const std::string& key : FaultBuilder::keys()) {
    const auto value = section.text(key);
    if (!value) continue;
    if (const auto done = builder.set(key, *value); !done) {
      section.complain(section.line_of(key), done.error().text);
      good = false;
    }
  }
  section.finish();
  if (!good) return;
  const auto fault = builder.finish();
  if (!fault) {
    section.complain(section.line(), fault.error().text);
  } else if (out.faults.size() == SIM_MAX_FAULTS) {
    section.complain(section.line(), "too many faults");
  } else {
    out.faults.push_back(*fault);
  }
}

void read_settings(Section& section, Complaints& complaints,
                   TimedEvent& event) {
  event.kind = TimedEvent::Kind::set;
  for (auto& setting : read_texts(section, "set")) {
    sim_gpu scratch{};
    const auto done = set_field(scratch, setting.first, setting.second);
    if (!done) complaints.add(section.line_of("set"), done.error().text);
    event.settings.push_back(std::move(setting));
  }
}

void read_event(Section& section, Complaints& complaints, Scenario& out) {
  TimedEvent event;
  event.after = read_duration(section, "after").value_or(0ms);
  std::string_view gpu_key = "gpu";
  if (section.has("xid")) {
    event.kind = TimedEvent::Kind::xid;
    event.xid = static_cast<int>(section.integer("xid").value_or(0));
    event.text = section.text("text").value_or("");
  } else if (section.has("set")) {
    read_settings(section, complaints, event);
  } else {
    gpu_key = section.has("lose_gpu") ? "lose_gpu" : "restore_gpu";
    event.kind = section.has("lose_gpu") ? TimedEvent::Kind::lose_gpu
                                         : TimedEvent::Kind::restore_gpu;
  }
  const auto gpu = section.integer(gpu_key).value_or(-1);
  if (gpu < 0 || gpu >= static_cast<int64_t>(out.gpus.size())) {
    section.complain(section.line_of(gpu_key),
                     fmt::format("'{}' must be the index of one of the {} GPUs",
                                 gpu_key, out.gpus.size()));
  }
  event.gpu = static_cast<int>(gpu);
  section.finish();
  out.events.push_back(std::move(event));
}

}  // namespace

void read_timeline(Section& section, Complaints& complaints, Scenario& out) {
  for (const Yaml& item : read_list(section, "timeline")) {
    Section entry(item, "an entry of the timeline", complaints);
    if (entry.has("fault")) {
      read_fault(entry, out);
    } else if (entry.has("xid") || entry.has("set") || entry.has("lose_gpu") ||
               entry.has("restore_gpu")) {
      read_event(entry, complaints, out);
    } else {
      entry.complain(item.line,
                     "an entry of the timeline needs one of fault, xid, set, "
                     "lose_gpu, restore_gpu");
    }
  }
}

namespace {

void read_line(const Yaml& item, Complaints& complaints, Scenario& out) {
  Section section(item, "a line of the kernel log", complaints);
  LogLine line;
  const auto at = read_duration(section, "at");
  const auto ago = read_duration(section, "ago");
  if (at.has_value() == ago.has_value()) {
    section.complain(
        item.line,
        "a line of the kernel log needs 'at' (since boot) or 'ago' "
        "(before the node's start)");
  }
  line.at = at ? *at : out.uptime - ago.value_or(0ms);
  line.priority = static_cast<int>(section.integer("priority").value_or(6));
  if (line.priority < 0 || line.priority > 7) {
    section.complain(section.line_of("priority"), "'priority' must be 0 … 7");
  }
  line.every = read_duration(section, "every").value_or(0ms);
  if (section.has("every") && line.every < 100ms) {
    section.complain(section.line_of("every"), "'every' must be 100ms or more");
    line.every = 100ms;
  }
  line.until = read_duration(section, "until");
  line.text = section.required_text("text");
  section.finish();
  out.log.push_back(std::move(line));
}

}  // namespace

void read_kernel_log(Section& section, Complaints& complaints, Scenario& out) {
  out.boot_log = section.flag("boot_log").value_or(true);
  for (const Yaml& item : read_list(section, "kernel_log")) {
    read_line(item, complaints, out);
  }
}

void read_tasks(Section& section, Complaints& complaints, Scenario& out) {
  for (const Yaml& item : read_list(section, "tasks")) {
    Section entry(item, "a task", complaints);
    Task task;
    task.pid = static_cast<int>(entry.integer("pid").value_or(0));
    if (task.pid <= 1)
      entry.complain(item.line, "a task needs a 'pid' above 1");
    task.parent = static_cast<int>(entry.integer("parent").value_or(1));
    task.comm = entry.required_text("comm");
    // The kernel keeps 15 characters.
    task.comm.resize(std::min<size_t>(task.comm.size(), 15));
    const std::string state = entry.text("state").value_or("S");
    task.state = state.size() == 1 ? state[0] : '?';
    if (std::string_view("RSDTtZI").find(task.state) ==
        std::string_view::npos) {
      entry.complain(entry.line_of("state"),
                     "'state' must be R, S, D, T, Z or I");
    }
    task.wchan = entry.text("wchan").value_or("");
    task.syscall = entry.text("syscall").value_or("");
    task.stack = entry.texts("stack");
    task.files = entry.texts("files");
    task.cgroup = entry.text("cgroup").value_or("/system.slice");
    task.age = read_duration(entry, "age").value_or(1min);
    entry.finish();
    out.tasks.push_back(std::move(task));
  }
}

}  // namespace gpuward::simulator
