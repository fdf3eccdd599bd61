#include "probe/protocol.h"

#include <gtest/gtest.h>

#include "model/fields.h"

namespace gpuward::probe {
namespace {

const Wall kNow = Wall(Millis(1769314270999));

TEST(Protocol, RequestsThereAndBack) {
  const Request requests[] = {
      {1, Request::Kind::round, "", {}},
      {2, Request::Kind::file, "/proc/driver/nvidia/version", {}},
      {3, Request::Kind::pci, "0000:0f:00.0", {}},
      {4, Request::Kind::tool, "", {"nvidia-ctk", "cdi", "generate"}},
      {5, Request::Kind::quit, "", {}}};
  for (const Request& request : requests) {
    const auto back = decode_request(encode(request));
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(*back, request);
  }
}

TEST(Protocol, FramesThereAndBack) {
  Frame frame;
  frame.number = 7;
  frame.gpu = Gpu{};
  frame.gpu->index = 3;
  frame.gpu->readings[std::string(field::kName)] =
      reading_of(std::string("NVIDIA H20"), kNow);
  frame.gpu->readings[std::string(field::kFan)] = reading_unsupported(kNow);
  frame.gpu->readings[std::string(field::kPower)] =
      reading_error(15, "GPU_IS_LOST", kNow - 5s);
  const auto back = decode_frame(encode(frame, kNow), kNow);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->number, 7U);
  EXPECT_EQ(back->gpu, frame.gpu);
}

TEST(Protocol, GarbageIsAnErrorNotACrash) {
  for (const std::string_view bytes :
       {"", "hello", "{}", "[1]", "{\"n\":\"x\"}", "{\"n\":1,\"gpu\":7}",
        "\xff\xfe\x00"}) {
    EXPECT_FALSE(decode_frame(bytes, kNow).has_value()) << bytes;
    EXPECT_FALSE(decode_request(bytes).has_value()) << bytes;
  }
}

TEST(Protocol, AFrameWithTooManyProcessesIsCutAndSaysSo) {
  Frame frame;
  frame.gpu = Gpu{};
  frame.gpu->index = 0;
  auto& processes = frame.gpu->processes;
  for (int i = 0; i < 5000; ++i) {
    processes.items.push_back({.pid = i, .kind = "compute", .memory_bytes = 1});
  }
  processes.status = reading_of(int64_t{5000}, kNow);
  const std::string bytes = encode(frame, kNow);
  EXPECT_LE(bytes.size(), kMaxFrame);
  const auto back = decode_frame(bytes, kNow);
  ASSERT_TRUE(back.has_value());
  EXPECT_FALSE(back->gpu->processes.items.empty());
  EXPECT_NE(back->gpu->processes.status.why.find("of 5000"), std::string::npos);
}

}  // namespace
}  // namespace gpuward::probe
