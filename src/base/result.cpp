#include "base/result.h"

#include <cerrno>
#include <cstring>

namespace gpuward {
namespace {

Error::Kind kind_of_errno(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case ESRCH:
      return Error::Kind::not_found;
    case EPERM:
    case EACCES:
    case EROFS:
      return Error::Kind::denied;
    case ETIMEDOUT:
      return Error::Kind::timeout;
    case EAGAIN:
    case EBUSY:
      return Error::Kind::busy;
    case EPIPE:
    case ECONNRESET:
    case ECONNREFUSED:
      return Error::Kind::gone;
    case ENOSYS:
    case EOPNOTSUPP:
      return Error::Kind::unsupported;
    default:
      return Error::Kind::system;
  }
}

}  // namespace

std::unexpected<Error> fail(Error::Kind kind, std::string text) {
  return std::unexpected(Error{kind, 0, std::move(text)});
}

std::unexpected<Error> fail_errno(int error_number, std::string_view doing) {
  std::string text(doing);
  text += ": ";
  text += ::strerrordesc_np(error_number) != nullptr
              ? ::strerrordesc_np(error_number)
              : "unknown error";
  return std::unexpected(
      Error{kind_of_errno(error_number), error_number, std::move(text)});
}

std::unexpected<Error> wrap(Error error, std::string_view doing) {
  error.text = std::string(doing) + ": " + error.text;
  return std::unexpected(std::move(error));
}

std::string_view name_of(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::not_found:
      return "not found";
    case Error::Kind::unsupported:
      return "unsupported";
    case Error::Kind::denied:
      return "denied";
    case Error::Kind::timeout:
      return "timed out";
    case Error::Kind::busy:
      return "busy";
    case Error::Kind::gone:
      return "gone";
    case Error::Kind::malformed:
      return "malformed";
    case Error::Kind::may_block:
      return "could block";
    case Error::Kind::system:
      return "system error";
  }
  return "unknown";
}

}  // namespace gpuward
