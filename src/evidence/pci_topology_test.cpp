#include "evidence/pci_topology.h"

#include <gtest/gtest.h>

#include "support/temp_tree.h"

namespace gpuward::evidence {
namespace {

TEST(PciTopology, PathIsWhatLiesAboveTheDevice) {
  EXPECT_EQ(path_of_link("../../../devices/pci0000:0c/0000:0c:01.0/"
                         "0000:0d:00.0/0000:0e:00.0/0000:0f:00.0"),
            "pci0000:0c/0000:0c:01.0/0000:0d:00.0/0000:0e:00.0");
  EXPECT_EQ(path_of_link("../../../devices/pci0000:00/0000:05:00.0"),
            "pci0000:00");
  // Arm servers, and a root complex behind a device (VMD).
  EXPECT_EQ(path_of_link("../../../devices/platform/d0000000.pcie/pci000c:00/"
                         "000c:00:01.0/000c:01:00.0"),
            "pci000c:00/000c:00:01.0");
  EXPECT_EQ(path_of_link("../../../devices/pci0000:00/0000:00:0e.0/"
                         "pci10000:00/10000:00:02.0/10000:01:00.0"),
            "pci0000:00/0000:00:0e.0/pci10000:00/10000:00:02.0");
}

TEST(PciTopology, ALinkOfAnotherFormHasNoPath) {
  for (const char* const link :
       {"", "/", "../../../devices/platform/gpu", "/pci", "pci0000:00/x",
        "../../../devices/pci0000:00"}) {
    EXPECT_EQ(path_of_link(link), "") << link;
  }
}

void device(TempTree& tree, const std::string& address,
            const std::string& above, const char* vendor, const char* node) {
  const std::string real = "/sys/devices/" + above + "/" + address;
  tree.file(real + "/vendor", vendor).file(real + "/class", "0x030200\n");
  if (node != nullptr) tree.file(real + "/numa_node", node);
  tree.link("/sys/bus/pci/devices/" + address, "../../.." + real.substr(4));
}

TEST(PciTopology, PlacesOfNvidiaGpusAlone) {
  TempTree tree;
  device(tree, "0000:34:00.0", "pci0000:0c/0000:0c:01.0", "0x10de\n", "1\n");
  tree.link("/sys/devices/pci0000:0c/0000:0c:01.0/0000:34:00.0/driver",
            "../../../../bus/pci/drivers/nvidia");
  device(tree, "0000:0f:00.0", "pci0000:0c", "0x10de\n", "-1\n");
  device(tree, "0000:48:00.0", "pci0000:0c", "0x10de\n", nullptr);
  device(tree, "0000:10:00.0", "pci0000:0c", "0x8086\n", "0\n");
  const auto root = host::Root::open(tree.path());
  ASSERT_TRUE(root);
  const auto places = pci_places(*root);
  ASSERT_TRUE(places) << places.error().text;
  EXPECT_EQ(*places, (std::vector<PciPlace>{
                         {.address = "0000:0f:00.0", .path = "pci0000:0c"},
                         {.address = "0000:34:00.0",
                          .path = "pci0000:0c/0000:0c:01.0",
                          .numa_node = 1,
                          .driver = "nvidia"},
                         {.address = "0000:48:00.0", .path = "pci0000:0c"}}));
}

TEST(PciTopology, NoPciIsAnError) {
  TempTree tree;
  const auto root = host::Root::open(tree.path());
  ASSERT_TRUE(root);
  EXPECT_FALSE(pci_places(*root));
}

}  // namespace
}  // namespace gpuward::evidence
