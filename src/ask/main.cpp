// gpuward-ask-kubelet PORT tls|plain MILLISECONDS: asks the kubelet of this
// machine, by loopback, whether its loop comes round and what became of its
// pods. The token comes by standard input. Prints one JSON object:
//
//   {"syncloop": {"status": 200, "text": "ok"} | {"error": …, "kind": …},
//    "pods": {"all": …, "unstarted": […], "rejected": …} | {"error": …, …}}
//
// Refuses to run with root's rights: whoever is root touches no network.
#include <fmt/core.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "ask/answer.h"
#include "ask/fetch.h"
#include "ask/pods.h"
#include "base/json.h"
#include "base/text.h"

namespace gpuward::ask {
namespace {

constexpr size_t kMostToken = 16 << 10;
constexpr size_t kShown = 300;

int complain(std::string_view what) {
  fmt::print(stderr, "gpuward-ask-kubelet: {}\n", what);
  return 64;
}

std::string read_token() {
  std::string out;
  std::array<char, 4096> bytes{};
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (got <= 0 || out.size() > kMostToken) break;
    out.append(bytes.data(), static_cast<size_t>(got));
  }
  return std::string(trim(out));
}

Json to_json(const Error& error) {
  Json out = Json::object();
  out.set("error", error.text);
  out.set("kind", name_of(error.kind));
  return out;
}

Result<Answer> get(const Place& place, std::string_view path,
                   std::string_view token, Boot deadline) {
  const std::string request = TRY(request_for(path, token));
  return parse_answer(TRY(fetch(place, request, deadline)));
}

Json ask_syncloop(const Place& place, std::string_view token, Boot deadline) {
  const auto answer = get(place, "/healthz/syncloop", token, deadline);
  if (!answer) return to_json(answer.error());
  Json out = Json::object();
  out.set("status", answer->status);
  out.set("text", printable(trim(answer->body), kShown));
  return out;
}

Json ask_pods(const Place& place, std::string_view token, Boot deadline) {
  const auto answer = get(place, "/pods", token, deadline);
  if (!answer) return to_json(answer.error());
  if (answer->status != 200) {
    return to_json(
        {Error::Kind::denied, 0, fmt::format("it answers {}", answer->status)});
  }
  const auto pods = read_pods(answer->body, wall_now());
  return pods ? to_json(*pods) : to_json(pods.error());
}

int run(std::string_view port, std::string_view kind,
        std::string_view patience) {
  const auto number = to_number<uint16_t>(port);
  const auto millis = to_number<int>(patience);
  const bool tls = kind == "tls";
  if (!number || !millis || *millis < 2 || (!tls && kind != "plain")) {
    return complain("usage: PORT tls|plain MILLISECONDS <TOKEN");
  }
  if (::geteuid() == 0 || ::getuid() == 0) {
    return complain("it does not run as root");
  }
  const Place place{*number, tls};
  const std::string token = read_token();
  const Boot began = BootClock::now();
  // A loop that stands must not take the time of the other question.
  const Millis half = Millis(*millis) / 2;
  Json out = Json::object();
  out.set("syncloop", ask_syncloop(place, token, began + half));
  out.set("pods", ask_pods(place, token, began + Millis(*millis)));
  fmt::print("{}\n", out.dump());
  return 0;
}

}  // namespace
}  // namespace gpuward::ask

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  if (argc != 4) return gpuward::ask::run("", "", "");
  return gpuward::ask::run(argv[1], argv[2], argv[3]);
}
