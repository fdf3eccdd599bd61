// test_kubelet --dir DIR: a kubelet as far as device plugins can tell, led by
// lines. conformance.py is its user; the commands stand in serve() below.
//
// It deletes every socket in DIR and makes kubelet.sock, as the real one does
// at its start. Pods are admitted one after the other by one thread, which
// waits for a plugin as long as the plugin likes.
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "base/text.h"
#include "kubelet/device_manager.h"
#include "kubelet/lines.h"
#include "kubelet/registrar.h"
#include "kubelet/sync_loop.h"

namespace gpuward::kubelet_test {
namespace {

namespace fs = std::filesystem;

Millis millis_of(double seconds) {
  return Millis(static_cast<int64_t>(seconds * 1000));
}

// "POD RESOURCE N …"; '/' begins the next container, 'init' makes it one.
Result<Pod> pod_of(const Line& line) {
  Pod pod{line.word(1), {{}}};
  for (size_t at = 2; at < line.words.size(); ++at) {
    const std::string word = line.word(at);
    if (word == "/") {
      pod.containers.emplace_back();
    } else if (word == "init") {
      pod.containers.back().init = true;
    } else if (!word.contains('=')) {
      const auto count = to_number<int>(line.word(++at));
      if (!count) {
        return fail(Error::Kind::malformed, word + " needs a number");
      }
      pod.containers.back().wishes.push_back({word, *count});
    }
  }
  if (pod.name.empty()) return fail(Error::Kind::malformed, "no pod is named");
  return pod;
}

// "healthy=3", "registrations>=2", "stream=ended".
bool holds(const Json& resource, std::string_view condition) {
  const size_t equals = condition.find('=');
  if (equals == std::string_view::npos) return true;
  const bool at_least = equals > 0 && condition[equals - 1] == '>';
  const Json& is =
      resource[condition.substr(0, at_least ? equals - 1 : equals)];
  const std::string_view wanted = condition.substr(equals + 1);
  if (is.is_string()) return is.as_string() == wanted;
  const auto number = to_number<int64_t>(wanted);
  if (!number || !is.is_integer()) return false;
  return at_least ? is.as_integer() >= *number : is.as_integer() == *number;
}

class Kubelet {
 public:
  Kubelet(const Settings& settings, std::vector<std::string> command)
      : dir_(settings.dir),
        command_(std::move(command)),
        manager_(settings),
        registrar_(manager_, settings.dir + "kubelet.sock"),
        loop_(manager_) {}

  // `twice`: the socket is made again at once, as some kubelets do.
  Result<void> open(bool twice) {
    delete_sockets();
    TRY_VOID(registrar_.open());
    if (!twice) return {};
    std::this_thread::sleep_for(50ms);
    registrar_.close();
    return registrar_.open();
  }

  void serve() {
    const auto bound = [this](Json (Kubelet::*command)(const Line&)) {
      return
          [this, command](const Line& line) { return (this->*command)(line); };
    };
    serve_lines({
        // admit POD RESOURCE N … [within=SECONDS]
        {"admit", bound(&Kubelet::admit)},
        {"admit-async", bound(&Kubelet::admit_async)},
        {"result", bound(&Kubelet::result)},  // result POD SECONDS
        {"start", bound(&Kubelet::start)},    // start POD: PreStartContainer
        {"remove", bound(&Kubelet::remove)},  // remove POD
        {"state", bound(&Kubelet::state)},
        {"wait", bound(&Kubelet::wait)},  // wait RESOURCE CONDITION… SECONDS
        {"history", bound(&Kubelet::history)},  // history RESOURCE
        {"invariants", bound(&Kubelet::invariants)},
        {"calls", bound(&Kubelet::calls)},  // calls [clear]
        {"hammer",
         bound(&Kubelet::hammer)},          // hammer RESOURCE METHOD N CALLERS
        {"call", bound(&Kubelet::call)},    // call SOCKET METHOD HEX SECONDS
        {"watch", bound(&Kubelet::watch)},  // watch SOCKET SECONDS
        {"register",
         bound(&Kubelet::registering)},         // register refuse|hold|accept
        {"restart", bound(&Kubelet::restart)},  // restart [pause=S] [twice]
        {"socket", bound(&Kubelet::socket)},    // socket close|open
    });
  }

 private:
  Json admit(const Line& line) {
    const auto pod = pod_of(line);
    if (!pod) return said_error(pod.error().text);
    loop_.add(*pod);
    const auto within = to_double(line.value("within").value_or("60"));
    return loop_.result(pod->name, millis_of(within.value_or(60)));
  }
  Json admit_async(const Line& line) {
    const auto pod = pod_of(line);
    if (!pod) return said_error(pod.error().text);
    loop_.add(*pod);
    return said_ok();
  }
  Json result(const Line& line) {
    return loop_.result(line.word(1),
                        millis_of(to_double(line.word(2)).value_or(0)));
  }
  Json start(const Line& line) {
    const Verdict verdict = manager_.start(line.word(1));
    Json out = Json::object();
    out.set("started", verdict.error.empty());
    out.set("error", verdict.error);
    out.set("seconds", verdict.seconds);
    return out;
  }
  Json remove(const Line& line) {
    loop_.remove(line.word(1));
    return said_ok();
  }
  Json state(const Line&) {
    Json out = manager_.state();
    out.set("waiting", static_cast<int64_t>(loop_.waiting()));
    out.set("asked", registrar_.asked());
    return out;
  }
  Json wait(const Line& line) {
    const auto limit = to_double(line.words.back());
    if (!limit || line.words.size() < 3) return said_error("no limit");
    const double began = seconds_now();
    Json last;
    const bool reached = manager_.wait(
        line.word(1),
        [&](const Json& resource) {
          last = resource;
          return std::all_of(
              line.words.begin() + 2, line.words.end() - 1,
              [&](const auto& word) { return holds(resource, word); });
        },
        millis_of(*limit));
    last.set("reached", reached);
    last.set("seconds", seconds_now() - began);
    return last;
  }
  Json history(const Line& line) { return manager_.history(line.word(1)); }
  Json invariants(const Line&) { return manager_.invariants(); }
  Json calls(const Line& line) {
    if (line.word(1) == "clear") {
      manager_.calls().clear();
      return said_ok();
    }
    return manager_.calls().json();
  }
  Json hammer(const Line& line) {
    return manager_.hammer(line.word(1), full_name(line.word(2)),
                           to_number<int>(line.word(3)).value_or(0),
                           to_number<int>(line.word(4)).value_or(1));
  }

  // Past everything: bytes to any socket, bytes back.
  Json call(const Line& line) {
    const auto request = from_hex(line.word(3) == "-" ? "" : line.word(3));
    const auto limit = to_double(line.word(4));
    if (!request || !limit) return said_error("call SOCKET METHOD HEX SECONDS");
    Connection connection(path_of(line.word(1)),
                          line.value("authority").value_or(""));
    const double began = seconds_now();
    const Reply reply =
        connection.call(full_name(line.word(2)), *request, millis_of(*limit));
    Json out = Json::object();
    out.set("code", reply.status.code);
    out.set("text", reply.status.text);
    out.set("response", to_hex(reply.bytes));
    out.set("seconds", seconds_now() - began);
    return out;
  }
  // A ListAndWatch of one's own, for that long: what came, and when.
  Json watch(const Line& line) {
    Connection connection(path_of(line.word(1)), "");
    const auto limit = to_double(line.word(2)).value_or(1);
    std::jthread timer([&connection, limit](const std::stop_token& stop) {
      const double end = seconds_now() + limit;
      while (seconds_now() < end && !stop.stop_requested()) {
        std::this_thread::sleep_for(5ms);
      }
      connection.cancel();
    });
    const double began = seconds_now();
    Json messages = Json::array();
    const Status how =
        connection.watch(method::kWatch, {}, [&](const std::string& bytes) {
          Json one = Json::object();
          one.set("at", seconds_now() - began);
          one.set("bytes", to_hex(bytes));
          messages.push(std::move(one));
        });
    timer.request_stop();
    Json out = Json::object();
    out.set("messages", std::move(messages));
    out.set("code", how.code);
    out.set("text", how.text);
    return out;
  }

  Json registering(const Line& line) {
    const std::string what = line.word(1);
    registrar_.hold(what == "hold");
    registrar_.refuse(what == "refuse" ? "refused by the test" : "");
    return said_ok();
  }
  // The socket alone, while the kubelet's streams stay.
  Json socket(const Line& line) {
    if (line.word(1) == "close") {
      registrar_.close();
      return said_ok();
    }
    const auto opened = registrar_.open();
    return opened ? said_ok() : said_error(opened.error().text);
  }

  // Everything but the checkpoint is gone, as in a real restart.
  Json restart(const Line& line) {
    std::vector<std::string> command = command_;
    command.insert(command.end(),
                   {"--pause", line.value("pause").value_or("0")});
    if (std::ranges::count(line.words, "twice") != 0) {
      command.emplace_back("--twice");
    }
    std::vector<char*> words;
    for (std::string& word : command) words.push_back(word.data());
    words.push_back(nullptr);
    ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    ::execv(words[0], words.data());
    return said_error("cannot execute myself");
  }

  std::string path_of(const std::string& socket) const {
    return socket.starts_with("/") ? socket : dir_ + socket;
  }
  static std::string full_name(const std::string& method) {
    return method.starts_with("/") ? method : "/v1beta1.DevicePlugin/" + method;
  }

  void delete_sockets() const {
    std::vector<fs::path> sockets;
    std::error_code ignored;  // those that others have deleted meanwhile
    for (const auto& entry : fs::directory_iterator(dir_, ignored)) {
      if (entry.is_socket(ignored)) sockets.push_back(entry.path());
    }
    for (const fs::path& each : sockets) fs::remove(each, ignored);
  }

  const std::string dir_;
  const std::vector<std::string> command_;
  DeviceManager manager_;
  Registrar registrar_;
  SyncLoop loop_;
};

int complain(const std::string& text) {
  ::fprintf(stderr, "test_kubelet: %s\n", text.c_str());
  return 64;
}

Settings settings_of(const Options& options) {
  Settings out;
  out.dir = options.text("--dir") + "/";
  out.authority = options.text("--authority", "localhost");
  const std::string streams = options.text("--streams", "replace");
  out.streams = streams == "by-name"   ? Streams::by_name
                : streams == "by-path" ? Streams::by_path
                                       : Streams::replace;
  out.grace = millis_of(options.number("--grace", 300));
  out.dial_limit = millis_of(options.number("--dial", 10));
  out.prestart_limit = millis_of(options.number("--prestart-deadline", 30));
  out.numa_aligned = options.has("--numa-aligned");
  out.seed = static_cast<unsigned>(options.number("--seed", 1));
  return out;
}

int run(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  const auto options =
      Options::parse(argc, argv,
                     {"--dir", "--authority", "--streams", "--grace", "--dial",
                      "--prestart-deadline", "--seed", "--pause",
                      "--numa-aligned!", "--twice!"});
  if (!options) return complain(options.error().text);
  if (!options->has("--dir")) return complain("--dir is needed");
  std::this_thread::sleep_for(millis_of(options->number("--pause", 0)));
  std::vector<std::string> command(argv, argv + argc);
  // Those of the last restart are not those of the next.
  const auto last = std::ranges::find(command, "--pause");
  command.erase(last, command.end());
  // Never destroyed: threads of calls that hang go on.
  auto* kubelet = new Kubelet(settings_of(*options), std::move(command));
  const auto opened = kubelet->open(options->has("--twice"));
  if (!opened) return complain(opened.error().text);
  answer(said_ok());
  kubelet->serve();
  return 0;
}

}  // namespace
}  // namespace gpuward::kubelet_test

int main(int argc, char** argv) {
  const int code = gpuward::kubelet_test::run(argc, argv);
  ::fflush(stdout);
  ::_exit(code);
}
