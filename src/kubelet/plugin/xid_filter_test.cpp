#include "kubelet/plugin/xid_filter.h"

#include <gtest/gtest.h>

#include <set>

#include "diagnosis/xid_table.h"

namespace gpuward::kubelet::plugin {
namespace {

using Table = std::map<int, bool>;

// The tables of NVIDIA's TestNewHealthCheckXIDs and
// TestGetDisabledHealthCheckXids.
TEST(XidFilter, H1_lists_are_read_as_nvidias) {
  const auto listed = [](std::string_view text) {
    Table table = XidFilter(text, "").table();
    for (const int ignored : {13, 31, 43, 45, 68, 109}) table.erase(ignored);
    return table;
  };
  EXPECT_EQ(listed(""), Table{});
  EXPECT_EQ(listed(","), Table{});
  EXPECT_EQ(listed("not-an-int"), Table{});
  EXPECT_EQ(listed("67"), (Table{{67, true}}));
  EXPECT_EQ(listed("-67"), Table{});
  EXPECT_EQ(listed("67  "), (Table{{67, true}}));
  EXPECT_EQ(listed("67,"), (Table{{67, true}}));
  EXPECT_EQ(listed(",67"), (Table{{67, true}}));
  EXPECT_EQ(listed("66,67"), (Table{{66, true}, {67, true}}));
  EXPECT_EQ(listed("66,not-an-int,67"), (Table{{66, true}, {67, true}}));
}

struct Row {
  std::string enabled, disabled;
  bool all_disabled;
  Table contents, asked;
};

TEST(XidFilter, H1_disable_and_enable_are_nvidias) {
  const Table ignored = {{13, true}, {31, true}, {43, true},
                         {45, true}, {68, true}, {109, true}};
  const auto with = [&ignored](Table more) {
    more.insert(ignored.begin(), ignored.end());
    return more;
  };
  const Row rows[] = {
      {"", "", false, ignored, ignored},
      {"", "all", true, with({{0, true}}), with({{555, true}})},
      {"", "xids", true, with({{0, true}}), with({{555, true}})},
      {"", "XIDS", true, with({{0, true}}), with({{555, true}})},
      {"all",
       "",
       false,
       with({{0, false}}),
       {{13, false},
        {31, false},
        {43, false},
        {45, false},
        {68, false},
        {109, false},
        {555, false}}},
      {"11", "11", false, with({{11, false}}),
       with({{11, false}, {555, false}})},
      {"31", "", false, with({{31, false}}), with({{31, false}, {555, false}})},
  };
  for (const Row& row : rows) {
    const XidFilter filter(row.disabled, row.enabled);
    EXPECT_EQ(filter.table(), row.contents) << row.enabled << row.disabled;
    EXPECT_EQ(filter.all_disabled(), row.all_disabled);
    for (const auto& [xid, disabled] : row.asked) {
      EXPECT_EQ(filter.disabled(xid), disabled)
          << xid << " " << row.enabled << " " << row.disabled;
    }
  }
}

XidEvent xid(int code, std::string text = "") {
  return {"0000:0f:00.0", code,         Wall{},
          std::nullopt,   std::nullopt, std::move(text)};
}

XidWeight weight(int code, std::string text = "") {
  return weight_of(XidFilter(), xid(code, std::move(text)));
}

TEST(XidWeight, H3_the_catalogue_decides) {
  for (const int code : {13, 31, 43, 45, 68, 109}) {
    EXPECT_EQ(weight(code), XidWeight::nothing) << code;  // NVIDIA's list
  }
  for (const int code : {8, 11, 25, 69, 88, 108, 137, 14, 106, 174}) {
    EXPECT_EQ(weight(code), XidWeight::nothing) << code;
  }
  for (const int code : {46, 48,  57,  62,  63,  64,  74,  79,  90,  92, 94,
                         95, 110, 119, 120, 122, 140, 143, 155, 158, 173}) {
    EXPECT_EQ(weight(code), XidWeight::until_reset) << code;
  }
  for (const int code : {1, 32, 37, 38, 54, 66, 73, 121, 160, 176, 977}) {
    EXPECT_EQ(weight(code), XidWeight::passing) << code;
  }
}

// An entry whose words change must not change what it does unseen.
TEST(XidWeight, EveryOneOfTheTableHasItsWeight) {
  std::set<int> until_reset;
  for (const diagnosis::XidRow& row : diagnosis::xid_rows()) {
    if (weight(row.code) == XidWeight::until_reset)
      until_reset.insert(row.code);
  }
  EXPECT_EQ(until_reset,
            (std::set<int>{44,  46,  48,  57,  58,  59,  61,  62,  63,  64,
                           74,  79,  90,  92,  94,  95,  110, 119, 120, 122,
                           123, 124, 125, 136, 140, 143, 155, 156, 158, 159,
                           166, 167, 168, 169, 172, 173, 175}));
}

TEST(XidWeight, OfNvlinksTheLineDecides) {
  EXPECT_EQ(weight(145, "RLW_SRC_TRACK Nonfatal XC1 i0 Link 07 (0x0 0x4)"),
            XidWeight::passing);
  EXPECT_EQ(weight(145, "RLW_CTRL Fatal XC1 i0 Link 07 (0x0 0x4)"),
            XidWeight::until_reset);
  EXPECT_EQ(weight(149, "odd words"), XidWeight::passing);
}

TEST(XidWeight, OfTheRecoveryActionItsNewValueDecides) {
  const std::string asks =
      "GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)";
  const std::string asks_no_more =
      "GPU recovery action changed from 0x1 (GPU Reset Required) to 0x0 (None)";
  EXPECT_EQ(weight(154, asks), XidWeight::until_reset);
  EXPECT_EQ(weight(154, asks_no_more), XidWeight::nothing);
  EXPECT_EQ(weight(154, "odd"), XidWeight::passing);
  EXPECT_TRUE(says_recovered(xid(154, asks_no_more)));
  EXPECT_FALSE(says_recovered(xid(154, asks)));
  EXPECT_FALSE(says_recovered(xid(48, asks_no_more)));
}

TEST(XidWeight, H1_the_lists_outrank_the_catalogue) {
  EXPECT_EQ(weight_of(XidFilter("79", ""), xid(79)), XidWeight::nothing);
  EXPECT_EQ(weight_of(XidFilter("all", ""), xid(79)), XidWeight::nothing);
  EXPECT_EQ(weight_of(XidFilter("all", "79"), xid(79)), XidWeight::until_reset);
  EXPECT_EQ(weight_of(XidFilter("all", "79"), xid(48)), XidWeight::nothing);
  EXPECT_EQ(weight_of(XidFilter("", "13"), xid(13)), XidWeight::passing);
  EXPECT_EQ(weight_of(XidFilter("", "all"), xid(8)), XidWeight::passing);
}

}  // namespace
}  // namespace gpuward::kubelet::plugin
