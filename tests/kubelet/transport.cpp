#include "kubelet/transport.h"

#include <fcntl.h>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/impl/client_unary_call.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_context.h>
#include <grpcpp/server_posix.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/method_handler.h>
#include <grpcpp/support/sync_stream.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <thread>

namespace gpuward::kubelet_test {
namespace {

using grpc::internal::RpcMethod;

std::string bytes_of(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return {};
  std::string out;
  for (const grpc::Slice& slice : slices) {
    out.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return out;
}

grpc::ByteBuffer buffer_of(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

Status status_of(const grpc::Status& status) {
  return {status.error_code(), status.error_message()};
}

grpc::Status status_of(const Status& status) {
  return {static_cast<grpc::StatusCode>(status.code), status.text};
}

std::string_view name_of_code(int code) {
  static constexpr std::string_view kNames[] = {"OK",
                                                "Canceled",
                                                "Unknown",
                                                "InvalidArgument",
                                                "DeadlineExceeded",
                                                "NotFound",
                                                "AlreadyExists",
                                                "PermissionDenied",
                                                "ResourceExhausted",
                                                "FailedPrecondition",
                                                "Aborted",
                                                "OutOfRange",
                                                "Unimplemented",
                                                "Internal",
                                                "Unavailable",
                                                "DataLoss",
                                                "Unauthenticated"};
  const auto at = static_cast<size_t>(code);
  return at < std::size(kNames) ? kNames[at] : "Unknown";
}

}  // namespace

std::string Status::as_error() const {
  return "rpc error: code = " + std::string(name_of_code(code)) +
         " desc = " + text;
}

// Calls under way, so that they can be cancelled.
struct Connection::Calls {
  std::mutex mutex;
  std::set<grpc::ClientContext*> running;
  std::set<grpc::ClientContext*> streams;  // of those that are running
  bool cancelled = false;
};

struct Connection::Channel {
  std::shared_ptr<grpc::Channel> grpc;
};

Connection::Connection(const std::string& path, const std::string& authority)
    : channel_(std::make_unique<Channel>()), calls_(std::make_unique<Calls>()) {
  grpc::ChannelArguments arguments;
  // A channel to a socket of the same name that was there before is another's.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  if (!authority.empty()) {
    arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, authority);
  }
  channel_->grpc = grpc::CreateCustomChannel(
      "unix:" + path, grpc::InsecureChannelCredentials(), arguments);
}

Connection::~Connection() = default;

bool Connection::wait_until_connected(Millis limit) {
  return channel_->grpc->WaitForConnected(std::chrono::system_clock::now() +
                                          limit);
}

namespace {

// A context for as long as its call lasts. `Calls` is Connection's.
template <typename Calls>
class Context {
 public:
  Context(Calls& calls, bool is_stream) : calls_(calls) {
    const std::scoped_lock lock(calls_.mutex);
    calls_.running.insert(&grpc_);
    if (is_stream) calls_.streams.insert(&grpc_);
    if (calls_.cancelled) grpc_.TryCancel();
  }
  ~Context() {
    const std::scoped_lock lock(calls_.mutex);
    calls_.running.erase(&grpc_);
    calls_.streams.erase(&grpc_);
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  grpc::ClientContext& operator*() { return grpc_; }

 private:
  Calls& calls_;
  grpc::ClientContext grpc_;
};

}  // namespace

Reply Connection::call(const std::string& method, const std::string& request,
                       std::optional<Millis> deadline) {
  Context context(*calls_, false);
  if (deadline) {
    (*context).set_deadline(std::chrono::system_clock::now() + *deadline);
  }
  grpc::ByteBuffer answer;
  const RpcMethod name(method.c_str(), RpcMethod::NORMAL_RPC);
  const grpc::Status status =
      grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
          channel_->grpc.get(), name, &*context, buffer_of(request), &answer);
  return {status_of(status), status.ok() ? bytes_of(answer) : std::string()};
}

Status Connection::watch(const std::string& method, const std::string& request,
                         const std::function<void(std::string)>& receive) {
  Context context(*calls_, true);
  const RpcMethod name(method.c_str(), RpcMethod::SERVER_STREAMING);
  const std::unique_ptr<grpc::ClientReader<grpc::ByteBuffer>> reader(
      grpc::internal::ClientReaderFactory<grpc::ByteBuffer>::Create(
          channel_->grpc.get(), name, &*context, buffer_of(request)));
  grpc::ByteBuffer message;
  while (reader->Read(&message)) receive(bytes_of(message));
  return status_of(reader->Finish());
}

void Connection::cancel() {
  const std::scoped_lock lock(calls_->mutex);
  calls_->cancelled = true;
  for (grpc::ClientContext* each : calls_->running) each->TryCancel();
}

void Connection::cancel_streams() {
  const std::scoped_lock lock(calls_->mutex);
  for (grpc::ClientContext* each : calls_->streams) each->TryCancel();
}

namespace {

// What protoc's plugin would generate, for bytes.
class Service : public grpc::Service {
 public:
  void add(const std::string& method, Server::Unary answer) {
    auto handle = [answer = std::move(answer)](
                      Service*, grpc::ServerContext* context,
                      const grpc::ByteBuffer* request, grpc::ByteBuffer* out) {
      Reply reply = answer(call_of(*context, *request));
      *out = buffer_of(reply.bytes);
      return status_of(reply.status);
    };
    add(method, RpcMethod::NORMAL_RPC,
        new grpc::internal::RpcMethodHandler<Service, grpc::ByteBuffer,
                                             grpc::ByteBuffer>(handle, this));
  }

  void add_stream(const std::string& method, Server::Stream answer) {
    auto handle = [answer = std::move(answer)](
                      Service*, grpc::ServerContext* context,
                      const grpc::ByteBuffer* request,
                      grpc::ServerWriter<grpc::ByteBuffer>* writer) {
      const Server::Send send = [writer](const std::string& bytes) {
        return writer->Write(buffer_of(bytes));
      };
      return status_of(answer(call_of(*context, *request), send));
    };
    add(method, RpcMethod::SERVER_STREAMING,
        new grpc::internal::ServerStreamingHandler<Service, grpc::ByteBuffer,
                                                   grpc::ByteBuffer>(handle,
                                                                     this));
  }

 private:
  static Call call_of(grpc::ServerContext& context,
                      const grpc::ByteBuffer& request) {
    const grpc::string_ref authority = context.ExperimentalGetAuthority();
    return {bytes_of(request),
            {authority.data(), authority.size()},
            [&context] { return context.IsCancelled(); }};
  }

  void add(const std::string& method, RpcMethod::RpcType type,
           grpc::internal::MethodHandler* handler) {
    names_.insert(method);  // gRPC keeps the pointer; a set's strings stay
    AddMethod(new grpc::internal::RpcServiceMethod(names_.find(method)->c_str(),
                                                   type, handler));
  }

  std::set<std::string> names_;
};

}  // namespace

// The socket is ours and not gRPC's, which would remove whatever lies under its
// name when it ends, a newer instance's socket included.
struct Server::Parts {
  Service service;
  std::unique_ptr<grpc::Server> grpc;
  Fd socket;
  std::string path;
  struct stat made {};  // the socket's own
  std::thread accepting;
};

Server::Server() : parts_(std::make_unique<Parts>()) {}

Server::~Server() {
  close_socket();
  if (parts_->grpc) parts_->grpc->Shutdown(std::chrono::system_clock::now());
}

void Server::on(const std::string& method, Unary answer) {
  parts_->service.add(method, std::move(answer));
}

void Server::on_stream(const std::string& method, Stream answer) {
  parts_->service.add_stream(method, std::move(answer));
}

Result<void> Server::listen(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return fail(Error::Kind::malformed, path + " is too long for a socket");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size());
  parts_->socket = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ::unlink(path.c_str());
  const int fd = parts_->socket.get();
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return fail_errno(errno, "binding " + path);
  }
  if (::stat(path.c_str(), &parts_->made) != 0) return fail_errno(errno, path);
  grpc::ServerBuilder builder;
  builder.RegisterService(&parts_->service);
  parts_->grpc = builder.BuildAndStart();
  if (!parts_->grpc) return fail(Error::Kind::system, "gRPC does not start");
  parts_->path = path;
  if (::listen(fd, 64) != 0) return fail_errno(errno, "listening at " + path);
  parts_->accepting = std::thread([fd, server = parts_->grpc.get()] {
    for (;;) {
      const int one = ::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
      if (one < 0 && errno == EINTR) continue;
      if (one < 0) return;
      // gRPC reads until there is nothing more.
      ::fcntl(one, F_SETFL, ::fcntl(one, F_GETFL) | O_NONBLOCK);
      grpc::AddInsecureChannelFromFd(server, one);
    }
  });
  return {};
}

void Server::close_socket() {
  if (!parts_->accepting.joinable()) return;
  ::shutdown(parts_->socket.get(), SHUT_RDWR);
  parts_->accepting.join();
  parts_->socket.reset();
  struct stat now {};
  const struct stat& made = parts_->made;
  // Numbers of inodes are used again at once.
  if (::stat(parts_->path.c_str(), &now) == 0 && now.st_ino == made.st_ino &&
      now.st_ctim.tv_sec == made.st_ctim.tv_sec &&
      now.st_ctim.tv_nsec == made.st_ctim.tv_nsec) {
    ::unlink(parts_->path.c_str());
  }
}

void Server::retire(std::unique_ptr<Server> server) {
  server->close_socket();
  // Shutdown waits for calls; the thread may do so for ever.
  std::thread([kept = server.release()] {
    kept->parts_->grpc->Shutdown(std::chrono::system_clock::now());
  }).detach();
}

}  // namespace gpuward::kubelet_test
