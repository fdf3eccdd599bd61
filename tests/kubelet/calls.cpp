#include "kubelet/calls.h"

#include <algorithm>
#include <chrono>

#include "base/text.h"

namespace gpuward::kubelet_test {

std::string short_name(std::string_view method) {
  return std::string(method.substr(method.rfind('/') + 1));
}

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    out += kDigits[value >> 4];
    out += kDigits[value & 15];
  }
  return out;
}

Result<std::string> from_hex(std::string_view text) {
  std::string out;
  for (size_t at = 0; at + 1 < text.size(); at += 2) {
    const auto byte = to_number<unsigned char>(text.substr(at, 2), 16);
    if (!byte) return fail(Error::Kind::malformed, "not in hex");
    out += static_cast<char>(*byte);
  }
  if (text.size() % 2 != 0) return fail(Error::Kind::malformed, "half a byte");
  return out;
}

std::string hash_of(std::string_view bytes) {
  uint64_t hash = 14695981039346656037U;
  for (const char byte : bytes) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211U;
  }
  std::string out;
  for (int shift = 56; shift >= 0; shift -= 8) {
    out += static_cast<char>(hash >> shift);
  }
  return to_hex(out);
}

double seconds_now() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

Json quantiles(std::vector<double>& milliseconds) {
  std::ranges::sort(milliseconds);
  const auto at = [&](double part) {
    const auto count = static_cast<double>(milliseconds.size());
    const auto place = static_cast<size_t>(part * count);
    return milliseconds[std::min(place, milliseconds.size() - 1)];
  };
  Json out = Json::object();
  out.set("count", static_cast<int64_t>(milliseconds.size()));
  if (milliseconds.empty()) return out;
  out.set("p50_ms", at(0.5));
  out.set("p99_ms", at(0.99));
  out.set("max_ms", milliseconds.back());
  return out;
}

void CallLog::add(std::string_view method, double seconds,
                  const std::string& request, const Reply& reply) {
  const std::scoped_lock lock(mutex_);
  Method& entry = methods_[short_name(method)];
  entry.milliseconds.push_back(seconds * 1000);
  entry.request = request;
  entry.response = reply.bytes;
  if (!reply.status.ok()) {
    ++entry.errors;
    entry.error = reply.status.text;
  }
}

Json CallLog::json() {
  const std::scoped_lock lock(mutex_);
  Json out = Json::object();
  for (auto& [name, entry] : methods_) {
    Json one = quantiles(entry.milliseconds);
    one.set("errors", entry.errors);
    one.set("error", entry.error);
    one.set("request", to_hex(entry.request));
    one.set("response", to_hex(entry.response));
    out.set(name, std::move(one));
  }
  return out;
}

void CallLog::clear() {
  const std::scoped_lock lock(mutex_);
  methods_.clear();
}

}  // namespace gpuward::kubelet_test
