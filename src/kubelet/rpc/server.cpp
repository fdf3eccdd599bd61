#include "kubelet/rpc/server.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "kubelet/rpc/bytes.h"
#include "loop/inbox.h"

namespace gpuward::kubelet::rpc {
namespace {

constexpr size_t kMostWaiting = 64;

std::atomic<RpcServer::CallId> last_call = 0;

RpcStatus closing() {
  return {.code = RpcStatus::unavailable, .text = "the server is closing"};
}

class Service;

// One call. What its caller does goes to the loop through the inbox; writing
// goes on by itself. Deleted on the loop, after OnDone.
class Call : public grpc::ServerGenericBidiReactor {
 public:
  Call(Service& service, std::string method)
      : service_(service), id_(++last_call), method_(std::move(method)) {}

  RpcServer::CallId id() const { return id_; }
  const std::string& method() const { return method_; }

  void begin() { StartRead(&request_); }
  void send(std::string bytes) {
    const std::lock_guard lock(mutex_);
    if (last_) return;
    if (waiting_.size() == kMostWaiting) waiting_.pop_front();
    waiting_.push_back(std::move(bytes));
    write_next();
  }
  void finish(RpcStatus status) {
    const std::lock_guard lock(mutex_);
    if (last_) return;
    last_ = std::move(status);
    write_next();
  }
  // Nobody is there to read: without what still waits.
  void give_up(RpcStatus status) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.clear();
    }
    finish(std::move(status));
  }

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  // With mutex_ held.
  void write_next() {
    if (is_writing_ || is_finished_) return;
    if (!waiting_.empty()) {
      answer_ = to_buffer(waiting_.front());
      waiting_.pop_front();
      is_writing_ = true;
      StartWrite(&answer_);
    } else if (last_) {
      is_finished_ = true;
      Finish(to_grpc(*last_));
    }
  }

  Service& service_;
  const RpcServer::CallId id_;
  const std::string method_;
  grpc::ByteBuffer request_;
  std::mutex mutex_;  // guards all below
  grpc::ByteBuffer answer_;
  std::deque<std::string> waiting_;
  std::optional<RpcStatus> last_;
  bool is_writing_ = false;
  bool is_finished_ = false;
};

class Service : public grpc::CallbackGenericService {
 public:
  explicit Service(RpcServer::Events events) : events_(std::move(events)) {}

  void set_inbox(std::unique_ptr<loop::Inbox> inbox) {
    inbox_ = std::move(inbox);
  }

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    auto owned = std::make_unique<Call>(*this, context->method());
    Call* call = owned.get();
    const std::lock_guard lock(mutex_);
    calls_[call->id()] = std::move(owned);
    if (is_closing_) {
      call->finish(closing());
    } else {
      call->begin();
    }
    return call;
  }

  // gRPC's threads.
  void asked(Call* call, bool ok, std::string request) {
    inbox_->post([this, call, ok, request = std::move(request)]() mutable {
      if (!ok) {
        return call->finish({.code = RpcStatus::invalid_argument,
                             .text = "a call without a request"});
      }
      open_.insert_or_assign(call->id(), call);
      events_.called(call->id(), call->method(), std::move(request));
    });
  }
  void lost(Call* call) {
    inbox_->post([this, call] { leave(call); });
  }
  void done(Call* call) {
    inbox_->post([this, id = call->id()] {
      const bool was_open = open_.erase(id) != 0;
      forget(id);
      if (was_open) events_.left(id);
    });
  }

  // The loop's.
  Call* find(RpcServer::CallId id) {
    const auto found = open_.find(id);
    return found == open_.end() ? nullptr : found->second;
  }
  void end(RpcServer::CallId id, RpcStatus status) {
    Call* call = find(id);
    if (call == nullptr) return;
    open_.erase(id);
    call->finish(std::move(status));
  }
  // Before the server is shut down, which waits for all calls to be finished.
  void close() {
    const std::lock_guard lock(mutex_);
    is_closing_ = true;
    for (const auto& [id, call] : calls_) call->give_up(closing());
  }

 private:
  void leave(Call* call) {
    const auto id = call->id();
    const bool was_open = open_.erase(id) != 0;
    call->give_up({.code = RpcStatus::cancelled, .text = "cancelled"});
    if (was_open) events_.left(id);
  }
  void forget(RpcServer::CallId id) {
    const std::lock_guard lock(mutex_);
    calls_.erase(id);
  }

  RpcServer::Events events_;
  std::unique_ptr<loop::Inbox> inbox_;
  std::map<RpcServer::CallId, Call*> open_;  // asked and not answered
  std::mutex mutex_;
  // Guarded by mutex_: owned from CreateReactor to OnDone.
  std::map<RpcServer::CallId, std::unique_ptr<Call>> calls_;
  bool is_closing_ = false;
};

void Call::OnReadDone(bool ok) {
  service_.asked(this, ok, ok ? to_string(request_) : std::string());
}
void Call::OnWriteDone(bool ok) {
  // First, since after Finish the loop may delete this.
  if (!ok) service_.lost(this);
  const std::lock_guard lock(mutex_);
  is_writing_ = false;
  if (!ok) waiting_.clear();
  write_next();
}
void Call::OnCancel() { service_.lost(this); }
void Call::OnDone() { service_.done(this); }

}  // namespace

struct RpcServer::State {
  explicit State(Events events) : service(std::move(events)) {}

  Service service;
  std::unique_ptr<grpc::Server> server;
};

Result<std::unique_ptr<RpcServer>> RpcServer::serve(loop::Loop& loop,
                                                    const std::string& path,
                                                    Events events) {
  const std::string target = TRY(unix_target(path));
  auto state = std::make_unique<State>(std::move(events));
  state->service.set_inbox(TRY(loop::Inbox::open(loop)));
  grpc::ServerBuilder builder;
  int bound = 0;
  builder.AddListeningPort(target, grpc::InsecureServerCredentials(), &bound);
  builder.RegisterCallbackGenericService(&state->service);
  // Callers may ping as they like: kubelets and plugins of all versions.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  state->server = builder.BuildAndStart();
  if (!state->server || bound == 0) {
    return fail(Error::Kind::system, "cannot listen at " + path);
  }
  return std::unique_ptr<RpcServer>(new RpcServer(std::move(state)));
}

RpcServer::RpcServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

RpcServer::~RpcServer() {
  state_->service.close();
  state_->server->Shutdown(std::chrono::system_clock::now());
  state_->server->Wait();
}

void RpcServer::answer(CallId call, std::string bytes) {
  send(call, std::move(bytes));
  state_->service.end(call, {});
}

void RpcServer::refuse(CallId call, RpcStatus status) {
  state_->service.end(call, std::move(status));
}

void RpcServer::send(CallId call, std::string bytes) {
  if (Call* found = state_->service.find(call)) found->send(std::move(bytes));
}

}  // namespace gpuward::kubelet::rpc
