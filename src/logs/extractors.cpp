#include "logs/extractors.h"

#include "model/facts.h"

namespace gpuward::logs {
namespace {

// A driver's version: three digits, then one or two more numbers.
#define GW_DRIVER R"((?P<v>\d{3}\.\d{2,3}(?:\.\d{2})?))"

constexpr ExtractorRow kRows[] = {
    // The installed driver. Versions that a text recommends stand behind other
    // words ("upgrade to", "升级到") and are not asked for.
    {fact::kDriver,
     R"(NVIDIA-SMI [\d.]+\s+(?:Driver Version|KMD Version): )" GW_DRIVER,
     kOutput, "", ""},
    {fact::kDriver, R"((?i)^\s*driver[ _]version\s*[:=]\s*)" GW_DRIVER, kOutput,
     "", "driver version|driver_version"},
    {fact::kDriver,
     R"(NVRM: loading NVIDIA UNIX .*Kernel Module(?: for x86_64| for aarch64)?\s+)" GW_DRIVER,
     kKernel, "", ""},
    {fact::kDriver,
     R"(NVRM version: NVIDIA UNIX .*Kernel Module(?: for \w+)?\s+)" GW_DRIVER,
     kOutput, "", ""},
    {fact::kDriver,
     R"((?i)(?:driver|ドライバ)\s*(?:version|バージョン)?\s*[:：]?\s*)"
     R"((?:open gpu kernel modules? )?)" GW_DRIVER R"([^\d.])",
     kProse, "", "driver|ドライバ"},
    {fact::kDriver, R"(驱动(?:版本)?(?:是|为|[:：])\s*)" GW_DRIVER, kProse, "",
     "驱动"},
    // The kernel's refusal names the client's version first, then its own; it
    // is spread over two lines, in newer drivers over three.
    {fact::kLibrary,
     R"(API mismatch: the client has the version )" GW_DRIVER R"(\b)", kKernel,
     "", ""},
    {fact::kLibrary,
     R"(has the version )" GW_DRIVER R"(,? but this kernel module)", kKernel,
     "", ""},
    {fact::kDriver, R"(this kernel module has the version )" GW_DRIVER R"(\b)",
     kKernel, "", ""},
    {fact::kDriver,
     R"((?:NVRM:|^)\s*the version )" GW_DRIVER R"(\.?\s*(?:Please|$))", kKernel,
     "", ""},
    {fact::kLibrary, R"(NVML library version: )" GW_DRIVER, kOutput, "", ""},

    {fact::kModule,
     R"((?i)NVIDIA UNIX Open Kernel Module|\bOpenRM\b|)"
     R"(open[- ]gpu[- ]kernel[- ]modules? \d|Dual MIT/GPL)",
     kProse, "open", "open kernel module|openrm|kernel modules|mit/gpl"},
    {fact::kModule, R"(NVIDIA UNIX x86_64 Kernel Module)", kKernel,
     "proprietary", ""},

    {fact::kGpu, R"(^\s*GPU \d+: (?P<v>[^(]+?) \(UUID: GPU-)", kOutput, "",
     "(uuid: gpu-"},
    {fact::kGpu,
     R"(^\s*\|\s+\d+\s+(?P<v>(?:NVIDIA|Tesla|Quadro|GeForce)[\w .-]*?)\s+(?:On|Off)\s+\|)",
     kOutput, "", "| nvidia|  nvidia|0 nvidia|tesla|quadro|geforce|nvidia"},
    {fact::kGpu, R"((?i)^\s*product name\s*:\s*(?P<v>\S.*\S))", kOutput, "",
     ""},
    {fact::kGpu,
     R"(\b(?P<v>(?:NVIDIA )?(?:G?B[123]00|H[12]00|H20|H800|A100|A800|L40S?|GTX \d{4}(?: Ti)?|RTX \d{4})))"
     R"(\b)",
     kProse, "", "gpu: |nvidia| on b|on h|gpu：|gpu h"},

    {fact::kUptimeDays, R"(\bup\s+(?P<v>\d+) days?\b)", kOutput, "", " days"},
    {fact::kUptimeDays,
     R"((?i)(?:~|about |約|after )?(?P<v>\d{1,4}) days?(?: and)?(?: \d+ hours?)? (?:of )?uptime)",
     kProse, "", "uptime"},
    {fact::kUptimeDays, R"(約(?P<v>\d{1,4})日.{0,40}(?:ハング|稼働|経過))",
     kProse, "", "ハング|稼働|経過"},
    {fact::kUptimeDays,
     R"((?i)(?:hang|hung|freez)\w*.{0,40}after (?:~|about )?(?P<v>\d{1,4}) days)",
     kProse, "", " days"},

    // The MIG layout, from lists and tables.
    {"mig-gpu", R"(^\s*GPU \d+: .*\(UUID: GPU-)", kOutput, "x", "(uuid: gpu-"},
    {"mig-device", R"(^\s*MIG \d+g\.\d+gb.*\(UUID: MIG-)", kOutput, "x",
     "(uuid: mig-"},
    {"mig-row-on", R"(^\s*\|\s*\|\s*\|\s*Enabled\*?\s*\|)", kOutput, "x",
     " enabled"},
    {"mig-row-off", R"(^\s*\|\s*\|\s*\|\s*Disabled\*?\s*\|)", kOutput, "x",
     " disabled"},

    {fact::kPersistence, R"(^\s*Persistence Mode\s*:\s*Disabled)", kOutput,
     "off", ""},
    {fact::kPersistence, R"(^\s*Persistence Mode\s*:\s*Enabled)", kOutput, "on",
     ""},
    {fact::kPersistence,
     R"(^\s*\|\s+\d+\s+(?:NVIDIA|Tesla|Quadro|GeForce)[\w .-]*?\s+Off\s+\| *[0-9A-F]{8}:)",
     kOutput, "off", "nvidia|tesla|quadro|geforce"},
    {fact::kPersistence,
     R"(^\s*\|\s+\d+\s+(?:NVIDIA|Tesla|Quadro|GeForce)[\w .-]*?\s+On\s+\| *[0-9A-F]{8}:)",
     kOutput, "on", "nvidia|tesla|quadro|geforce"},
    {fact::kPersistencedFlag,
     R"(nvidia-persistenced .*(?P<v>--no-persistence-mode))", kOutput, "", ""},

    // A table of nvidia-smi means that NVML works where it was printed.
    {fact::kNvml, R"(\| NVIDIA-SMI [\d.]+\s+(?:Driver Version|KMD Version))",
     kOutput, "SUCCESS", "nvidia-smi"},

    {fact::kNvmlGpus, R"(^\s*Attached GPUs\s+: (?P<v>\d+)\s*$)", kOutput, "",
     ""},
    {fact::kDriver, R"(^NVRM version:\s+)" GW_DRIVER R"(\s*$)", kOutput, "",
     ""},

    {fact::kModuleLoaded, R"(^nvidia \d{6,9} \d+ \S+ Live 0x)", kOutput, "true",
     " live 0x"},
    {fact::kModuleLoaded, R"(^nvidia\s{2,}\d{6,9}\s+\d+)", kOutput, "true",
     "nvidia   "},
    {fact::kModuleOnDisk, R"(^version:\s{4,})" GW_DRIVER R"(\s*$)", kOutput, "",
     "version:    "},
    {fact::kSecureBoot, R"(^\s*SecureBoot enabled\b)", kOutput, "on", ""},
    {fact::kSecureBoot, R"(^\s*SecureBoot disabled\b)", kOutput, "off", ""},
    {fact::kSecureBoot, R"(\bsecureboot: Secure boot enabled)", kKernel, "on",
     ""},
    {fact::kSecureBoot, R"(\bsecureboot: Secure boot disabled)", kKernel, "off",
     ""},
    {fact::kGpuNodeMode, R"(^crw-rw-rw-.* 195, +255 .*nvidiactl\s*$)", kOutput,
     "0666", "nvidiactl"},
    {fact::kGpuNodeMode, R"(^crw-rw----.* 195, +255 .*nvidiactl\s*$)", kOutput,
     "0660", "nvidiactl"},
    {fact::kGpuNodeMode, R"(^crw-------.* 195, +255 .*nvidiactl\s*$)", kOutput,
     "0600", "nvidiactl"},
    {fact::kFabricManagerVersion,
     R"((?i)fabric manager version is\s*:\s*)" GW_DRIVER, kOutput, "", ""},
    {fact::kFabricManagerVersion,
     R"(^ii\s+nvidia-fabricmanager(?:-\d+)?\s+)" GW_DRIVER R"(-)", kOutput, "",
     ""},
    {fact::kFabricManagerVersion,
     R"(^nvidia-fabric-?manager(?:-\d{3})?-)" GW_DRIVER R"(-\d)", kOutput, "",
     "nvidia-fabric"},
    {fact::kKubernetes, R"(^\s*Kubelet Version:\s+v(?P<v>\d+\.\d+\.\d+))",
     kOutput, "", ""},
    {fact::kContainerd, R"(\bcontainerd://(?P<v>\d+\.\d+\.\d+))", kOutput, "",
     ""},
    {fact::kDocker, R"(^ Server Version: (?P<v>\d+\.\d+\.\d+))", kOutput, "",
     ""},
    {fact::kKernel, R"(^\s*Kernel Version:\s+(?P<v>\d+\.\d+\.\d+\S*))", kOutput,
     "", ""},
    {fact::kToolkit, R"(^cli-version: (?P<v>\d+\.\d+\.\d+))", kOutput, "", ""},

    {fact::kRunc, R"((?i)\brunc (?:version )?v?(?P<v>\d+\.\d+\.\d+))", kOutput,
     "", " version|runc v|runc 1"},
    {fact::kSystemd, R"(^\s*systemd (?P<v>\d{3})\b)", kOutput, "", ""},
    {fact::kCgroup, R"(Cgroup Version: (?P<v>[12]))", kOutput, "", ""},
    {fact::kCgroupDriver, R"(Cgroup Driver: (?P<v>systemd|cgroupfs))", kOutput,
     "", ""},
    {fact::kCgroupDriver, R"(native\.cgroupdriver=(?P<v>systemd|cgroupfs))",
     kProse, "", ""},
    {fact::kCgroupDriver, R"((?i)SystemdCgroup\s*=\s*true)", kProse, "systemd",
     ""},
    {fact::kDocker, R"(Docker version (?P<v>\d+\.\d+\.\d+))", kOutput, "", ""},
    {fact::kKubernetes, R"(Server Version: v(?P<v>\d+\.\d+\.\d+))", kOutput, "",
     ""},
    {fact::kDevicePlugin, R"(k8s-device-plugin:v(?P<v>\d+\.\d+\.\d+))", kOutput,
     "", ""},
    {fact::kToolkit,
     R"(NVIDIA Container (?:Toolkit|Runtime) (?:CLI |Hook )?v?(?:ersion )?(?P<v>\d+\.\d+\.\d+))",
     kOutput, "", "nvidia container"},
    {fact::kKernel, R"(\bLinux \S+ (?P<v>\d+\.\d+\.\d+\S*) #)", kOutput, "",
     ""},
    {fact::kKernel, R"(Linux version (?P<v>\d+\.\d+\.\d+\S*))", kKernel, "",
     ""},
    // What uname -r prints: a release alone on its line.
    {fact::kKernel,
     R"(^(?P<v>[3-9]\.\d{1,2}\.\d{1,3}-[\w.+~-]+(?:generic|lowlatency|azure|nvidia|x86_64|aarch64|amd64|arm64|default))\s*$)",
     kProse, "",
     "-generic|-lowlatency|-azure|-nvidia|x86_64|aarch64|-amd64|-arm64|-"
     "default"},
    {fact::kOs,
     R"(\b(?P<v>(?:Ubuntu \d\d\.\d\d(?:\.\d)?(?: LTS)?|openEuler [\w.]+|Debian GNU/Linux \d+)))",
     kOutput, "", "ubuntu|openeuler|debian"},
};

}  // namespace

std::span<const ExtractorRow> extractor_rows() { return kRows; }

}  // namespace gpuward::logs
