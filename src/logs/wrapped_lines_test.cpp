// Lines that were wrapped by whoever posted them.
#include "logs/wrapped_lines.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "logs/pile_for_tests.h"

namespace gpuward::logs {
namespace {

using testing::Pile;
using testing::tell;

class Bytes final : public ByteSource {
 public:
  explicit Bytes(std::string text) : text_(std::move(text)) {}
  Result<size_t> read(char* buffer, size_t size) override {
    const size_t count = std::min(size, text_.size() - at_);
    text_.copy(buffer, count, at_);
    at_ += count;
    return count;
  }

 private:
  std::string text_;
  size_t at_ = 0;
};

std::string unwrapped(const std::string& text) {
  static const matching::LiteralGate gate(
      {"fallen off the bus", "Xid (", "Driver/library version mismatch",
       "blocked for more than", "Unable to determine the device handle"});
  Bytes bytes(text);
  WrappedLines lines(bytes, gate);
  std::string out;
  char buffer[512];
  while (true) {
    const auto got = lines.read(buffer, sizeof(buffer));
    if (!got || *got == 0) break;
    out.append(buffer, *got);
  }
  return out;
}

enum class Break { anywhere, at_words };

// As a terminal or a mail of that width shows it.
std::string wrapped(const std::string& line, size_t width, Break how,
                    const std::string& margin) {
  std::string out;
  std::string rest = line;
  while (rest.size() > width) {
    size_t at = width;
    if (how == Break::at_words) {
      at = rest.rfind(' ', width);
      if (at == std::string::npos || at == 0) at = width;
    }
    out += rest.substr(0, at) + "\n";
    rest.erase(0, at);
    if (how == Break::at_words && rest.starts_with(' ')) rest.erase(0, 1);
    rest = margin + rest;
  }
  return out + rest + "\n";
}

std::string without_empty(const std::string& text) {
  std::string out;
  for (const auto line : split(text, '\n')) {
    if (!line.empty()) out += std::string(line) + "\n";
  }
  return out;
}

// Without blanks.
std::string letters(const std::string& text) {
  std::string out = without_empty(text);
  std::erase(out, ' ');
  return out;
}

TEST(WrappedLines, ComeTogetherAtEveryWidth) {
  const std::vector<std::string> lines = {
      "[341115.123456] NVRM: Xid (PCI:0000:3b:00): 79, pid=4711, "
      "name=python3, GPU has fallen off the bus.",
      "Jul 30 20:39:03 gpu-07 kernel: NVRM: Xid (PCI:0000:3b:00): 119, pid=7, "
      "name=nvidia-smi, Timeout after 6s of waiting for RPC response from GPU0 "
      "GSP! Expected function 76 (GSP_RM_CONTROL) (0x20800a4c 0x4).",
      "Jul 30 20:39:20 gpu-07.example.com kernel: [341132.123456] INFO: task "
      "nvidia-device-p:12345 blocked for more than 122 seconds.",
  };
  std::string all;
  for (const auto& line : lines) all += line + "\n";
  for (size_t width = 72; width <= 120; ++width) {
    for (const Break how : {Break::anywhere, Break::at_words}) {
      std::string log;
      for (const auto& line : lines) log += wrapped(line, width, how, "");
      const std::string out = unwrapped(log);
      EXPECT_EQ(std::ranges::count(out, '\n'), std::ranges::count(log, '\n'));
      EXPECT_EQ(letters(out), letters(all)) << width;
      // A line that is full by chance looks like one that was cut.
      const bool sure = how == Break::at_words ? width < 80 : width >= 80;
      if (!sure) continue;
      EXPECT_EQ(without_empty(out), all) << width;
    }
  }
}

TEST(WrappedLines, UnrelatedOnesStayApart) {
  const std::string texts[] = {
      "[ 1.123456] NVRM: loading NVIDIA UNIX x86_64 Kernel Module  535.161.08\n"
      "[ 2.123456] nvidia-modeset: Loading NVIDIA Kernel Mode Setting Driver\n",
      "[341115.123456] NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the "
      "bus.\nWe have rebooted the machine since, and it has happened again.\n",
      "[341115.123456] nvidia: loading out-of-tree module taints kernel.\n"
      "| NVIDIA-SMI 570.158.01   Driver Version: 570.158.01   CUDA 12.8 |\n",
      "We see this on three of our machines, all of them the same model, "
      "since\n"
      "the upgrade of last week. Nothing else has changed as far as we know.\n",
      "[341115.123456] Call Trace:\n __schedule+0x2d7/0x680\n",
      "2025-07-30 20:39:03 a short line\nand another one\n",
  };
  for (const std::string& text : texts) EXPECT_EQ(unwrapped(text), text);
}

TEST(WrappedLines, SentencesOfToolsWithoutATime) {
  const std::pair<std::string, std::string> table[] = {
      {"Failed to initialize NVML: Driver/library version\nmismatch\n",
       "Failed to initialize NVML: Driver/library version mismatch\n"},
      {"Failed to initialize NVML: Driver/library ver\nsion mismatch\n",
       "Failed to initialize NVML: Driver/library version mismatch\n"},
      {"Some say: Unable to determine the device\n    handle for GPU0000:0F\n",
       "Some say: Unable to determine the device handle for GPU0000:0F\n"},
      {"> it says that the GPU has fallen off\n> the bus, and then nothing\n",
       "> it says that the GPU has fallen off the bus, and then nothing\n"},
      {"yesterday we saw NVRM: Xid (PCI:0000:3b\n:00): 7\n9, pid=1, name=x\n",
       "yesterday we saw NVRM: Xid (PCI:0000:3b:00): 7\n9, pid=1, name=x\n"},
      {"> [341115.123456] NVRM: Xid (PCI:0000:0f:00): 79, pid='<unknown>', "
       "name=\n> <unknown>, GPU has fallen off the bus.\n",
       "> [341115.123456] NVRM: Xid (PCI:0000:0f:00): 79, pid='<unknown>', "
       "name=<unknown>, GPU has fallen off the bus.\n"},
      {"[ 12.345678] pcieport 0000:00:01.0: AER: NVRM: Xid (PCI:0000:3b\n"
       ":00): 79, x\n",
       "[ 12.345678] pcieport 0000:00:01.0: AER: NVRM: Xid "
       "(PCI:0000:3b:00): 79, x\n"},
  };
  for (const auto& [text, wanted] : table) {
    EXPECT_EQ(without_empty(unwrapped(text)), wanted);
  }
}

TEST(WrappedLines, ALineKeepsItsNumber) {
  const Pile pile;
  const auto told = tell({pile.write(
      "ticket",
      "Hello,\n\n> [341115.123456] NVRM: Xid (PCI:0000:3b:00): 79, pid=4711,\n"
      "> name=python3, GPU has fallen off the bus.\n\nPlease help.\n"
      "[341118.123456] NVRM: Xid (PCI:0000:3b:00): 45, pid=1, x\n")});
  ASSERT_EQ(told.lines.size(), 2u);
  EXPECT_EQ(told.lines[0].second.line, 3);
  EXPECT_EQ(told.lines[1].second.line, 7);
  EXPECT_NE(told.lines[0].second.text.find("pid=4711, name=python3, GPU has"),
            std::string::npos);
}

TEST(WrappedLines, AMegabyteWithoutAnyEndsTheSearch) {
  std::string text;
  while (text.size() < (size_t{3} << 20)) {
    text += "[341115.123456] an ordinary line of an ordinary log\n";
  }
  const std::string split_late =
      "[341115.123456] the GPU, or so it says, has fallen off\nthe bus\n";
  EXPECT_TRUE(unwrapped(text + split_late).ends_with(split_late));
  EXPECT_EQ(
      unwrapped(split_late + text).substr(0, 66),
      "[341115.123456] the GPU, or so it says, has fallen off the bus\n\n[3");
}

TEST(WrappedLines, JoinsAnXidBrokenBehindItsAddress) {
  EXPECT_EQ(unwrapped("NVRM: Xid (PCI:0000:3b:00):\n"
                      "79, pid=7, name=trainer, GPU has fallen off the bus.\n"),
            "NVRM: Xid (PCI:0000:3b:00): 79, pid=7, name=trainer, GPU has "
            "fallen off the bus.\n\n");
}

}  // namespace
}  // namespace gpuward::logs
