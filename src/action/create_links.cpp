#include "action/create_links.h"

#include <fmt/core.h>

#include <optional>

#include "base/text.h"
#include "host/edit.h"

namespace gpuward::action {
namespace {

constexpr std::string_view kName = "create-device-links";

using State = evidence::DeviceLink::State;
using What = LinkOutcome::What;

Result<void> put(const host::Root& root, const std::string& path,
                 const std::string& target) {
  const auto made = host::make_link(root, path, target);
  if (made || made.error().kind != Error::Kind::not_found) return made;
  TRY_VOID(host::make_folder(root, path.substr(0, path.rfind('/'))));
  return host::make_link(root, path, target);
}

LinkOutcome failed(LinkOutcome outcome, const Error& error) {
  outcome.what = What::failed;
  outcome.why = error.text;
  outcome.error = error.kind;
  return outcome;
}

LinkOutcome put_one(const host::Root& root, const evidence::DeviceLink& link,
                    Do how) {
  LinkOutcome out{.path = link.path,
                  .target = link.node.path,
                  .was = link.points_at,
                  .node_exists = link.node.exists};
  if (link.state == State::present) return out;
  if (link.state == State::blocked) {
    return failed(out, {Error::Kind::busy, 0,
                        link.path + " is no link: it is left as it is"});
  }
  out.what = link.state == State::missing ? What::made : What::replaced;
  if (how == Do::nothing) return out;
  const auto done = put(root, link.path, link.node.path);
  return done ? out : failed(out, done.error());
}

LinkOutcome remove_stale(const host::Root& root,
                         const evidence::StaleLink& link, Do how) {
  LinkOutcome out{.what = What::removed,
                  .path = link.path,
                  .was = link.points_at,
                  .why = link.why};
  // Somebody may have put a right one there meanwhile.
  const auto now = root.read_link(link.path);
  if (how == Do::nothing || !now || *now != link.points_at) return out;
  const auto done = host::remove_file(root, link.path);
  return done ? out : failed(out, done.error());
}

// One entry of a step's arguments.
struct Wanted {
  std::string path;
  std::string target;
  evidence::NvidiaNode node;
};

// The name of the link says which numbers its node must have.
Result<Wanted> wanted_of(const Json& entry) {
  Wanted out{.path = std::string(entry["path"].as_string()),
             .target = std::string(entry["target"].as_string())};
  const auto numbers = evidence::device_numbers(
      std::string_view(out.path).substr(out.path.rfind('/') + 1));
  if (!out.path.starts_with('/') || !out.target.starts_with('/') || !numbers) {
    return fail(Error::Kind::malformed,
                "no link of a device: " + printable(entry.dump(), 200));
  }
  out.node = {.path = out.target, .numbers = *numbers};
  return out;
}

Result<std::vector<Wanted>> wanted_of(const Step& step) {
  std::vector<Wanted> out;
  for (const Json& entry : step.arguments["links"].as_array()) {
    out.push_back(TRY(wanted_of(entry)));
  }
  if (out.empty()) return fail(Error::Kind::malformed, "no links are named");
  return out;
}

// A plain file stands for the node in a tree that cannot hold any.
evidence::NvidiaNode with_stand_in(const host::Root& root,
                                   evidence::NvidiaNode node) {
  const auto status = root.lstat(node.path);
  node.stand_in = status && S_ISREG(status->st_mode);
  return node;
}

State state_of(const host::Root& root, const Wanted& wanted) {
  return evidence::state_of_link(root, wanted.path,
                                 with_stand_in(root, wanted.node));
}

Result<Action::Checked> check(const host::Host& host, const Step& step) {
  const auto all = TRY(wanted_of(step));
  Action::Checked out{.already = true};
  Json former = Json::array();
  for (const Wanted& wanted : all) {
    const State state = state_of(host.evidence, wanted);
    if (state == State::blocked) {
      return fail(Error::Kind::busy,
                  wanted.path + " is no link: it is left as it is");
    }
    if (state == State::present) continue;
    out.already = false;
    Json entry = Json::object();
    entry.set("path", wanted.path);
    entry.set("target", wanted.target);
    const auto points_at = host.evidence.read_link(wanted.path);
    entry.set("former", points_at ? Json(*points_at) : Json());
    former.push(std::move(entry));
  }
  out.undo.set("links", std::move(former));
  if (out.already) out.text = "all links are there and right";
  return out;
}

Result<void> run(const host::Host& host, const Step& step) {
  const auto all = TRY(wanted_of(step));
  for (const Wanted& wanted : all) {
    if (state_of(host.evidence, wanted) == State::present) continue;
    TRY_VOID(put(host.evidence, wanted.path, wanted.target));
  }
  return {};
}

Result<std::string> verify(const host::Host& host, const Step& step) {
  const auto all = TRY(wanted_of(step));
  for (const Wanted& wanted : all) {
    if (state_of(host.evidence, wanted) == State::present) continue;
    return fail(Error::Kind::not_found,
                fmt::format("{} does not lead to a device with the numbers {}",
                            wanted.path, in_words(wanted.node.numbers)));
  }
  return fmt::format("{} links lead to their nodes", all.size());
}

// Only what still is as run() left it: whoever changed a link since then knew
// better.
Result<void> undo(const host::Host& host, const Step&, const Json& undo) {
  for (const Json& entry : undo["links"].as_array()) {
    const std::string path(entry["path"].as_string());
    const auto now = host.evidence.read_link(path);
    if (!now || *now != entry["target"].as_string()) continue;
    TRY_VOID(
        entry["former"].is_string()
            ? host::make_link(host.evidence, path, entry["former"].as_string())
            : host::remove_file(host.evidence, path));
  }
  return {};
}

}  // namespace

std::vector<LinkOutcome> put_links(const host::Root& root,
                                   const evidence::DevCharLinks& found,
                                   Do how) {
  std::vector<LinkOutcome> out;
  for (const evidence::StaleLink& link : found.stale) {
    out.push_back(remove_stale(root, link, how));
  }
  for (const evidence::DeviceLink& link : found.links) {
    out.push_back(put_one(root, link, how));
  }
  return out;
}

Step create_links_step(const evidence::DevCharLinks& found) {
  Step step{.action = std::string(kName)};
  Json links = Json::array();
  for (const evidence::DeviceLink& link : found.links) {
    const bool is_bad =
        link.state == State::missing || link.state == State::wrong;
    if (!is_bad || !link.node.exists) continue;
    Json entry = Json::object();
    entry.set("path", link.path);
    entry.set("target", link.node.path);
    links.push(std::move(entry));
  }
  step.text =
      fmt::format("make {} links in /dev/char", links.as_array().size());
  step.arguments.set("links", std::move(links));
  return step;
}

Action create_device_links() {
  return {
      .name = kName,
      .what = "make links in /dev/char for device nodes",
      .ends_with_boot = true,
      .check = check,
      .run = run,
      .verify = verify,
      .undo = undo,
  };
}

}  // namespace gpuward::action
