#include "kubelet/rpc/client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/channel_arguments.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>

#include "kubelet/rpc/bytes.h"
#include "loop/inbox.h"

namespace gpuward::kubelet::rpc {
namespace {

// How many of gRPC's callbacks are still to come.
class Outstanding {
 public:
  void add() {
    const std::lock_guard lock(mutex_);
    ++count_;
  }
  void remove() {
    const std::lock_guard lock(mutex_);
    --count_;
    none_.notify_all();
  }
  // After everything was cancelled, which takes gRPC no peer.
  void wait_for_none() {
    std::unique_lock lock(mutex_);
    none_.wait(lock, [this] { return count_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  int count_ = 0;
};

struct UnaryCall {
  grpc::ClientContext context;
  grpc::ByteBuffer request;
  grpc::ByteBuffer answer;
  RpcClient::Done done;
};

}  // namespace

struct RpcClient::State {
  // A stream. A message is read only after the one before was looked at, so
  // that a peer cannot fill our memory.
  class Stream
      : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
   public:
    Stream(State& state, CallId id, const std::string& request, Watch watch)
        : watch_(std::move(watch)),
          state_(state),
          id_(id),
          request_(to_buffer(request)) {}

    void begin(std::string_view method) {
      state_.stub.PrepareBidiStreamingCall(&context_, std::string(method), {},
                                           this);
      // Between two reads nothing else keeps OnDone away.
      AddHold();
      StartWriteLast(&request_, {});
      StartRead(&message_);
      StartCall();
    }
    void read_on() {
      const std::lock_guard lock(mutex_);
      if (is_let_go_) return;
      is_reading_ = true;
      StartRead(&message_);
    }
    void cancel() {
      context_.TryCancel();
      const std::lock_guard lock(mutex_);
      is_cancelled_ = true;
      if (!is_reading_) let_go();
    }

    void OnReadDone(bool ok) override {
      const std::lock_guard lock(mutex_);
      is_reading_ = false;
      if (!ok || is_cancelled_) return let_go();
      state_.inbox->post(
          [&state = state_, id = id_, bytes = to_string(message_)]() mutable {
            state.receive(id, std::move(bytes));
          });
    }
    void OnDone(const grpc::Status& status) override {
      // Once it is posted the loop may delete this.
      State& state = state_;
      state.inbox->post(
          [&state, id = id_, ended = from_grpc(status)]() mutable {
            state.end_stream(id, std::move(ended));
          });
      state.outstanding.remove();
    }

    Watch watch_;

   private:
    void let_go() {
      if (!std::exchange(is_let_go_, true)) RemoveHold();
    }

    State& state_;
    const CallId id_;
    grpc::ClientContext context_;
    grpc::ByteBuffer request_;
    grpc::ByteBuffer message_;
    std::mutex mutex_;
    bool is_reading_ = true;  // guarded by mutex_, as are:
    bool is_cancelled_ = false;
    bool is_let_go_ = false;
  };

  explicit State(const std::shared_ptr<grpc::Channel>& channel)
      : stub(channel) {}

  void finish_call(CallId id, const grpc::Status& status) {
    const auto found = calls.find(id);
    if (found == calls.end()) return;
    Answer answer{.status = from_grpc(status)};
    if (status.ok()) answer.bytes = to_string(found->second->answer);
    const Done done = std::move(found->second->done);
    calls.erase(found);
    done(std::move(answer));  // may destroy us
  }
  void receive(CallId id, std::string bytes) {
    const auto found = streams.find(id);
    if (found == streams.end()) return;
    found->second->read_on();
    const auto message = found->second->watch_.message;
    message(std::move(bytes));  // may destroy us
  }
  void end_stream(CallId id, RpcStatus status) {
    const auto found = streams.find(id);
    if (found == streams.end()) return;
    const auto ended = std::move(found->second->watch_.ended);
    streams.erase(found);
    ended(std::move(status));  // may destroy us
  }

  grpc::GenericStub stub;
  std::unique_ptr<loop::Inbox> inbox;
  Outstanding outstanding;
  CallId last = 0;
  std::map<CallId, std::unique_ptr<UnaryCall>> calls;
  std::map<CallId, std::unique_ptr<Stream>> streams;
};

Result<std::unique_ptr<RpcClient>> RpcClient::open(loop::Loop& loop,
                                                   const std::string& path) {
  grpc::ChannelArguments arguments;
  // Else all clients of one path would share one connection and its backoff.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  auto state = std::make_unique<State>(grpc::CreateCustomChannel(
      TRY(unix_target(path)), grpc::InsecureChannelCredentials(), arguments));
  state->inbox = TRY(loop::Inbox::open(loop));
  return std::unique_ptr<RpcClient>(new RpcClient(std::move(state)));
}

RpcClient::RpcClient(std::unique_ptr<State> state) : state_(std::move(state)) {}

RpcClient::~RpcClient() {
  for (const auto& [id, call] : state_->calls) call->context.TryCancel();
  for (const auto& [id, stream] : state_->streams) stream->cancel();
  state_->outstanding.wait_for_none();
}

RpcClient::CallId RpcClient::call(std::string_view method,
                                  const std::string& request, Millis deadline,
                                  Done done) {
  State& state = *state_;
  const CallId id = ++state.last;
  auto& call = *(state.calls[id] = std::make_unique<UnaryCall>());
  call.context.set_deadline(std::chrono::system_clock::now() + deadline);
  call.request = to_buffer(request);
  call.done = std::move(done);
  state.outstanding.add();
  state.stub.UnaryCall(&call.context, std::string(method), {}, &call.request,
                       &call.answer, [&state, id](const grpc::Status& status) {
                         state.inbox->post([&state, id, status] {
                           state.finish_call(id, status);
                         });
                         state.outstanding.remove();
                       });
  return id;
}

RpcClient::CallId RpcClient::watch(std::string_view method,
                                   const std::string& request, Watch watch) {
  State& state = *state_;
  const CallId id = ++state.last;
  auto& stream = *(state.streams[id] = std::make_unique<State::Stream>(
                       state, id, request, std::move(watch)));
  state.outstanding.add();
  stream.begin(method);
  return id;
}

void RpcClient::cancel(CallId call) {
  if (const auto found = state_->calls.find(call);
      found != state_->calls.end()) {
    found->second->context.TryCancel();
  }
  if (const auto found = state_->streams.find(call);
      found != state_->streams.end()) {
    found->second->cancel();
  }
}

}  // namespace gpuward::kubelet::rpc
