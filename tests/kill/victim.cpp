// victim reset|act|recover|check FOLDER: a repair to be killed, see
// kill_everywhere.py. `check` fails unless the files are both old or both new,
// as the ledger's newest outcome says, and nothing is unfinished.
#include <stdio.h>

#include <filesystem>

#include "action/engine.h"
#include "kill/two_files.h"

namespace gpuward {
namespace {

const std::string_view kBoot = "b";

int complain(const std::string& what) {
  ::fprintf(stderr, "%s\n", what.c_str());
  return 1;
}

int act(const host::Host& host, ledger::Ledger& ledger,
        const std::string& folder) {
  Plan plan;
  plan.steps = {two_files::step(folder)};
  const auto outcomes =
      action::carry_out(host, ledger, plan, {}, {&two_files::kAction, 1});
  return outcomes.at(0).state == Outcome::State::done
             ? 0
             : complain(outcomes.at(0).text);
}

int recover(const host::Host& host, ledger::Ledger& ledger) {
  const auto done =
      action::finish_interrupted(host, ledger, {}, {&two_files::kAction, 1});
  return done ? 0 : complain(done.error().text);
}

int check(ledger::Ledger& ledger, const std::string& folder) {
  const auto unfinished = ledger.unfinished();
  if (!unfinished) return complain(unfinished.error().text);
  if (!unfinished->empty()) return complain("something is unfinished");
  const auto entries = ledger.entries(1);
  if (!entries) return complain(entries.error().text);
  const std::string a = two_files::read(folder + "/a");
  const std::string b = two_files::read(folder + "/b");
  if (a != b) return complain("half changed: " + a + ", " + b);
  const std::string said =
      entries->empty() ? "nothing"
                       : std::string(entries->at(0).what["state"].as_string());
  const std::string should = said == "done" ? "new" : "old";
  return a == should ? 0 : complain("the ledger says " + said + ", it is " + a);
}

int reset(const std::string& folder) {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  two_files::write(folder + "/a", "old");
  two_files::write(folder + "/b", "old");
  return 0;
}

int run(const std::string& verb, const std::string& folder) {
  if (verb == "reset") return reset(folder);
  const auto host = host::Host::open({.run_dir = folder});
  if (!host) return complain(host.error().text);
  auto ledger =
      ledger::Ledger::open_for_acting(host->state_dir, std::string(kBoot));
  if (!ledger) return complain(ledger.error().text);
  if (verb == "act") return act(*host, *ledger, folder);
  if (verb == "recover") return recover(*host, *ledger);
  return check(*ledger, folder);
}

}  // namespace
}  // namespace gpuward

int main(int count, char** words) {
  if (count != 3) return 64;
  return gpuward::run(words[1], words[2]);
}
