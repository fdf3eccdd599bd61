#include "ask/answer.h"

#include <gtest/gtest.h>

namespace gpuward::ask {
namespace {

std::string body_of(std::string_view bytes) {
  const auto answer = parse_answer(bytes);
  return answer ? std::to_string(answer->status) + " " + answer->body : "error";
}

TEST(Answer, IsReadByItsLength) {
  EXPECT_EQ(body_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            "200 ok");
  EXPECT_EQ(body_of("HTTP/1.1 500 x\r\ncontent-LENGTH:2\r\n\r\nno and more"),
            "500 no");
  EXPECT_EQ(body_of("HTTP/1.0 401 Unauthorized\r\n\r\nUnauthorized"),
            "401 Unauthorized");
}

TEST(Answer, MayComeInChunks) {
  EXPECT_EQ(body_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "2\r\nab\r\n3;x=1\r\ncde\r\n0\r\n\r\n"),
            "200 abcde");
}

TEST(Answer, ThatIsCutOffIsNone) {
  for (const std::string_view bytes :
       {"", "garbage", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 2x0 OK\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "ffffffffffffffff\r\nab\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"}) {
    EXPECT_EQ(body_of(bytes), "error") << bytes;
  }
}

TEST(Request, ATokenCannotAddLines) {
  const auto good = request_for("/pods", "abc.def");
  ASSERT_TRUE(good);
  EXPECT_NE(good->find("\r\nAuthorization: Bearer abc.def\r\n"),
            std::string::npos);
  EXPECT_FALSE(request_for("/pods", "a\r\nX: y"));
  EXPECT_FALSE(request_for("/pods", "a b"));
  EXPECT_EQ(request_for("/pods", "")->find("Authorization"), std::string::npos);
}

}  // namespace
}  // namespace gpuward::ask
