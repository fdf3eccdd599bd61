#include "kubelet/service/device_plugin.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "kubelet/plugin/saved_state.h"
#include "kubelet/plugin/unnamed.h"

namespace gpuward::kubelet::service {
namespace {

constexpr const char* kState = "/inventory.json";
constexpr const char* kStatus = "/device-plugin.json";
// Who reads the status tells by its time whether anybody runs.
constexpr Millis kTellAgain = 1min;
// So long a start waits for the first snapshot, lest devices that are well be
// Unhealthy for a moment. An agent's file is read in a fraction of that.
constexpr Millis kFirstNews = 500ms;
// So long a resource that is no more still tells the kubelet that it has none.
constexpr Millis kFarewell = 2s;

std::string directory_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

}  // namespace

Result<std::unique_ptr<DevicePlugin>> DevicePlugin::start(
    loop::Loop& loop, const host::Host& host, Wanted wanted) {
  if (wanted.settings.kubelet_socket.empty()) {
    return fail(Error::Kind::malformed,
                "without a kubelet's socket (--kubelet-socket) there is nobody "
                "to serve");
  }
  std::error_code error;
  std::filesystem::create_directories(wanted.state_dir, error);
  if (!std::filesystem::is_directory(wanted.state_dir)) {
    return fail(Error::Kind::system,
                fmt::format("cannot make the directory {}: {}",
                            wanted.state_dir, error.message()));
  }
  std::unique_ptr<DevicePlugin> plugin(
      new DevicePlugin(loop, host, std::move(wanted)));
  DevicePlugin* self = plugin.get();
  self->recall();
  if (self->wanted_.settings.list.any_cdi()) {
    self->cdi_ =
        TRY(CdiSpec::start(loop, host, self->log_, self->wanted_.settings));
  }
  self->reader_ =
      TRY(SnapshotReader::start(loop, host, [self](SnapshotReader::News news) {
        self->hear(std::move(news));
      }));
  self->snapshot_watch_ = TRY(registration::SocketWatch::start(
      loop, host.run_dir, [self] { self->reader_->look(); }));
  self->kubelet_watch_ = TRY(registration::SocketWatch::start(
      loop, directory_of(self->wanted_.settings.kubelet_socket),
      [self] { self->look(); }));
  return plugin;
}

DevicePlugin::DevicePlugin(loop::Loop& loop, const host::Host& host,
                           Wanted wanted)
    : loop_(loop),
      host_(host),
      wanted_(std::move(wanted)),
      files_([](const std::string& text) {
        fmt::print(stderr, "gpuward device-plugin: {}\n", text);
      }),
      started_(loop_.now()) {}

DevicePlugin::~DevicePlugin() = default;

void DevicePlugin::recall() {
  auto text = record::kept_text(wanted_.state_dir + kState);
  if (text && text->empty()) return;
  auto saved =
      text ? plugin::saved_state_from(*text) : std::unexpected(text.error());
  if (!saved) return log_.event("state-unreadable", {}, saved.error().text);
  saved_text_ = std::move(*text);
  inventory_ = std::move(saved->inventory);
  health_ = std::move(saved->health);
}

// Something changed in the kubelet's directory, or a second has passed.
void DevicePlugin::look() {
  const bool is_waiting = !has_heard_ && loop_.now() - started_ < kFirstNews;
  if (!is_waiting) judge();
  for (const auto& [name, offer] : offers_) offer->look();
  std::erase_if(leaving_, [this](const std::unique_ptr<Offer>& offer) {
    return loop_.now() - offer->withdrawn_at() > kFarewell;
  });
  tell();
}

void DevicePlugin::tell() {
  Json resources = Json::object();
  for (const auto& [name, offer] : offers_) {
    resources.set(name, offer->status());
  }
  const Boot now = loop_.now();
  if (resources == told_ && now - told_at_ < kTellAgain) return;
  told_ = resources;
  told_at_ = now;
  Json status = Json::object();
  status.set("schema", 1);
  status.set("at", to_iso(wall_now()));
  status.set("resources", std::move(resources));
  status.set("log_lines_dropped", log_.dropped_lines());
  files_.replace(wanted_.state_dir + kStatus, status.dump(2) + "\n", true);
}

void DevicePlugin::hear(SnapshotReader::News news) {
  has_heard_ = true;
  if (!news.is_as_before) places_ = std::move(news.places);
  if (news.snapshot) {
    auto [inventory, changes] =
        plugin::update(inventory_, *news.snapshot, places_);
    inventory_ = std::move(inventory);
    for (const std::string& change : changes) {
      log_.event("inventory", {}, change);
    }
    snapshot_ = std::move(news.snapshot);
  } else if (!news.is_as_before) {
    snapshot_.reset();
    if (news.why_none != why_none_) {
      log_.event("no-snapshot", {}, news.why_none);
    }
  }
  why_none_ = std::move(news.why_none);
  judge();
}

void DevicePlugin::judge() {
  health_ = plugin::fold(std::move(health_), {.inventory = inventory_,
                                              .snapshot = snapshot_.get(),
                                              .now = loop_.now(),
                                              .wall_now = wall_now(),
                                              .settings = wanted_.settings});
  offer();
  save();
}

// Those without a name are no part of the inventory: health knows nothing of
// them, so that they are never healthy, and they are not saved.
plugin::Inventory DevicePlugin::listed() const {
  plugin::Inventory out = inventory_;
  for (plugin::KnownGpu& gpu :
       plugin::unnamed_gpus(inventory_, snapshot_.get(), places_,
                            wanted_.settings.mig_strategy)) {
    out.gpus.push_back(std::move(gpu));
  }
  return out;
}

void DevicePlugin::offer() {
  const plugin::Inventory inventory = listed();
  plugin::Resources resources =
      plugin::resources_of(inventory, wanted_.settings);
  if (cdi_) cdi_->update(inventory_);
  let_go_of_others(resources.list);
  for (plugin::Resource& resource : resources.list) {
    if (cdi_ && resource.problem.empty()) {
      resource.problem = cdi_->problem_of(resource);
    }
    auto& offer = offers_[resource.name];
    const bool is_new = !offer;
    if (is_new) {
      offer =
          std::make_unique<Offer>(Offer::Context{.loop = loop_,
                                                 .log = log_,
                                                 .host = host_,
                                                 .settings = wanted_.settings,
                                                 .health = health_},
                                  resource.name);
    }
    offer->update(resource, inventory);
    if (is_new) offer->look();
  }
  if (resources.notes == notes_) return;
  notes_ = std::move(resources.notes);
  for (const std::string& note : notes_) log_.event("not-offered", {}, note);
}

void DevicePlugin::let_go_of_others(
    const std::vector<plugin::Resource>& wanted) {
  for (auto at = offers_.begin(); at != offers_.end();) {
    const bool is_wanted =
        std::ranges::find(wanted, at->first, &plugin::Resource::name) !=
        wanted.end();
    if (is_wanted) {
      ++at;
      continue;
    }
    log_.event("resource-gone", at->first, {});
    at->second->withdraw();
    leaving_.push_back(std::move(at->second));
    at = offers_.erase(at);
  }
}

void DevicePlugin::save() {
  std::string text = to_text(inventory_, health_);
  if (text == saved_text_) return;
  saved_text_ = text;
  files_.replace(wanted_.state_dir + kState, std::move(text));
}

}  // namespace gpuward::kubelet::service
