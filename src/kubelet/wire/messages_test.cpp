#include "kubelet/wire/messages.h"

#include <gtest/gtest.h>

namespace gpuward::kubelet::wire {
namespace {

// A field that no version of the API has: number 99, a string.
const std::string kUnknownField = std::string("\x9a\x06\x03", 3) + "new";

TEST(Messages, EachComesBackAsItWas) {
  const Registration registration{.endpoint = "nvidia-gpu.sock",
                                  .resource = "nvidia.com/gpu",
                                  .options = {.preferred_allocation = true}};
  EXPECT_EQ(decode_registration(encode(registration)), registration);
  EXPECT_EQ(decode_options(encode(registration.options)), registration.options);

  const std::vector<Device> devices = {{"GPU-1", true, {0, 1}},
                                       {"GPU-2", false, {}}};
  EXPECT_EQ(decode_devices(encode(devices)), devices);

  const std::vector<PreferredWish> wishes = {{{"a", "b"}, {"b"}, 2}, {}};
  EXPECT_EQ(decode_preferred_wishes(encode_preferred_wishes(wishes)), wishes);
  const std::vector<DeviceIds> ids = {{"a", "b"}, {}};
  EXPECT_EQ(decode_preferred(encode_preferred(ids)), ids);
  EXPECT_EQ(decode_allocate_wishes(encode_allocate_wishes(ids)), ids);

  const std::vector<Allocation> allocations = {
      {.envs = {{"NVIDIA_VISIBLE_DEVICES", "GPU-1"}},
       .mounts = {{"/c", "/h", true}},
       .nodes = {{"/dev/nvidia0", "/dev/nvidia0", "rw"}},
       .annotations = {{"cdi.k8s.io/x", "y"}},
       .cdi_devices = {"v/c=d"}}};
  EXPECT_EQ(decode_allocations(encode(allocations)), allocations);
}

TEST(Messages, TheBytesAreThoseOfTheApi) {
  EXPECT_EQ(encode(std::vector<Device>{{"G", true, {}}}),
            std::string("\x0a\x0c\x0a\x01G\x12\x07Healthy", 14));
  EXPECT_EQ(encode(PluginOptions{.preferred_allocation = true}), "\x10\x01");
  EXPECT_EQ(encode_preferred({}), "");
}

TEST(Messages, WhatIsNotHealthyIsUnhealthy) {
  const std::string weird("\x0a\x0a\x0a\x01G\x12\x05Weird", 12);
  const auto devices = decode_devices(weird);
  ASSERT_TRUE(devices.has_value());
  EXPECT_FALSE(devices->front().healthy);
}

TEST(Messages, BytesThatMakeNoSenseAreRefused) {
  for (const std::string_view bytes : {"\xff", "\x0a\x50x", "\x0a"}) {
    EXPECT_EQ(decode_devices(bytes).error().kind, Error::Kind::malformed);
    EXPECT_EQ(decode_registration(bytes).error().kind, Error::Kind::malformed);
    EXPECT_FALSE(decode_allocations(bytes).has_value());
    EXPECT_FALSE(all_unhealthy(bytes).has_value());
  }
}

TEST(Messages, ChangesKeepWhatIsNotKnown) {
  const Registration registration{.endpoint = "theirs.sock", .resource = "a/b"};
  const auto changed =
      with_endpoint(encode(registration) + kUnknownField, "ours.sock");
  ASSERT_TRUE(changed.has_value());
  EXPECT_TRUE(changed->ends_with(kUnknownField));
  EXPECT_EQ(decode_registration(*changed)->endpoint, "ours.sock");

  const auto sick = all_unhealthy(
      encode(std::vector<Device>{{"GPU-1", true, {1}}}) + kUnknownField);
  ASSERT_TRUE(sick.has_value());
  EXPECT_TRUE(sick->ends_with(kUnknownField));
  EXPECT_EQ(*decode_devices(*sick),
            (std::vector<Device>{{"GPU-1", false, {1}}}));
}

}  // namespace
}  // namespace gpuward::kubelet::wire
