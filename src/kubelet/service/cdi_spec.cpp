#include "kubelet/service/cdi_spec.h"

#include <fmt/core.h>

#include <filesystem>
#include <map>
#include <vector>

#include "base/side_thread.h"
#include "base/text.h"
#include "containers/roots_alone.h"
#include "kubelet/plugin/answer.h"
#include "kubelet/plugin/unnamed.h"
#include "loop/inbox.h"
#include "probe/turn.h"

namespace gpuward::kubelet::service {
namespace {

// NVML's start and a look at each GPU are in it.
constexpr Millis kDeadline = 60s;
constexpr Millis kFirstPause = 5s;
constexpr Millis kLongestPause = 5min;
constexpr std::string_view kDirectory = "/var/run/cdi";

std::string spec_name() {
  return fmt::format("{}-{}.json", plugin::kCdiVendor, plugin::kCdiClass);
}

// What the specification is about, UUID → its name there: it is made anew when
// this changes.
using Described = std::map<std::string, std::string>;

Described devices_of(const plugin::Inventory& inventory, bool by_index) {
  Described out;
  for (const plugin::KnownGpu& gpu : inventory.gpus) {
    out[gpu.uuid] = by_index ? std::to_string(gpu.index) : gpu.uuid;
    for (const MigDevice& mig : gpu.mig) {
      out[mig.uuid] =
          by_index ? fmt::format("{}:{}", gpu.index, mig.index) : mig.uuid;
    }
  }
  return out;
}

// The setting names what specifications call as their hook, which may be
// nvidia-cdi-hook: then NVIDIA's tool lies beside it, or where packages put it.
Result<std::string> find_tool(const host::Root& root, const std::string& hook) {
  constexpr std::string_view kTool = "nvidia-ctk";
  const std::string beside =
      hook.substr(0, hook.rfind('/') + 1) + std::string(kTool);
  auto found = containers::find_roots_alone(root, beside);
  if (found || found.error().kind != Error::Kind::not_found) return found;
  return containers::find_roots_alone(root, "/usr/bin/nvidia-ctk");
}

std::string first_line(std::string_view text) {
  return printable(trim(text.substr(0, text.find('\n'))), 300);
}

}  // namespace

// Left behind where the thread is stuck: see SideThread.
struct CdiSpec::State {
  State(const host::Host& of, record::CallLog& to, const plugin::Settings& by)
      : host(of), log(to), settings(by) {}

  void make();
  std::vector<std::string> command(const std::string& program,
                                   const std::string& output) const;
  // On the thread; what went wrong.
  Result<void> run() const;
  void made(const Described& devices, const Result<void>& result);

  const host::Host& host;
  record::CallLog& log;
  const plugin::Settings& settings;
  Described wanted;  // devices_of() the newest inventory
  Described has;     // and of the specification that is there
  bool is_making = false;
  Boot next_try{};
  Millis pause = kFirstPause;
  std::unique_ptr<loop::Inbox> inbox;
  SideThread thread{1};
};

std::vector<std::string> CdiSpec::State::command(
    const std::string& program, const std::string& output) const {
  std::vector<std::string> out = {program,
                                  "cdi",
                                  "generate",
                                  "--output",
                                  output,
                                  "--format",
                                  "json",
                                  "--vendor",
                                  std::string(plugin::kCdiVendor),
                                  "--class",
                                  std::string(plugin::kCdiClass),
                                  "--device-name-strategy",
                                  settings.ids_by_index ? "index" : "uuid",
                                  "--driver-root",
                                  settings.driver_root,
                                  "--dev-root",
                                  settings.dev_root,
                                  "--nvidia-cdi-hook-path",
                                  settings.cdi_hook_path};
  for (const std::string& hook : settings.cdi_disabled_hooks) {
    out.insert(out.end(), {"--disable-hook", hook});
  }
  for (const std::string& flag : settings.cdi_feature_flags) {
    out.insert(out.end(), {"--feature-flags", flag});
  }
  return out;
}

Result<void> CdiSpec::State::run() const {
  const host::Root& root = host.evidence;
  const std::string program =
      root.outside(TRY(find_tool(root, settings.cdi_hook_path)));
  const std::string folder = root.outside(kDirectory);
  std::error_code error;
  // A runtime reads the directory at any moment, but none below it: the file
  // comes as a whole.
  std::filesystem::create_directories(folder + "/.gpuward", error);
  const std::string fresh = folder + "/.gpuward/" + spec_name();
  std::filesystem::remove(fresh, error);
  const probe::Request request{.kind = probe::Request::Kind::tool,
                               .argv = command(program, fresh)};
  const auto asked = TRY(probe::ask_in_turn(host, {request}, kDeadline, 1.0));
  const Reading& answer = asked.answers.front();
  if (answer.state != Reading::State::value) {
    return fail(Error::Kind::system,
                "nvidia-ctk cdi generate: " + first_line(answer.why));
  }
  std::filesystem::rename(fresh, folder + "/" + spec_name(), error);
  if (!error) return {};
  return fail(Error::Kind::system,
              fmt::format("nvidia-ctk cdi generate left no file: {}",
                          first_line(to_text(answer.value))));
}

void CdiSpec::State::make() {
  is_making = true;
  thread.post([this, devices = wanted] {
    inbox->post([this, devices, result = run()] { made(devices, result); });
  });
}

void CdiSpec::State::made(const Described& devices,
                          const Result<void>& result) {
  is_making = false;
  if (result) {
    has = devices;
    pause = kFirstPause;
    return log.event("cdi-specification", {}, "made for the devices of now");
  }
  log.event("cdi-specification-failed", {}, result.error().text);
  next_try = BootClock::now() + pause;
  pause = std::min(pause * 2, kLongestPause);
}

Result<std::unique_ptr<CdiSpec>> CdiSpec::start(
    loop::Loop& loop, const host::Host& host, record::CallLog& log,
    const plugin::Settings& settings) {
  auto state = std::make_unique<State>(host, log, settings);
  state->inbox = TRY(loop::Inbox::open(loop));
  return std::unique_ptr<CdiSpec>(new CdiSpec(std::move(state)));
}

CdiSpec::CdiSpec(std::unique_ptr<State> state) : state_(std::move(state)) {}

CdiSpec::~CdiSpec() {
  if (!state_->thread.finish()) (void)state_.release();
}

void CdiSpec::update(const plugin::Inventory& inventory) {
  state_->wanted = devices_of(inventory, state_->settings.ids_by_index);
  if (state_->is_making || state_->wanted == state_->has ||
      state_->wanted.empty() || BootClock::now() < state_->next_try) {
    return;
  }
  state_->make();
}

std::string CdiSpec::problem_of(const plugin::Resource& resource) const {
  for (const plugin::PluginDevice& device : resource.devices) {
    if (device.uuid.starts_with(plugin::kUnnamed)) continue;  // never healthy
    const auto found = state_->has.find(device.uuid);
    const auto& name =
        state_->settings.ids_by_index ? device.index : device.uuid;
    if (found == state_->has.end() || found->second != name) {
      return "the CDI specification, by which containers are given their "
             "devices, does not have all of them yet";
    }
  }
  return {};
}

}  // namespace gpuward::kubelet::service
