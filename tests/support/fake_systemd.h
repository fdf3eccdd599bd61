// A systemd for tests: one scope, on the private socket below a root of files.
// A process of its own that serves one connection after the other.
#pragma once

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace gpuward {

class FakeSystemd {
 public:
  using List = std::vector<std::pair<std::string, std::string>>;
  enum class Quirk {
    none,
    silent,        // accepts and says nothing
    deaf,          // says yes and changes nothing
    ends_the_unit  // the scope is gone once its list was set
  };
  struct Scope {
    std::string unit;
    std::string group;
    std::string policy = "strict";
    List allow;
    Quirk quirk = Quirk::none;
  };

  FakeSystemd(const std::string& root, Scope scope) : scope_(std::move(scope)) {
    const std::string folder = root + "/run/systemd";
    std::filesystem::create_directories(folder);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    ::strncpy(name.sun_path, (folder + "/private").c_str(),
              sizeof name.sun_path - 1);
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&name), sizeof name) ||
        ::listen(listener_, 8)) {
      ::abort();
    }
    pid_ = ::fork();
    if (pid_ != 0) return;
    for (;;) serve(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
  }
  ~FakeSystemd() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::close(listener_);
  }
  FakeSystemd(const FakeSystemd&) = delete;
  FakeSystemd& operator=(const FakeSystemd&) = delete;

 private:
  void serve(int fd) {
    if (scope_.quirk == Quirk::silent) {
      for (;;) ::pause();
    }
    sd_bus* bus = nullptr;
    sd_id128_t id{};
    ::sd_id128_randomize(&id);
    ::sd_bus_new(&bus);
    ::sd_bus_set_fd(bus, fd, fd);
    ::sd_bus_set_server(bus, 1, id);
    ::sd_bus_set_trusted(bus, 1);
    ::sd_bus_add_filter(bus, nullptr, &FakeSystemd::heard, this);
    ::sd_bus_start(bus);
    for (;;) {
      const int done = ::sd_bus_process(bus, nullptr);
      if (done < 0 || ::sd_bus_is_open(bus) <= 0) break;
      if (done == 0) ::sd_bus_wait(bus, UINT64_MAX);
    }
    ::sd_bus_close_unref(bus);
  }

  static int heard(sd_bus_message* message, void* self, sd_bus_error* error) {
    return static_cast<FakeSystemd*>(self)->answer(message, error);
  }
  int answer(sd_bus_message* message, sd_bus_error* error) {
    if (::sd_bus_message_is_method_call(message, nullptr, "GetUnit") > 0) {
      return get_unit(message, error);
    }
    if (::sd_bus_message_is_method_call(message, nullptr, "Get") > 0) {
      return get(message);
    }
    if (::sd_bus_message_is_method_call(message, nullptr, "SetUnitProperties") >
        0) {
      return set(message, error);
    }
    return 0;
  }
  int missing(sd_bus_error* error) const {
    return ::sd_bus_error_set(error, "org.freedesktop.systemd1.NoSuchUnit",
                              "Unit not loaded.");
  }
  int get_unit(sd_bus_message* message, sd_bus_error* error) {
    const char* unit = nullptr;
    ::sd_bus_message_read(message, "s", &unit);
    if (gone_ || scope_.unit != unit) return missing(error);
    return ::sd_bus_reply_method_return(message, "o", path().c_str());
  }
  int get(sd_bus_message* message) {
    const char* interface = nullptr;
    const char* name = nullptr;
    ::sd_bus_message_read(message, "ss", &interface, &name);
    if (!::strcmp(name, "DevicePolicy")) {
      return ::sd_bus_reply_method_return(message, "v", "s",
                                          scope_.policy.c_str());
    }
    if (!::strcmp(name, "ControlGroup")) {
      return ::sd_bus_reply_method_return(message, "v", "s",
                                          scope_.group.c_str());
    }
    sd_bus_message* reply = nullptr;
    ::sd_bus_message_new_method_return(message, &reply);
    ::sd_bus_message_open_container(reply, 'v', "a(ss)");
    ::sd_bus_message_open_container(reply, 'a', "(ss)");
    for (const auto& [node, access] : scope_.allow) {
      ::sd_bus_message_append(reply, "(ss)", node.c_str(), access.c_str());
    }
    ::sd_bus_message_close_container(reply);
    ::sd_bus_message_close_container(reply);
    const int sent =
        ::sd_bus_send(::sd_bus_message_get_bus(message), reply, nullptr);
    ::sd_bus_message_unref(reply);
    return sent < 0 ? sent : 1;
  }
  int set(sd_bus_message* message, sd_bus_error* error) {
    const char* unit = nullptr;
    int runtime = 0;
    ::sd_bus_message_read(message, "sb", &unit, &runtime);
    if (gone_ || scope_.unit != unit) return missing(error);
    ::sd_bus_message_enter_container(message, 'a', "(sv)");
    while (::sd_bus_message_enter_container(message, 'r', "sv") > 0) {
      const char* name = nullptr;
      ::sd_bus_message_read(message, "s", &name);
      ::sd_bus_message_enter_container(message, 'v', "a(ss)");
      take(message);
      ::sd_bus_message_exit_container(message);
      ::sd_bus_message_exit_container(message);
    }
    if (scope_.quirk == Quirk::ends_the_unit) gone_ = true;
    ::sd_bus_emit_signal(::sd_bus_message_get_bus(message), path().c_str(),
                         "org.freedesktop.DBus.Properties", "PropertiesChanged",
                         "sa{sv}as", "org.freedesktop.systemd1.Scope", 0, 0);
    return ::sd_bus_reply_method_return(message, "");
  }
  // As bus_cgroup_set_property does it: an empty array empties the list, an
  // entry that is there takes the new access.
  void take(sd_bus_message* message) {
    List entries;
    const char* node = nullptr;
    const char* access = nullptr;
    ::sd_bus_message_enter_container(message, 'a', "(ss)");
    while (::sd_bus_message_read(message, "(ss)", &node, &access) > 0) {
      entries.emplace_back(node, access);
    }
    ::sd_bus_message_exit_container(message);
    if (scope_.quirk == Quirk::deaf) return;
    if (entries.empty()) scope_.allow.clear();
    for (const auto& entry : entries) {
      std::erase_if(scope_.allow, [&entry](const auto& each) {
        return each.first == entry.first;
      });
      scope_.allow.insert(scope_.allow.begin(), entry);
    }
  }
  std::string path() const {
    char* encoded = nullptr;
    ::sd_bus_path_encode("/org/freedesktop/systemd1/unit", scope_.unit.c_str(),
                         &encoded);
    std::string out = encoded;
    ::free(encoded);
    return out;
  }

  Scope scope_;
  bool gone_ = false;
  int listener_ = -1;
  pid_t pid_ = 0;
};

}  // namespace gpuward
