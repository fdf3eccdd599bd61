#include "probe/protocol.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "model/json.h"

namespace gpuward::probe {
namespace {

constexpr std::array<std::string_view, 5> kKinds = {"round", "file", "pci",
                                                    "tool", "quit"};

struct NodeMember {
  std::string_view key;
  Reading NodeFrame::*reading;
};
constexpr std::array kNode = {
    NodeMember{"init", &NodeFrame::init},
    NodeMember{"driver_version", &NodeFrame::driver_version},
    NodeMember{"cuda_version", &NodeFrame::cuda_version},
    NodeMember{"nvml_version", &NodeFrame::nvml_version},
    NodeMember{"library_path", &NodeFrame::library_path},
    NodeMember{"gpu_count", &NodeFrame::gpu_count},
};

Json to_json(const NodeFrame& node, Wall now) {
  Json out = Json::object();
  for (const NodeMember& member : kNode) {
    out.set(member.key, gpuward::to_json(node.*member.reading, now));
  }
  return out;
}

Result<NodeFrame> node_from_json(const Json& json, Wall now) {
  NodeFrame node;
  for (const NodeMember& member : kNode) {
    node.*member.reading = TRY(reading_from_json(json[member.key], now));
  }
  return node;
}

Result<Json> parse_object(std::string_view bytes) {
  Json json = TRY(Json::parse(bytes));
  if (!json.is_object() || !json["n"].is_integer()) {
    return fail(Error::Kind::malformed, "not a numbered message");
  }
  return json;
}

std::string dump_frame(const Frame& frame, Wall now) {
  Json out = Json::object();
  out.set("n", static_cast<int64_t>(frame.number));
  if (frame.end) out.set("end", true);
  if (frame.node) out.set("node", to_json(*frame.node, now));
  if (frame.gpu) out.set("gpu", gpuward::to_json(*frame.gpu, now));
  if (frame.text) out.set("text", gpuward::to_json(*frame.text, now));
  return out.dump();
}

}  // namespace

std::string encode(const Request& request) {
  Json out = Json::object();
  out.set("n", static_cast<int64_t>(request.number));
  out.set("kind", kKinds.at(static_cast<size_t>(request.kind)));
  if (!request.target.empty()) out.set("target", request.target);
  for (const std::string& argument : request.argv) {
    Json argv = out["argv"];
    argv.push(argument);
    out.set("argv", argv);
  }
  return out.dump();
}

Result<Request> decode_request(std::string_view bytes) {
  const Json json = TRY(parse_object(bytes));
  Request request;
  request.number = static_cast<uint64_t>(json["n"].as_integer());
  const std::string_view kind = json["kind"].as_string();
  const auto* const found = std::ranges::find(kKinds, kind);
  if (found == kKinds.end()) {
    return fail(Error::Kind::malformed, fmt::format("no request '{}'", kind));
  }
  request.kind = static_cast<Request::Kind>(found - kKinds.begin());
  request.target = json["target"].as_string();
  for (const Json& argument : json["argv"].as_array()) {
    request.argv.emplace_back(argument.as_string());
  }
  return request;
}

std::string encode(const Frame& frame, Wall now) {
  std::string bytes = dump_frame(frame, now);
  if (bytes.size() <= kMaxFrame || !frame.gpu) return bytes;
  Frame smaller = frame;
  auto& processes = smaller.gpu->processes;
  const size_t all = processes.items.size();
  while (bytes.size() > kMaxFrame && !processes.items.empty()) {
    processes.items.resize(processes.items.size() / 2);
    processes.status.why = fmt::format("the first {} of {} are shown",
                                       processes.items.size(), all);
    bytes = dump_frame(smaller, now);
  }
  return bytes;
}

Result<Frame> decode_frame(std::string_view bytes, Wall now) {
  const Json json = TRY(parse_object(bytes));
  Frame frame;
  frame.number = static_cast<uint64_t>(json["n"].as_integer());
  frame.end = json["end"].as_bool();
  if (!json["node"].is_null()) {
    frame.node = TRY(node_from_json(json["node"], now));
  }
  if (!json["gpu"].is_null()) {
    frame.gpu = TRY(gpu_from_json(json["gpu"], now));
  }
  if (!json["text"].is_null()) {
    frame.text = TRY(reading_from_json(json["text"], now));
  }
  return frame;
}

}  // namespace gpuward::probe
