#include "containers/inside.h"

#include <fmt/core.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/text.h"
#include "containers/cgroups.h"
#include "containers/inside_run.h"
#include "host/task.h"

namespace gpuward::containers {
namespace {

using inside::Answer;
using inside::Assignment;
using inside::Phase;
using inside::Question;
using inside::Report;

constexpr std::array<std::string_view, 3> kNodeFolders = {
    "/dev", "/dev/nvidia-caps", "/dev/nvidia-caps-imex-channels"};
constexpr size_t kMaxListed = 8192;

// "EPERM"
std::string error_name(int error) {
  const char* name = ::strerrorname_np(error);
  return name != nullptr ? name : "error " + std::to_string(error);
}

bool has_numbers(const host::Root& root, const std::string& path,
                 const Grant& grant) {
  const auto status = root.lstat(path);
  return status && S_ISCHR(status->st_mode) &&
         major(status->st_rdev) == grant.major_number &&
         minor(status->st_rdev) == grant.minor_number;
}

// Where the host's nodes are; read once, and only where a container has a node
// under a name that the host gives to none or another.
class HostPaths {
 public:
  explicit HostPaths(const host::Root& root) : root_(root) {}

  std::optional<std::string> find(const Grant& grant) {
    if (grant.path.starts_with("/dev/") &&
        has_numbers(root_, grant.path, grant)) {
      return root_.outside(grant.path);
    }
    if (!listed_) list();
    for (const std::string& path : paths_) {
      if (has_numbers(root_, path, grant)) return root_.outside(path);
    }
    return std::nullopt;
  }

 private:
  void list() {
    listed_ = true;
    for (const std::string_view folder : kNodeFolders) {
      const auto names = root_.list(folder);
      if (!names) continue;
      for (const std::string& name : *names) {
        if (name.starts_with("nvidia") || folder != "/dev") {
          paths_.push_back(fmt::format("{}/{}", folder, name));
        }
        if (paths_.size() >= kMaxListed) return;
      }
    }
  }

  const host::Root& root_;
  bool listed_ = false;
  std::vector<std::string> paths_;
};

int access_of(const Grant& grant) {
  int access = 0;
  if (grant.access.find('r') != std::string::npos) access |= R_OK;
  if (grant.access.find('w') != std::string::npos) access |= W_OK;
  return access;
}

// The texts that the child's questions point to.
struct Look {
  std::string name, root, mountinfo, cgroup, procs;
  std::vector<std::string> host_paths;
  std::vector<Question> questions;
  std::string no_join;  // why it is not to join the cgroup; empty: it is
  Assignment assignment;
};

void add_questions(const host::Root& root, const Container& container,
                   Look& look) {
  HostPaths paths(root);
  const size_t count = std::min(container.grants.size(), inside::kMaxNodes);
  look.host_paths.resize(count);
  for (size_t i = 0; i < count; ++i) {
    const Grant& grant = container.grants[i];
    look.host_paths[i] = paths.find(grant).value_or("");
    const char* host_path =
        look.host_paths[i].empty() ? nullptr : look.host_paths[i].c_str();
    look.questions.push_back({host_path, grant.path.c_str(), grant.major_number,
                              grant.minor_number, access_of(grant)});
  }
}

// The pointers hold as long as `look` and `container` stay where they are.
void prepare(const host::Root& root, const Container& container, Look& look) {
  const std::string task = fmt::format("/proc/{}", container.pid);
  look.root = root.outside(task + "/root");
  look.mountinfo = root.outside(task + "/mountinfo");
  look.cgroup = root.outside(container.cgroup_folder);
  look.procs = look.cgroup + "/cgroup.procs";
  add_questions(root, container, look);
  Assignment& out = look.assignment;
  out.name = look.name.c_str();
  out.root = look.root.c_str();
  out.mountinfo = look.mountinfo.c_str();
  out.cgroup = look.cgroup.c_str();
  out.procs = look.procs.c_str();
  out.is_v2 = container.cgroup_v2;
  out.join = look.no_join.empty();
  out.questions = look.questions.data();
  out.count = look.questions.size();
}

std::string why_not_joined(int error) {
  switch (error) {
    case EPERM:
    case EACCES:
      return "its cgroup may not be joined: run as root";
    case EAGAIN:
      return "the container may start no more tasks (its pids limit), so "
             "nobody can look from inside";
    case EBUSY:
    case EOPNOTSUPP:
    case ENOTDIR:
      return fmt::format(
          "its first process lies in a cgroup that takes in nobody else ({}: "
          "it has controllers for cgroups below it, or is threaded)",
          error_name(error));
    case EBADF:
      return "its cgroup is none of this machine";
    default:
      return "its cgroup could not be joined: " + error_name(error);
  }
}

std::string why_late(Phase phase, Millis patience) {
  const char* where = "before it began";
  if (phase == Phase::files || phase == Phase::library) {
    where = "in the container's file systems";
  } else if (phase == Phase::joining) {
    where = "while it joined the container's cgroup";
  } else if (phase == Phase::asking) {
    where = "in the container's cgroup";
  }
  return fmt::format(
      "the look from inside did not come back in {}: it stayed {}",
      to_words(patience), where);
}

// What one faccessat in the container's cgroup means.
void judge(const Answer& answer, NodeAccess& node) {
  if (answer.error == 0) {
    node.now = NodeAccess::Now::allowed;
  } else if (answer.error == EACCES && answer.outside_error == EACCES) {
    node.why =
        "file mode or a security module forbids it outside of the "
        "container as well: run as root";
  } else if (answer.error == EPERM || answer.error == EACCES) {
    // The device cgroup says EPERM.
    node.now = NodeAccess::Now::denied;
    node.why = error_name(answer.error);
  } else {
    node.why = "faccessat says " + error_name(answer.error);
  }
}

std::string why_no_node(const Answer& answer, const Grant& grant) {
  return fmt::format(
      "neither the host nor the container has a node {}:{} to ask about{}",
      grant.major_number, grant.minor_number,
      answer.node_error == ENOENT ? ""
                                  : " (" + error_name(answer.node_error) + ")");
}

struct Ending {
  bool ended = false;
  std::string why_none;  // no node could be asked about
};

NodeAccess node_of(const Grant& grant, const Answer& answer,
                   const Ending& outcome) {
  NodeAccess node{grant, NodeAccess::Now::unknown, "", std::nullopt};
  if (answer.presence != inside::Presence::unknown) {
    node.present = answer.presence == inside::Presence::present;
  }
  if (access_of(grant) == 0) {
    node.why = "granted for mknod alone";
  } else if (answer.asked) {
    judge(answer, node);
  } else if (outcome.ended && !answer.has_node) {
    node.why = why_no_node(answer, grant);
  } else {
    node.why = outcome.why_none;
  }
  return node;
}

void set_all_unknown(Container& container, const std::string& why) {
  container.nodes.clear();
  container.library.reset();
  for (const Grant& grant : container.grants) {
    container.nodes.push_back(
        {grant, NodeAccess::Now::unknown, why, std::nullopt});
  }
}

void take_in(const Report& report, const Ending& outcome,
             Container& container) {
  set_all_unknown(container,
                  fmt::format("only {} nodes of a container are asked about",
                              inside::kMaxNodes));
  const size_t count = std::min(container.grants.size(), inside::kMaxNodes);
  for (size_t i = 0; i < count; ++i) {
    container.nodes[i] =
        node_of(container.grants[i], report.answers[i], outcome);
  }
  if (report.library == inside::Library::none) container.library = "";
  if (report.library == inside::Library::version) {
    container.library = report.version.data();
  }
}

Ending outcome_of(const Report& report, bool ended, const Look& look,
                  Millis patience) {
  if (!ended) return {false, why_late(report.phase, patience)};
  if (!look.no_join.empty()) return {true, look.no_join};
  if (report.join_error != 0) return {true, why_not_joined(report.join_error)};
  return {true, "the look from inside was ended by somebody else"};
}

// A zombie whose other threads live on is still at work; one without is a
// container whose shim has not come to bury it.
bool is_running(const host::Root& root, const Container& container) {
  const auto stat = host::task_stat(root, container.pid);
  return stat && stat->start_time == container.start_time &&
         ((stat->state != 'Z' && stat->state != 'X') || stat->threads > 1);
}

std::unexpected<Error> gone(const Container& container) {
  return fail(Error::Kind::gone,
              fmt::format("{} has ended (its first process was {})",
                          in_words(container), container.pid));
}

// v1's freezer is a hierarchy of its own: joining that of the devices freezes
// nobody, unless the two are mounted as one.
bool would_freeze(const host::Root& root, const Container& container) {
  if (!container.frozen) return false;
  if (container.cgroup_v2) return true;
  const auto text = root.read(fmt::format("/proc/{}/cgroup", container.pid));
  if (!text) return true;
  return std::ranges::any_of(split(*text, '\n'), [](std::string_view line) {
    const auto fields = split(line, ':');
    return fields.size() > 2 &&
           fields[1].find("devices") != std::string_view::npos &&
           fields[1].find("freezer") != std::string_view::npos;
  });
}

}  // namespace

Result<void> look_inside(const host::Host& host, Container& container,
                         Millis patience) {
  const host::Root& root = host.evidence;
  if (const auto why = host.why_not_to_probe()) {
    set_all_unknown(container, *why);
    return {};
  }
  if (!is_running(root, container)) {
    return gone(container);
  }
  container.frozen =
      is_frozen(root, device_hierarchy(root), container.cgroup, container.pid);
  Look look;
  look.name = fmt::format("gw-look-{}", container.pid);
  if (const int task = inside::left_behind(host.self, look.name); task != 0) {
    set_all_unknown(container,
                    fmt::format("an earlier look from inside has not come back "
                                "(task {})",
                                task));
    return {};
  }
  if (would_freeze(root, container)) {
    look.no_join = "the container is paused";
  }
  prepare(root, container, look);
  auto report = TRY(inside::SharedReport::make());
  const bool ended = TRY(inside::run(look.assignment, report, patience));
  if (!is_running(root, container)) {
    return gone(container);
  }
  take_in(*report, outcome_of(*report, ended, look, patience), container);
  return {};
}

}  // namespace gpuward::containers
