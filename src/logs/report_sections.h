// nvidia-bug-report.log: one event is printed in several of its sections (the
// journal of three boots, files of /var/log, dmesg).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace gpuward::logs {

// One for each file; lines in their order. Outside of such a report it does
// nothing.
class ReportSections {
 public:
  // Lines that must be shown: what begins the report, a section, a boot.
  static constexpr std::string_view kStart = "Start of NVIDIA bug report";
  static constexpr std::string_view kRule =
      "____________________________________________";
  static constexpr std::string_view kBoot = "journalctl -b -";
  static constexpr std::string_view kKernel = "dmesg:";

  // Shows a line; true where it divides sections and says nothing else.
  bool divides(std::string_view line);
  // Which start of the machine lines of this section are of: 0, -1, -2.
  int boot() const { return boot_; }
  // Whether another section has told of this event. `body` is the message
  // without its time.
  bool is_repeated(std::string_view body);

 private:
  struct Told {
    int in_section = 0;
    int section = 0;
    int most = 0;  // of any section so far
  };

  bool report_ = false;
  int section_ = 0;
  int boot_ = 0;
  std::unordered_map<uint64_t, Told> told_;
};

}  // namespace gpuward::logs
