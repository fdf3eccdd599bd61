// Bad input: nothing hangs, nothing is lost, and what is wrong is said.
#include "logs/log_reader.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>

#include "logs/line_scan.h"

namespace gpuward::logs {
namespace {

const std::vector<std::string> kLiterals = {"needle here"};

class Reading : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/gpuward-log-XXXXXX";
    dir_ = mkdtemp(name);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  std::string write(std::string_view content) {
    const std::string path = dir_ + "/log";
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  Result<LogSummary> read(const std::string& path, Millis patience = 5s) {
    lines_.clear();
    LogReader reader(
        kLiterals, [&](size_t, const Evidence& one) { lines_.push_back(one); });
    LogOptions options;
    options.deadline = BootClock::now() + patience;
    options.only_one = true;
    auto summary = reader.read(path, options);
    reader.finish();
    return summary;
  }
  static std::string packed(const std::string& text) {
    std::string out(text.size() + 1000, '\0');
    z_stream zlib{};
    deflateInit2(&zlib, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    zlib.avail_in = static_cast<uInt>(text.size());
    zlib.next_out = reinterpret_cast<Bytef*>(out.data());
    zlib.avail_out = static_cast<uInt>(out.size());
    deflate(&zlib, Z_FINISH);
    out.resize(zlib.total_out);
    deflateEnd(&zlib);
    return out;
  }

  std::string dir_;
  std::vector<Evidence> lines_;
};

TEST_F(Reading, LinesHaveTheirNumbers) {
  const auto summary = read(write("a\r\n\nneedle here\r\nb\nx needle here"));
  ASSERT_TRUE(summary);
  ASSERT_EQ(lines_.size(), 2u);
  EXPECT_EQ(lines_[0].text, "needle here");
  EXPECT_EQ(lines_[0].line, 3);
  EXPECT_EQ(lines_[1].line, 5);
  EXPECT_EQ(summary->lines, 5);
  EXPECT_TRUE(summary->gaps.empty());
}

TEST_F(Reading, MissingAndUnreadable) {
  const auto missing = read(dir_ + "/none");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, Error::Kind::not_found);
  EXPECT_NE(missing.error().text.find("none"), std::string::npos);
  const std::string path = write("x");
  chmod(path.c_str(), 0);
  if (geteuid() != 0) {
    EXPECT_NE(read(path).error().text.find("root"), std::string::npos);
  }
}

TEST_F(Reading, AnEmptyFileIsAGap) {
  const auto summary = read(write(""));
  ASSERT_TRUE(summary);
  ASSERT_EQ(summary->gaps.size(), 1u);
  EXPECT_NE(summary->gaps[0].why.find("is empty"), std::string::npos);
}

TEST_F(Reading, BinaryIsSearchedAndSaidToBeSo) {
  std::string data(5000, '\0');
  data += "\xff\xfe\n\x80 needle here \x81\n";
  const auto summary = read(write(data));
  ASSERT_TRUE(summary);
  EXPECT_EQ(lines_.size(), 1u);
  ASSERT_EQ(summary->gaps.size(), 1u);
  EXPECT_NE(summary->gaps[0].why.find("not text"), std::string::npos);
}

TEST_F(Reading, GzipWholeInTwoMembersAndCut) {
  std::string text;
  for (int i = 0; i < 20000; ++i) text += std::to_string(i * 7919) + " line\n";
  const std::string whole = packed("needle here\n" + text);
  auto summary = read(write(whole + packed("needle here\n")));
  ASSERT_TRUE(summary);
  EXPECT_EQ(lines_.size(), 2u);
  EXPECT_TRUE(summary->gaps.empty());

  summary = read(write(whole.substr(0, whole.size() / 2)));
  ASSERT_TRUE(summary);
  EXPECT_EQ(lines_.size(), 1u);
  ASSERT_EQ(summary->gaps.size(), 1u);
  EXPECT_NE(summary->gaps[0].why.find("cut"), std::string::npos);
}

TEST_F(Reading, AFifoWithoutAWriterDoesNotHang) {
  const std::string path = dir_ + "/fifo";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const auto begun = BootClock::now();
  const auto summary = read(path, 200ms);
  EXPECT_LT(BootClock::now() - begun, 3s);
  ASSERT_TRUE(summary);
  ASSERT_FALSE(summary->gaps.empty());
  EXPECT_NE(summary->gaps[0].why.find("in time"), std::string::npos);
}

TEST_F(Reading, AHundredMegabyteLineInBoundedMemory) {
  const std::string path = dir_ + "/log";
  {
    std::ofstream out(path, std::ios::binary);
    out << "needle here, and then ";
    const std::string piece(1 << 20, 'x');
    for (int i = 0; i < 100; ++i) out << piece;
    out << " needle here\nneedle here\n";
  }
  rusage before{};
  getrusage(RUSAGE_SELF, &before);
  const auto summary = read(path, 60s);
  rusage after{};
  getrusage(RUSAGE_SELF, &after);
  ASSERT_TRUE(summary);
  ASSERT_EQ(lines_.size(), 2u);
  EXPECT_EQ(lines_[0].text.size(), LineScan::kLongest);
  EXPECT_EQ(lines_[1].line, 2);
  ASSERT_EQ(summary->gaps.size(), 1u);
  EXPECT_NE(summary->gaps[0].why.find("64 KiB"), std::string::npos);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 40 << 10);  // KiB
}

TEST(LineScan, AnOpenGateShowsEveryLine) {
  const matching::LiteralGate gate({"x"});
  std::string seen;
  const LineScan::Sink sink = [&](std::string_view line, int64_t number) {
    seen += std::to_string(number) + ":" + std::string(line) + ";";
  };
  LineScan scan(gate, sink);
  scan.feed("one\n\n\nfour\nfive");
  scan.finish();
  EXPECT_EQ(seen, "1:one;2:;3:;4:four;5:five;");
}

TEST(LineScan, FollowsWhereItIsAskedTo) {
  const matching::LiteralGate gate({"needle"});
  const std::string text = "a\nneedle\nb\n\nc\nd";
  for (size_t size = 1; size <= text.size(); ++size) {
    std::string seen;
    LineScan* running = nullptr;
    const LineScan::Sink sink = [&](std::string_view line, int64_t number) {
      seen += std::to_string(number) + ":" + std::string(line) + ";";
      if (line == "needle") running->follow(3);
    };
    LineScan scan(gate, sink);
    running = &scan;
    for (size_t at = 0; at < text.size(); at += size) {
      scan.feed(std::string_view(text).substr(at, size));
    }
    scan.finish();
    EXPECT_EQ(seen, "2:needle;3:b;4:;5:c;") << size;
  }
}

TEST(LineScan, TheSameWhereverBlocksEnd) {
  const matching::LiteralGate gate({"needle here"});
  const std::string text =
      "one\nneedle here 1\n\r\nthree needle here\r\nx\nneedle here last";
  for (size_t size = 1; size <= text.size(); ++size) {
    std::string seen;
    const LineScan::Sink sink = [&](std::string_view line, int64_t number) {
      seen += std::to_string(number) + ":" + std::string(line) + ";";
    };
    LineScan scan(gate, sink);
    for (size_t at = 0; at < text.size(); at += size) {
      scan.feed(std::string_view(text).substr(at, size));
    }
    scan.finish();
    EXPECT_EQ(seen, "2:needle here 1;4:three needle here;6:needle here last;")
        << size;
    EXPECT_EQ(scan.lines(), 6) << size;
  }
}

}  // namespace
}  // namespace gpuward::logs
