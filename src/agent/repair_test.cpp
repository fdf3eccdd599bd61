#include "agent/repair.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gpuward::agent {
namespace {

// The code and the catalogue say the same of each fault.
TEST(Repair, TheCatalogueNamesWhatHasOne) {
  const auto catalogue = diagnosis::load_catalogue();
  ASSERT_TRUE(catalogue.has_value()) << catalogue.error().text;
  for (const diagnosis::Fault& fault : catalogue->faults) {
    const bool promised = std::ranges::any_of(
        fault.remedies, [](const diagnosis::RemedyRule& rule) {
          return rule.remedy.applies_by == Remedy::AppliesBy::repair;
        });
    EXPECT_EQ(has_repair(fault.id), promised) << fault.id;
  }
}

}  // namespace
}  // namespace gpuward::agent
