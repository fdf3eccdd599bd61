// The one error type of gpuward, and the one way to hand a failure upwards.
//
// Errors are values; no exception leaves a function of ours. A library that
// throws is caught in the file that wraps it. Broken invariants abort.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace gpuward {

struct Error {
  // What a caller may branch on; everything else is for people, in `text`.
  enum class Kind {
    not_found,    // the thing is not there
    unsupported,  // it is there and cannot do this
    denied,       // not allowed (EPERM, EACCES)
    timeout,      // a deadline passed
    busy,         // somebody else holds it
    gone,         // it was there and left (a peer that died)
    malformed,    // bytes that make no sense; bad input
    may_block,    // refused: reading it could run driver code (design, law 1)
    system,       // any other failure of a system call
  };
  Kind kind = Kind::system;
  int error_number = 0;  // errno, or 0
  std::string text;      // a sentence without a full stop

  bool operator==(const Error&) const = default;
};

template <typename T>
using Result = std::expected<T, Error>;

std::unexpected<Error> fail(Error::Kind kind, std::string text);

// From errno: the kind is derived, strerror is appended to `doing`.
std::unexpected<Error> fail_errno(int error_number, std::string_view doing);

// `error` with "doing: " in front of its text.
std::unexpected<Error> wrap(Error error, std::string_view doing);

std::string_view name_of(Error::Kind kind);

}  // namespace gpuward

// auto value = TRY(expression_of_type_Result);
#define TRY(...) \
  GPUWARD_TRY(GPUWARD_UNIQUE(try_result_, __COUNTER__), __VA_ARGS__)

// The same for Result<void>.
#define TRY_VOID(...) \
  GPUWARD_TRY_VOID(GPUWARD_UNIQUE(try_result_, __COUNTER__), __VA_ARGS__)

#define GPUWARD_PASTE(left, right) left##right
#define GPUWARD_UNIQUE(left, right) GPUWARD_PASTE(left, right)
#define GPUWARD_TRY(name, ...)                                                \
  ({                                                                          \
    auto name = (__VA_ARGS__);                                                \
    if (!(name).has_value()) return std::unexpected(std::move(name).error()); \
    std::move(name).value();                                                  \
  })
#define GPUWARD_TRY_VOID(name, ...)                                           \
  do {                                                                        \
    auto name = (__VA_ARGS__);                                                \
    if (!(name).has_value()) return std::unexpected(std::move(name).error()); \
  } while (false)
