#include "containers/runtime_state.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/json.h"
#include "base/text.h"
#include "containers/roots_alone.h"
#include "containers/users_files.h"
#include "host/task.h"
#include "host/walk.h"

namespace gpuward::containers {
namespace {

constexpr std::string_view kSource = "containers";
constexpr size_t kMaxState = 4 << 20;
// More folders than this in one place are no machine's.
constexpr size_t kMostRecords = 20000;
// A user may write anything into his own run directory.
constexpr size_t kMostUsersRecords = 200;
constexpr size_t kMaxUsersFile = 256 << 10;

// Where a containerd keeps its state: its own, k3s's and RKE2's, MicroK8s's,
// and the one that dockerd starts for itself.
constexpr std::array<std::string_view, 4> kContainerds = {
    "/run/containerd", "/run/k3s/containerd",
    "/var/snap/microk8s/common/run/containerd",
    "/run/docker/containerd/daemon"};
// Podman's and CRI-O's bundles are ID/userdata below these.
constexpr std::array<std::string_view, 2> kStorages = {
    "/var/lib/containers/storage/overlay-containers",
    "/run/containers/storage/overlay-containers"};

bool is_there(const host::Root& root, unsigned owner, const std::string& path) {
  return owner == 0 ? root.exists(path)
                    : read_users_file(root, owner, path, 1).has_value();
}

class Lister {
 public:
  Lister(const host::Root& root, std::vector<Gap>& gaps)
      : root_(root), gaps_(gaps) {}

  std::vector<RuntimeRecord> run() {
    for (const std::string_view containerd : kContainerds) {
      list_namespaces(fmt::format("{}/runc", containerd));
      list_bundles(fmt::format("{}/io.containerd.runtime.v2.task", containerd));
    }
    // "runtime-runc", and one for each other runtime of old Dockers.
    for (const std::string& name : list("/run/docker")) {
      if (name.starts_with("runtime-")) list_namespaces("/run/docker/" + name);
    }
    for (const std::string_view place : {"/run/runc", "/run/crun"}) {
      list_states(std::string(place), "", place, 0);
    }
    for (const std::string& name : list("/run/user")) {
      const auto uid = to_number<unsigned>(name);
      if (!uid || *uid == 0) continue;
      for (const std::string_view place : {"runc", "crun"}) {
        const std::string folder = fmt::format("/run/user/{}/{}", name, place);
        list_states(folder, "", folder, *uid);
      }
    }
    std::vector<RuntimeRecord> out;
    for (auto& [key, record] : found_) out.push_back(std::move(record));
    return out;
  }

 private:
  std::vector<std::string> list(const std::string& folder) {
    auto names = root_.list(folder);
    if (names && names->size() <= kMostRecords) return std::move(*names);
    if (names) {
      note(folder, kMostRecords);
    } else {
      note(names.error());
    }
    return {};
  }

  std::vector<std::string> list_users(const std::string& folder, unsigned uid) {
    auto names = list_users_folder(root_, uid, folder, kMostUsersRecords + 1);
    if (!names) {
      note(names.error());
      return {};
    }
    if (names->size() > kMostUsersRecords) {
      note(folder, kMostUsersRecords);
      names->resize(kMostUsersRecords);
    }
    return std::move(*names);
  }

  void note(const Error& error) {
    if (error.kind == Error::Kind::not_found) return;
    gaps_.push_back({std::string(kSource), error.text});
  }

  void note(const std::string& folder, size_t most) {
    gaps_.push_back(
        {std::string(kSource), fmt::format("{} has more than {} entries",
                                           root_.outside(folder), most)});
  }

  static std::string runtime_of(std::string_view name_space) {
    return name_space == "moby" ? "docker" : "containerd";
  }

  RuntimeRecord& record(const std::string& family, const std::string& id) {
    // In containerd's namespaces state and bundle lie apart.
    RuntimeRecord& out = found_[family + "/" + id];
    out.id = id;
    return out;
  }

  void list_states(const std::string& folder, const std::string& runtime,
                   std::string_view family, unsigned owner) {
    for (const std::string& id :
         owner == 0 ? list(folder) : list_users(folder, owner)) {
      const std::string base = folder + "/" + id;
      for (const auto& [file, name] :
           {std::pair("state.json", "runc"), std::pair("status", "crun")}) {
        if (!is_there(root_, owner, base + "/" + file)) continue;
        RuntimeRecord& found = record(std::string(family), id);
        found.runtime = runtime;
        found.owner = owner;
        found.oci_runtime = name;
        found.state_file = base + "/" + file;
      }
    }
  }

  void list_namespaces(const std::string& folder) {
    for (const std::string& name : list(folder)) {
      list_states(folder + "/" + name, runtime_of(name), name, 0);
    }
  }

  void list_bundles(const std::string& folder) {
    for (const std::string& name : list(folder)) {
      const std::string below = folder + "/" + name;
      for (const std::string& id : list(below)) {
        RuntimeRecord& found = record(name, id);
        found.runtime = runtime_of(name);
        found.spec_file = below + "/" + id + "/config.json";
      }
    }
  }

  const host::Root& root_;
  std::vector<Gap>& gaps_;
  std::map<std::string, RuntimeRecord> found_;
};

Result<RuntimeState> make_state(const Json& pid, const Json& start,
                                std::string_view bundle,
                                const Json& root_folder) {
  constexpr int64_t kMaxPid = 1 << 22;
  if (!pid.is_integer() || pid.as_integer() <= 0 ||
      pid.as_integer() > kMaxPid || start.as_integer(-1) < 0) {
    return fail(Error::Kind::malformed, "no pid and start time");
  }
  return RuntimeState{static_cast<int>(pid.as_integer()),
                      static_cast<uint64_t>(start.as_integer()),
                      std::string(bundle),
                      std::string(root_folder.as_string())};
}

}  // namespace

std::vector<RuntimeRecord> list_runtime_records(const host::Root& root,
                                                std::vector<Gap>& gaps) {
  return Lister(root, gaps).run();
}

Result<RuntimeState> parse_runc_state(std::string_view text) {
  const auto json = Json::parse(text);
  if (!json) return fail(Error::Kind::malformed, "not a state of runc");
  std::string_view bundle;
  constexpr std::string_view kLabel = "bundle=";
  for (const Json& label : (*json)["config"]["labels"].as_array()) {
    if (label.as_string().starts_with(kLabel)) {
      bundle = label.as_string().substr(kLabel.size());
    }
  }
  return make_state((*json)["init_process_pid"], (*json)["init_process_start"],
                    bundle, (*json)["config"]["rootfs"]);
}

Result<RuntimeState> parse_crun_status(std::string_view text) {
  const auto json = Json::parse(text);
  if (!json) return fail(Error::Kind::malformed, "not a status of crun");
  return make_state((*json)["pid"], (*json)["process-start-time"],
                    (*json)["bundle"].as_string(), (*json)["rootfs"]);
}

Result<RuntimeState> read_running_state(const host::Root& root,
                                        const RuntimeRecord& record) {
  if (record.state_file.empty()) {
    return fail(Error::Kind::not_found, "no state of " + record.id);
  }
  const std::string text =
      TRY(read_record(root, record, record.state_file, kMaxState));
  auto state = record.oci_runtime == "crun" ? parse_crun_status(text)
                                            : parse_runc_state(text);
  if (!state) {
    return wrap(std::move(state).error(), root.outside(record.state_file));
  }
  if (!host::is_same_task(root, state->pid, state->start_time)) {
    return fail(Error::Kind::gone, record.id + " has ended");
  }
  return state;
}

Result<std::string> read_record(const host::Root& root,
                                const RuntimeRecord& record,
                                const std::string& path, size_t limit) {
  if (record.owner == 0) return root.read(path, limit);
  return read_users_file(root, record.owner, path,
                         std::min(limit, kMaxUsersFile));
}

namespace {

// The bundle of plain runc and crun lies where its user put it.
Result<std::string> find_in_bundle(const host::Root& root,
                                   const RuntimeState& state) {
  if (!state.bundle.starts_with('/')) {
    return fail(Error::Kind::not_found, "no bundle");
  }
  std::string file = TRY(find_roots_alone(root, state.bundle + "/config.json"));
  const std::string inner = host::normal_path(state.root_folder);
  // A container whose root is the bundle may write it from inside.
  if (state.root_folder.starts_with('/') &&
      (inner == "/" || file.starts_with(inner + "/"))) {
    return fail(Error::Kind::unsupported,
                fmt::format("{} is not believed: it lies in the container's "
                            "own root",
                            printable(root.outside(file), 300)));
  }
  return file;
}

}  // namespace

Result<std::string> find_spec_file(const host::Root& root,
                                   const RuntimeRecord& record) {
  if (!record.spec_file.empty()) return record.spec_file;
  if (record.owner == 0) {
    for (const std::string_view storage : kStorages) {
      std::string path =
          fmt::format("{}/{}/userdata/config.json", storage, record.id);
      if (root.exists(path)) return path;
    }
  }
  // crun keeps a copy of what it was given.
  if (record.oci_runtime == "crun") {
    const std::string beside =
        record.state_file.substr(0, record.state_file.rfind('/') + 1) +
        "config.json";
    if (is_there(root, record.owner, beside)) return beside;
  }
  // A user's bundle may lie on a file system that never answers (a home on
  // NFS): not followed.
  if (record.owner != 0 || record.state_file.empty()) {
    return fail(Error::Kind::not_found, "no bundle");
  }
  const auto state = read_running_state(root, record);
  if (!state) return fail(Error::Kind::not_found, "no bundle");
  return find_in_bundle(root, *state);
}

}  // namespace gpuward::containers
