// The same fault in every form of log gives the same first finding.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "logs/pile_for_tests.h"
#include "logs/unwrap.h"

namespace gpuward::logs {
namespace {

using testing::first_finding;
using testing::Pile;
using testing::tell;

const std::vector<std::string> kFault = {
    "pcieport 0000:3a:00.0: pciehp: Slot(7): Link Down",
    "NVRM: GPU at PCI:0000:3b:00: GPU-2f815c32-8d13-5d4e-8d29-1c8b4b2f1f00",
    "NVRM: Xid (PCI:0000:3b:00): 79, pid='<unknown>', name=<unknown>, GPU has "
    "fallen off the bus.",
    "NVRM: GPU 0000:3b:00.0: GPU has fallen off the bus.",
    "NVRM: A GPU crash dump has been created. If possible, please run",
    "NVRM: nvidia-bug-report.sh as root to collect this data before",
};

struct Form {
  const char* name;
  const char* before;  // the message
  const char* after;
  bool escaped = false;                           // the message stands in JSON
  const char* when = "2025-07-30T20:39:03.000Z";  // "" where it has none
};

constexpr Form kForms[] = {
    {"dmesg", "[341115.123456] ", "\n", false, ""},
    {"dmesg without stamps", "", "\n", false, ""},
    {"dmesg -T", "[Wed Jul 30 20:39:03 2025] ", "\n"},
    {"dmesg -x", "kern  :err   : [341115.123456] ", "\n", false, ""},
    {"dmesg -x -T", "kern  :warn  : [Wed Jul 30 20:39:03 2025] ", "\n"},
    {"dmesg -r", "<3>[341115.123456] ", "\n", false, ""},
    {"dmesg iso", "2025-07-30T22:39:03,000000+02:00 ", "\n"},
    {"/dev/kmsg", "3,1234,341115123456,-;", "\n", false, ""},
    {"with the caller", "[341115.123456][ T1234] ", "\n", false, ""},
    {"journalctl", "Jul 30 20:39:03 gpu-07 kernel: ", "\n"},
    {"journalctl with stamps",
     "Jul 30 20:39:03 gpu-07 kernel: [341115.123456] ", "\n"},
    {"short-iso", "2025-07-30T20:39:03+0000 gpu-07 kernel: ", "\n"},
    {"short-iso elsewhere", "2025-07-30T13:39:03-07:00 gpu-07 kernel: ", "\n"},
    {"short-precise", "Jul 30 20:39:03.000123 gpu-07 kernel: ", "\n"},
    {"short-full", "Wed 2025-07-30 20:39:03 UTC gpu-07 kernel: ", "\n"},
    {"short-unix", "1753907943.000000 gpu-07 kernel: ", "\n"},
    {"short-monotonic", "[341115.123456] gpu-07 kernel: ", "\n", false, ""},
    {"journal json",
     R"({"_HOSTNAME":"gpu-07","PRIORITY":"3","SYSLOG_IDENTIFIER":"kernel",)"
     R"("_TRANSPORT":"kernel","__REALTIME_TIMESTAMP":"1753907943000000",)"
     R"("MESSAGE":")",
     "\"}\n", true},
    {"journal export",
     "__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=1753907943000000\n"
     "_HOSTNAME=gpu-07\nSYSLOG_IDENTIFIER=kernel\n_TRANSPORT=kernel\nMESSAGE=",
     "\nPRIORITY=3\n\n"},
    {"journalctl -o verbose",
     "Wed 2025-07-30 20:39:03.000123 UTC [s=0f1e;i=2a;b=77;m=1;t=2;x=3]\n"
     "    _TRANSPORT=kernel\n    PRIORITY=3\n    _HOSTNAME=gpu-07\n"
     "    SYSLOG_IDENTIFIER=kernel\n    MESSAGE=",
     "\n    _BOOT_ID=77\n"},
    {"rfc 3164", "<3>Jul 30 20:39:03 gpu-07 kernel: [341115.123456] ", "\n"},
    {"rfc 5424",
     "<3>1 2025-07-30T20:39:03.000000Z gpu-07 kernel - - - [341115.123456] ",
     "\n"},
    {"rfc 5424 with data",
     "<3>1 2025-07-30T20:39:03Z gpu-07.example.com kernel - - "
     "[origin x=\"y\"] \xef\xbb\xbf",
     "\n"},
    {"rsyslog",
     "2025-07-30T20:39:03.000000+00:00 gpu-07 kernel: [341115.123456] ", "\n"},
    {"docker json", R"({"log":")",
     R"(\n","stream":"stderr","time":"2025-07-30T20:39:03.000000001Z"})"
     "\n",
     true},
    {"cri", "2025-07-30T20:39:03.000000001Z stderr F ", "\n"},
    {"json in cri", R"(2025-07-30T20:39:03Z stdout F {"level":"warn","msg":")",
     "\"}\n", true},
    {"zap", R"({"level":"warn","ts":1753907943.000000,"msg":")", "\"}\n", true},
    {"talos", "10.5.0.2: kern: warning: [2025-07-30T20:39:03.000Z]: ", "\n"},
    {"talos, one node", "kern:    err: [2025-07-30T20:39:03.000Z]: ", "\n"},
    {"serial console", "\x1b[0;33m[341115.123456] ", "\x1b[0m\r\n", false, ""},
    {"a number and the line", "67035 Jul 30 20:39:03 gpu-07 kernel: ", "\n"},
    {"grep -n", "12:Jul 30 20:39:03 gpu-07 kernel: ", "\n"},
    {"grep -H", "/var/log/kern.log:Jul 30 20:39:03 gpu-07 kernel: ", "\n"},
    {"kubectl logs --prefix --timestamps",
     "[pod/dmesg-abc12/dmesg] 2025-07-30T20:39:03.000000001Z [341115.123456] ",
     "\n"},
    {"docker compose", "watcher-1  | [341115.123456] ", "\n", false, ""},
    {"docker-compose",
     "kernel_watcher_12 | Jul 30 20:39:03 gpu-07 kernel: ", "\n"},
    {"pdsh", "gpu-07: [341115.123456] ", "\n", false, ""},
    {"pdsh of dmesg -T", "gpu-07: [Wed Jul 30 20:39:03 2025] ", "\n"},
    {"clush of journalctl",
     "gpu-07.mgmt: Jul 30 20:39:03 gpu-07 kernel: ", "\n"},
    {"pdsh without stamps", "gpu-07: ", "\n", false, ""},
    {"syslog-ng", "2025-07-30T20:39:03+00:00 gpu-07 kernel: [341115.123456] ",
     "\n"},
    {"with-unit", "Wed 2025-07-30 20:39:03 UTC gpu-07 kernel: ", "\n"},
    {"dmesg -H", "[Jul30 20:39] ", "\n", false, ""},
    {"dmesg -H, after the first", "[  +0.000012] ", "\n", false, ""},
    {"netconsole, extended", "3,1234,341115123456,-,ncfrag=0/99;", "\n", false,
     ""},
    {"html", "&lt;3&gt;[341115.123456] ", "<br>\n", false, ""},
    {"html, quoted", "&gt; &gt; [341115.123456]&nbsp;", "\n", false, ""},
    {"code in a table", "| 20:39 | `[341115.123456] ", "` |\n", false, ""},
    {"a window's title", "\x1b]0;root@x\x07\x1b[1m[341115.123456]\x1b[0m ",
     "\x1b[K\r\n", false, ""},
    {"behind a progress bar", "10%\r20%\r[341115.123456] ", "\n", false, ""},
    {"fluentd",
     R"({"stream":"stderr","kubernetes":{"pod_name":"p","host":"gpu-07",)"
     R"("labels":{"app":"x"}},"@timestamp":"2025-07-30T20:39:03.000Z",)"
     R"("message":")",
     "\"}\n", true},
    {"fluent-bit of kmsg",
     R"({"date":1753907943.000000,"priority":3,"hostname":"gpu-07","log":")",
     "\"}\n", true},
    {"vector",
     R"({"host":"gpu-07","source_type":"journald","SYSLOG_IDENTIFIER":"kernel",)"
     R"("timestamp":"2025-07-30T20:39:03.000000Z","message":")",
     "\"}\n", true},
    {"filebeat",
     R"({"@timestamp":"2025-07-30T20:39:03.000Z","host":{"name":"gpu-07"},)"
     R"("log":{"file":{"path":"/var/log/kern.log"}},"message":")",
     "\"}\n", true},
    {"elastic",
     R"({"_index":"k","_source":{"@timestamp":"2025-07-30T20:39:03.000Z",)"
     R"("host":{"hostname":"gpu-07"},"message":")",
     "\"}}\n", true},
    {"logcli -o jsonl",
     R"({"labels":{"job":"kernel","node":"gpu-07"},)"
     R"("timestamp":"2025-07-30T20:39:03Z","line":")",
     "\"}\n", true},
    {"cloudwatch", R"({"timestamp":1753907943000,"message":")",
     R"(","ingestionTime":1753907945000})"
     "\n",
     true},
    {"stackdriver",
     R"({"resource":{"type":"k8s_node","labels":{"node_name":"gpu-07"}},)"
     R"("timestamp":"2025-07-30T20:39:03Z","jsonPayload":{"MESSAGE":")",
     "\"}}\n", true},
    {"quoted twice", "> > [341115.123456] ", "\n", false, ""},
    {"code in a report", "    [341115.123456] ", "\n", false, ""},
    {"carriage returns", "Jul 30 20:39:03 gpu-07 kernel: ", "\r\n"},
};

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    // Go escapes what HTML would mind.
    if (c == '<') {
      out += "\\u003c";
    } else if (c == '>') {
      out += "\\u003e";
    } else {
      out += c;
    }
  }
  return out;
}

std::string log_in(const Form& form) {
  std::string log;
  for (const std::string& message : kFault) {
    log += form.before;
    log += form.escaped ? escaped(message) : message;
    log += form.after;
  }
  return log;
}

TEST(Formats, TheSameFaultInEachGivesTheSameFirstFinding) {
  for (const Form& form : kForms) {
    const Pile pile;
    const auto told = tell({pile.write("log", log_in(form))});
    ASSERT_EQ(told.diagnoses.size(), 1u) << form.name;
    const auto& [machine, diagnosis] = *told.diagnoses.begin();
    ASSERT_FALSE(diagnosis.findings.empty()) << form.name;
    const Finding& first = diagnosis.findings.front();
    EXPECT_EQ(first.id, "gpu-fallen-off-bus") << form.name;
    EXPECT_EQ(first.subject.name, "0000:3b:00.0") << form.name;
    std::string named;
    for (const char* host : {"gpu-07", "10.5.0.2"}) {
      if (std::string_view(form.before).find(host) != std::string::npos) {
        named = host;
      }
    }
    EXPECT_EQ(machine, named) << form.name;
    for (const auto& [name, line] : told.lines) {
      const std::string when = line.when ? to_iso(*line.when) : "";
      EXPECT_EQ(when.substr(0, 20), std::string(form.when).substr(0, 20))
          << form.name << ": " << line.text;
      EXPECT_EQ(line.text.find('\x1b'), std::string::npos) << form.name;
    }
  }
}

std::string utf16(std::string_view text, bool big) {
  std::string out = big ? "\xfe\xff" : "\xff\xfe";
  for (const char c : text) {
    if (big) out += '\0';
    out += c;
    if (!big) out += '\0';
  }
  return out;
}

std::string with_returns(std::string text) {
  std::ranges::replace(text, '\n', '\r');
  return text;
}

// All messages as JSON, each between `before` and `after`.
std::string document(const char* start, const char* before, const char* after,
                     const char* end) {
  std::string out = start;
  for (const std::string& message : kFault) {
    if (&message != &kFault.front()) out += ",";
    out += before + escaped(message) + after;
  }
  return out + end;
}

TEST(Formats, WholeFilesThatAreWrittenInAnotherWay) {
  const std::string log = log_in(kForms[9]);
  const std::string pretty = document(
      "[\n",
      "  {\n    \"_HOSTNAME\" : \"gpu-07\",\n    \"_TRANSPORT\" : "
      "\"kernel\",\n    \"__REALTIME_TIMESTAMP\" : \"1753907943000000\",\n"
      "    \"MESSAGE\" : \"",
      "\"\n  }", "\n]\n");
  std::string one_by_one = document(
      "",
      "{\n\t\"_HOSTNAME\" : \"gpu-07\",\n\t\"SYSLOG_IDENTIFIER\" : "
      "\"kernel\",\n\t\"__REALTIME_TIMESTAMP\" : \"1753907943000000\",\n"
      "\t\"MESSAGE\" : \"",
      "\"\n}\n", "");
  const std::pair<const char*, std::string> kTable[] = {
      {"utf-16, little", utf16(log, false)},
      {"utf-16, big", utf16(log, true)},
      {"utf-8 with a mark", "\xef\xbb\xbf" + log},
      {"returns alone", with_returns(log)},
      {"an array of objects", pretty},
      {"journalctl -o json-pretty", one_by_one},
      {"loki",
       document(
           R"({"status":"success","data":{"resultType":"streams","result":[)"
           R"({"stream":{"job":"k","node":"gpu-07"},"values":[)",
           R"(["1753907943000000000",")", "\"]", "]}]}}\n")},
      {"elastic",
       document(
           "{\n \"took\": 3, \"hits\": {\"total\": 6, \"hits\": [\n",
           R"({"_id":"1","_source":{"host":{"name":"gpu-07"},"@timestamp":)"
           R"("2025-07-30T20:39:03.000Z","message":")",
           "\"}}\n", "]}}\n")},
      {"cut", document("[", R"({"hostname":"gpu-07","message":")", "\"}", "") +
                  R"(,{"hostname":"gpu-07","mess)"},
  };
  for (const auto& [name, content] : kTable) {
    const Pile pile;
    const auto told = tell({pile.write("log", content)});
    ASSERT_EQ(told.diagnoses.size(), 1u) << name;
    const auto& [machine, diagnosis] = *told.diagnoses.begin();
    EXPECT_EQ(machine, "gpu-07") << name;
    ASSERT_FALSE(diagnosis.findings.empty()) << name;
    EXPECT_EQ(diagnosis.findings.front().id, "gpu-fallen-off-bus") << name;
    EXPECT_EQ(diagnosis.findings.front().subject.name, "0000:3b:00.0") << name;
    EXPECT_EQ(told.summary.gaps.size(), 0u) << name;
  }
  const Pile pile;
  const auto told = tell({pile.write("log", pretty)});
  ASSERT_FALSE(told.lines.empty());
  EXPECT_EQ(told.lines.front().second.line, 17);
  EXPECT_EQ(to_iso(told.lines.front().second.when.value_or(Wall{})),
            "2025-07-30T20:39:03.000Z");
}

TEST(Formats, RecordsThatARuntimeHasCut) {
  const std::string full(16384, 'x');
  const std::string logs[] = {
      "2025-07-30T20:39:03Z stderr P NVRM: Xid (PCI:00\n"
      "2025-07-30T20:39:03Z stdout F something else\n"
      "2025-07-30T20:39:03Z stderr P 00:3b:00): 79, GPU has fal\n"
      "2025-07-30T20:39:03Z stderr F len off the bus.\n",
      R"({"log":")" + full +
          R"( NVRM: Xid (PCI:00","stream":"stderr","time":"2025-07-30T20:39:03Z"})"
          "\n"
          R"({"log":"nothing\n","stream":"stdout","time":"2025-07-30T20:39:03Z"})"
          "\n\n"
          R"({"log":"00:3b:00): 79, GPU has fallen off the bus.\n","stream":)"
          R"("stderr","time":"2025-07-30T20:39:03Z"})"
          "\n",
  };
  for (const std::string& log : logs) {
    const Pile pile;
    const auto told = tell({pile.write("log", log)});
    ASSERT_EQ(told.lines.size(), 1u) << log.substr(0, 100);
    EXPECT_EQ(told.lines[0].second.line, 4);
    ASSERT_EQ(told.diagnoses.size(), 1u);
    ASSERT_FALSE(told.diagnoses.begin()->second.findings.empty());
    EXPECT_EQ(told.diagnoses.begin()->second.findings.front().subject.name,
              "0000:3b:00.0");
  }
}

TEST(Formats, HeadingsNameTheMachine) {
  const std::string sick = "[341115.123456] " + kFault[2] + "\n";
  const std::string well = "[341115.123456] eth0: renamed from veth12\n";
  const std::string logs[] = {
      "----------------\ngpu-07\n----------------\n" + sick +
          "----------------\ngpu-08\n----------------\n" + well + "NVRM: x\n",
      "---------------\ngpu-07 (1)\n---------------\n" + sick +
          "---------------\ngpu-08 (1)\n---------------\n" + well + "NVRM: x\n",
      "gpu-07 | CHANGED | rc=0 >>\n" + sick + "gpu-08 | SUCCESS | rc=0 >>\n" +
          well + "NVRM: x\n",
      "gpu-08: " + well + "gpu-07: " + sick + "gpu-08: NVRM: x\n",
  };
  for (const std::string& log : logs) {
    const Pile pile;
    const auto told = tell({pile.write("log", log)});
    ASSERT_TRUE(told.diagnoses.contains("gpu-07")) << log;
    ASSERT_FALSE(told.diagnoses.at("gpu-07").findings.empty()) << log;
    EXPECT_EQ(told.diagnoses.at("gpu-07").findings.front().id,
              "gpu-fallen-off-bus");
    for (const auto& [name, line] : told.lines) {
      EXPECT_EQ(name, line.text.find("Xid") == std::string::npos ? "gpu-08"
                                                                 : "gpu-07")
          << log << line.text;
    }
  }
  const Pile pile;
  const auto told = tell({pile.write(
      "log",
      "gpu-07: +-----------------------------------------+\n"
      "gpu-07: | NVIDIA-SMI 570.158.01   Driver Version: 570.158.01   CUDA |\n"
      "kubelet: NVIDIA-SMI has failed because it couldn't communicate "
      "with\n")});
  EXPECT_EQ(told.diagnoses.size(), 1u);
  EXPECT_TRUE(told.diagnoses.contains("gpu-07"));
}

TEST(Formats, PackedInEveryWay) {
  const std::string log = log_in(kForms[9]);
  const std::string notes = "a ticket\n";
  const std::string tar = testing::tarred(
      {{"notes.txt", notes}, {std::string(130, 'd') + "/kern.log", log}});
  const std::string nested = testing::tarred(
      {{"notes.txt", notes}, {"kern.log.2.gz", testing::gzipped(log)}});
  const std::pair<const char*, std::string> kTable[] = {
      {"gzip", testing::gzipped(log)},
      {"two gzip members", testing::gzipped(notes) + testing::gzipped(log)},
      {"zstd", testing::zstandard(log)},
      {"two zstd frames", testing::zstandard(notes) + testing::zstandard(log)},
      {"tar", tar},
      {"tar.gz", testing::gzipped(tar)},
      {"tar.zst", testing::zstandard(tar)},
      {"gz in tar.gz", testing::gzipped(nested)},
      {"tar in tar", testing::tarred({{"inner.tar", nested}})},
  };
  for (const auto& [name, content] : kTable) {
    const Pile pile;
    EXPECT_EQ(first_finding({pile.write("thing", content)}),
              "gpu-fallen-off-bus")
        << name;
  }
  const Pile pile;
  pile.write("a/b/kern.log", log);
  pile.write("a/image.png", std::string("\x89PNG\0\0\0", 7));
  EXPECT_EQ(first_finding({pile.folder()}), "gpu-fallen-off-bus");
  const auto told = tell({pile.folder()});
  EXPECT_EQ(told.summary.files, 1);
  ASSERT_EQ(told.gaps.size(), 1u);
  EXPECT_NE(told.gaps[0].why.find("image.png"), std::string::npos);
}

TEST(Formats, BinaryFieldsOfTheExportForm) {
  const std::string message = "first\nNVRM: Xid (PCI:0000:3b:00): 79, x";
  std::string size(8, '\0');
  size[0] = static_cast<char>(message.size());
  const Pile pile;
  pile.write("a/journal",
             "__CURSOR=s\n__REALTIME_TIMESTAMP=1753907943000000\n"
             "_HOSTNAME=gpu-07\nSYSLOG_IDENTIFIER=kernel\nMESSAGE\n" +
                 size + message + "\nPRIORITY=3\n\n");
  EXPECT_EQ(first_finding({pile.folder()}), "gpu-fallen-off-bus");
}

TEST(Formats, DamagedPackingKeepsWhatCameBefore) {
  const std::string log = log_in(kForms[9]);
  std::string more;
  for (uint32_t i = 0; i < 60000; ++i) more += std::to_string(i * 2654435761U);
  const std::string tar = testing::tarred({{"a.log", log}, {"b.log", more}});
  for (const std::string& packed :
       {testing::gzipped(tar), testing::zstandard(tar), tar}) {
    const Pile pile;
    const auto told =
        tell({pile.write("t", packed.substr(0, packed.size() / 2))});
    ASSERT_FALSE(told.gaps.empty());
    EXPECT_NE(told.gaps[0].why.find("cut"), std::string::npos)
        << told.gaps[0].why;
    ASSERT_FALSE(told.diagnoses.empty());
    ASSERT_FALSE(told.diagnoses.begin()->second.findings.empty());
  }
}

TEST(Formats, EscapesOfStructuredLogs) {
  const std::pair<std::string_view, std::string_view> kTable[] = {
      {R"(time="2025-07-30T20:39:03Z" level=error msg="a \"b\" c\nd")",
       R"(time="2025-07-30T20:39:03Z" level=error msg="a "b" c d")"},
      {R"({"log":"\u001b[31mtwo\u00e9 \"x\" \u003cy\u003e\n","stream":"stdout"})",
       "\x1b[31mtwo\xc3\xa9 \"x\" <y>"},
      {R"({"MESSAGE":[78,86,82,77],"SYSLOG_IDENTIFIER":"kernel"})",
       "kernel: NVRM"},
      {R"({"MESSAGE":"m","_PID":"7","_COMM":"x","_HOSTNAME":"h",)"
       R"("__REALTIME_TIMESTAMP":"1753907943000000"})",
       "2025-07-30T20:39:03.000Z h x[7]: m"},
      {R"({"level":"error","msg":"m","n":{"a":[1,2]},"error":"e)",
       R"(level="error" msg="m" n="{"a":[1,2]}" error="e")"},
      {"{ not: json }", "{ not: json }"},
      {"> {\"log\":\"x\"}", "x"},
  };
  for (const auto& [line, wanted] : kTable) {
    std::string scratch;
    EXPECT_EQ(unwrap(line, scratch).text, wanted);
  }
}

TEST(Formats, ABugReportNamesItsMachine) {
  const Pile pile;
  const auto told = tell({pile.write(
      "r",
      "Start of NVIDIA bug report log file.\n"
      "uname: Linux gpu-09 5.15.0-105-generic #115-Ubuntu SMP\n"
      "____________________________________________\n\n"
      "[  12.345678] NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off "
      "the bus.\n")});
  ASSERT_EQ(told.diagnoses.size(), 1u);
  EXPECT_EQ(told.diagnoses.begin()->first, "gpu-09");
}

}  // namespace
}  // namespace gpuward::logs
