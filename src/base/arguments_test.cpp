#include "base/arguments.h"

#include <gtest/gtest.h>

namespace gpuward {
namespace {

using Words = std::vector<std::string>;

TEST(Arguments, AnEmptyValueIsAWordOfItsOwn) {
  EXPECT_EQ(with_empty_values({"gpuward", "doctor",
                               "--root=", "--log=x=", "-=", "--", "--root="}),
            (Words{"gpuward", "doctor", "--root", "", "--log=x=", "-=", "--",
                   "--root="}));
}

TEST(Arguments, HelpIsAnOptionOfTheVerb) {
  EXPECT_EQ(with_help_last({"gpuward", "help", "links", "create"}),
            (Words{"gpuward", "links", "create", "--help"}));
  EXPECT_EQ(with_help_last({"gpuward", "help"}), (Words{"gpuward", "--help"}));
  EXPECT_EQ(with_help_last({"gpuward", "explain", "help"}),
            (Words{"gpuward", "explain", "help"}));
}

TEST(Arguments, AnUnknownOptionNamesTheNearest) {
  const Words options = {"--patience", "--log", "--json"};
  EXPECT_EQ(unexpected_argument("--patiance=3", "gpuward doctor", options),
            "gpuward doctor has no option --patiance: did you mean "
            "--patience?");
  EXPECT_EQ(unexpected_argument("--zzzzzzzz", "gpuward doctor", options),
            "gpuward doctor has no option --zzzzzzzz: see `gpuward doctor "
            "--help`");
  EXPECT_EQ(unexpected_argument("x.log", "gpuward doctor", options),
            "unexpected argument 'x.log': see `gpuward doctor --help`");
}

}  // namespace
}  // namespace gpuward
