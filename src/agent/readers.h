// read.sock: whoever may open it asks, and is answered from memory. Requests
// are bounded in size, number and time; a client that does not read its answer
// costs one descriptor for a few seconds.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "loop/loop.h"
#include "snapshot/wire.h"

namespace gpuward::agent {

class Readers {
 public:
  // Called when somebody wants a fresh round; the owner answers by calling
  // answer_all() with it, or answer_late() as time passes.
  using WantRound = std::function<void()>;
  // The snapshot as it is now, for somebody whose patience is over (max() for
  // somebody who did not ask for a round).
  using Current = std::function<Snapshot(Millis patience)>;

  // Error::busy if an agent answers there already.
  static Result<std::unique_ptr<Readers>> listen(const host::Host& host,
                                                 loop::Loop& loop,
                                                 Current current,
                                                 WantRound want_round);
  ~Readers();
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;

  // A round is complete: everybody who waits for one gets it.
  void answer_all(const Snapshot& snapshot);
  // Those whose patience is over get what is known.
  void answer_late(Boot now);

 private:
  struct Client;
  Readers(loop::Loop& loop, std::string path, Fd lock, Fd socket,
          Current current, WantRound want_round);
  void accept_one();
  void read_from(Client& client);
  void reply(Client& client, const Snapshot& snapshot);
  void refuse(Client& client, const Error& error);
  void drop(Client& client);

  loop::Loop& loop_;
  std::string path_;
  Fd lock_;
  Fd socket_;
  Current current_;
  WantRound want_round_;
  std::list<Client> clients_;
};

}  // namespace gpuward::agent
