"""nvidia-ml-py, unmodified, asks a simulated node everything that it can read.

usage: nvidia_ml_py.py STATUS.json     (in the environment of the node)

STATUS.json is what `gpuward status --json` said of the same node; both have to
agree. One line a check: "pass WHAT", "fail WHAT: why" or "skip WHAT: why".
"""

import inspect
import json
import subprocess
import sys

import pynvml as nvml

UNSUPPORTED = (nvml.NVML_ERROR_NOT_SUPPORTED,)


def say(result, what, why=""):
    print(f"{result} {what}" + (f": {why}" if why else ""), flush=True)


def same(what, seen, wanted):
    if seen == wanted:
        say("pass", what)
    else:
        say("fail", what, f"{seen!r}, but status has {wanted!r}")


def answer(function, *arguments):
    """("value", x) or ("error", code), as a reading of status is one."""
    try:
        return "value", function(*arguments)
    except nvml.NVMLError as error:
        if error.value in UNSUPPORTED:
            return "unsupported", None
        return "error", error.value


def wanted_of(reading):
    if reading is None:
        return "no such reading", None
    if reading.get("unsupported"):
        return "unsupported", None
    if "error" in reading:
        return "error", reading["code"]
    return "value", reading.get("value")


def memory(member):
    return lambda gpu: getattr(
        nvml.nvmlDeviceGetMemoryInfo(gpu, nvml.nvmlMemory_v2), member)


def clock(kind):
    return lambda gpu: nvml.nvmlDeviceGetClockInfo(gpu, kind)


def max_clock(kind):
    return lambda gpu: nvml.nvmlDeviceGetMaxClockInfo(gpu, kind)


def inforom(kind):
    return lambda gpu: nvml.nvmlDeviceGetInforomVersion(gpu, kind)


def ecc(kind, counter):
    return lambda gpu: nvml.nvmlDeviceGetTotalEccErrors(gpu, kind, counter)


def short_pci(gpu):
    domain, rest = nvml.nvmlDeviceGetPciInfo(gpu).busId.split(":", 1)
    return f"{int(domain, 16):04x}:{rest.lower()}"


def rows(index, convert=int):
    return lambda gpu: convert(nvml.nvmlDeviceGetRemappedRows(gpu)[index])


def capability(gpu):
    return ".".join(map(str, nvml.nvmlDeviceGetCudaComputeCapability(gpu)))


def field_value(field, convert=int):
    def read(gpu):
        value = nvml.nvmlDeviceGetFieldValues(gpu, [field])[0]
        if value.nvmlReturn != nvml.NVML_SUCCESS:
            raise nvml.NVMLError(value.nvmlReturn)
        member = {nvml.NVML_VALUE_TYPE_DOUBLE: "dVal",
                  nvml.NVML_VALUE_TYPE_UNSIGNED_INT: "uiVal",
                  nvml.NVML_VALUE_TYPE_UNSIGNED_LONG: "ulVal",
                  nvml.NVML_VALUE_TYPE_UNSIGNED_LONG_LONG: "ullVal",
                  nvml.NVML_VALUE_TYPE_SIGNED_LONG_LONG: "sllVal",
                  nvml.NVML_VALUE_TYPE_SIGNED_INT: "siVal"}[value.valueType]
        return convert(getattr(value.value, member))
    return read


UNCORRECTED = nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED
CORRECTED = nvml.NVML_MEMORY_ERROR_TYPE_CORRECTED
ARCHITECTURES = {nvml.NVML_DEVICE_ARCH_PASCAL: "Pascal",
                 nvml.NVML_DEVICE_ARCH_AMPERE: "Ampere",
                 nvml.NVML_DEVICE_ARCH_HOPPER: "Hopper",
                 nvml.NVML_DEVICE_ARCH_BLACKWELL: "Blackwell"}

# name of the reading in status, how the package reads it
READINGS = (
    ("name", nvml.nvmlDeviceGetName),
    ("uuid", nvml.nvmlDeviceGetUUID),
    ("serial", nvml.nvmlDeviceGetSerial),
    ("minor", nvml.nvmlDeviceGetMinorNumber),
    ("pci_bus_id", short_pci),
    ("board_id", nvml.nvmlDeviceGetBoardId),
    ("board_part_number", nvml.nvmlDeviceGetBoardPartNumber),
    ("vbios_version", nvml.nvmlDeviceGetVbiosVersion),
    ("inforom_image_version", nvml.nvmlDeviceGetInforomImageVersion),
    ("inforom_oem_version", inforom(nvml.NVML_INFOROM_OEM)),
    ("inforom_ecc_version", inforom(nvml.NVML_INFOROM_ECC)),
    ("inforom_power_version", inforom(nvml.NVML_INFOROM_POWER)),
    # The package answers bytes here, and text everywhere else.
    ("gsp_firmware_version",
     lambda gpu: nvml.nvmlDeviceGetGspFirmwareVersion(gpu).decode()),
    ("architecture",
     lambda gpu: ARCHITECTURES[nvml.nvmlDeviceGetArchitecture(gpu)]),
    ("compute_capability", capability),
    ("memory_total_bytes", memory("total")),
    ("memory_free_bytes", memory("free")),
    ("memory_used_bytes", memory("used")),
    ("memory_reserved_bytes", memory("reserved")),
    ("utilization_gpu_percent",
     lambda gpu: nvml.nvmlDeviceGetUtilizationRates(gpu).gpu),
    ("utilization_memory_percent",
     lambda gpu: nvml.nvmlDeviceGetUtilizationRates(gpu).memory),
    ("clock_graphics_mhz", clock(nvml.NVML_CLOCK_GRAPHICS)),
    ("clock_sm_mhz", clock(nvml.NVML_CLOCK_SM)),
    ("clock_memory_mhz", clock(nvml.NVML_CLOCK_MEM)),
    ("clock_graphics_max_mhz", max_clock(nvml.NVML_CLOCK_GRAPHICS)),
    ("clock_memory_max_mhz", max_clock(nvml.NVML_CLOCK_MEM)),
    ("temperature_celsius", lambda gpu: nvml.nvmlDeviceGetTemperatureV1(
        gpu, nvml.NVML_TEMPERATURE_GPU)),
    ("temperature_celsius", lambda gpu: nvml.nvmlDeviceGetTemperatureV(
        gpu, nvml.NVML_TEMPERATURE_GPU)),
    ("temperature_memory_celsius",
     field_value(nvml.NVML_FI_DEV_MEMORY_TEMP)),
    ("fan_percent", nvml.nvmlDeviceGetFanSpeed),
    ("performance_state", nvml.nvmlDeviceGetPerformanceState),
    ("power_watts", lambda gpu: nvml.nvmlDeviceGetPowerUsage(gpu) / 1000),
    ("power_limit_watts",
     lambda gpu: nvml.nvmlDeviceGetEnforcedPowerLimit(gpu) / 1000),
    ("ecc_mode", lambda gpu: bool(nvml.nvmlDeviceGetCurrentEccMode(gpu))),
    ("ecc_mode_pending",
     lambda gpu: bool(nvml.nvmlDeviceGetPendingEccMode(gpu))),
    ("ecc_volatile_corrected", ecc(CORRECTED, nvml.NVML_VOLATILE_ECC)),
    ("ecc_volatile_uncorrected", ecc(UNCORRECTED, nvml.NVML_VOLATILE_ECC)),
    ("ecc_aggregate_corrected", ecc(CORRECTED, nvml.NVML_AGGREGATE_ECC)),
    ("ecc_aggregate_uncorrected", ecc(UNCORRECTED, nvml.NVML_AGGREGATE_ECC)),
    ("ecc_volatile_uncorrected",
     field_value(nvml.NVML_FI_DEV_ECC_DBE_VOL_TOTAL)),
    ("ecc_aggregate_corrected",
     field_value(nvml.NVML_FI_DEV_ECC_SBE_AGG_TOTAL)),
    ("remapped_rows_correctable", rows(0)),
    ("remapped_rows_uncorrectable", rows(1)),
    ("remapped_rows_pending", rows(2, bool)),
    ("remapped_rows_failed", rows(3, bool)),
    ("remapped_rows_uncorrectable",
     field_value(nvml.NVML_FI_DEV_REMAPPED_UNC)),
    ("remapped_rows_pending",
     field_value(nvml.NVML_FI_DEV_REMAPPED_PENDING, bool)),
    ("pcie_generation", nvml.nvmlDeviceGetCurrPcieLinkGeneration),
    ("pcie_generation_max", nvml.nvmlDeviceGetMaxPcieLinkGeneration),
    ("pcie_width", nvml.nvmlDeviceGetCurrPcieLinkWidth),
    ("pcie_width_max", nvml.nvmlDeviceGetMaxPcieLinkWidth),
    ("persistence_mode",
     lambda gpu: bool(nvml.nvmlDeviceGetPersistenceMode(gpu))),
    ("display_active",
     lambda gpu: bool(nvml.nvmlDeviceGetDisplayActive(gpu))),
    ("mig_mode", lambda gpu: bool(nvml.nvmlDeviceGetMigMode(gpu)[0])),
    ("mig_mode_pending", lambda gpu: bool(nvml.nvmlDeviceGetMigMode(gpu)[1])),
)


def check_readings(title, gpu, readings):
    for name, read in READINGS:
        same(f"{title} {name}", answer(read, gpu), wanted_of(readings.get(name)))


def check_memory_v1(title, gpu):
    """The old form counts what is reserved as used; the sum is the same."""
    old = nvml.nvmlDeviceGetMemoryInfo(gpu)
    new = nvml.nvmlDeviceGetMemoryInfo(gpu, nvml.nvmlMemory_v2)
    same(f"{title} memory v1", (old.total, old.free, old.used),
         (new.total, new.free, new.used + new.reserved))


def check_handles(title, gpu, index, readings):
    """The same GPU by each of its names."""
    same(f"{title} index", nvml.nvmlDeviceGetIndex(gpu), index)
    for what, find, name in (
            ("UUID", nvml.nvmlDeviceGetHandleByUUID, "uuid"),
            ("serial", nvml.nvmlDeviceGetHandleBySerial, "serial"),
            ("PCI address", nvml.nvmlDeviceGetHandleByPciBusId, "pci_bus_id")):
        value = readings[name].get("value")
        if value is None:
            say("skip", f"{title} by {what}", "the node has none")
            continue
        found = answer(find, value.encode())
        seen = (nvml.nvmlDeviceGetUUID(found[1]) if found[0] == "value"
                else found)
        same(f"{title} by {what}", seen, readings["uuid"]["value"])


def check_links(title, gpu, links):
    for link in links:
        number = link["link"]
        same(f"{title} NVLink {number}",
             answer(nvml.nvmlDeviceGetNvLinkState, gpu, number),
             ("value", int(link["active"])))
        if link.get("remote"):
            remote = answer(nvml.nvmlDeviceGetNvLinkRemotePciInfo, gpu, number)
            seen = remote[1].busId if remote[0] == "value" else remote
            same(f"{title} NVLink {number} remote", seen, link["remote"])


def process_rows(processes):
    return sorted((row.pid, row.usedGpuMemory) for row in processes)


def check_processes(title, gpu, listed):
    for what, kind, read in (
            ("compute", "compute", nvml.nvmlDeviceGetComputeRunningProcesses),
            ("graphics", "graphics",
             nvml.nvmlDeviceGetGraphicsRunningProcesses),
            ("MPS", "mps", nvml.nvmlDeviceGetMPSComputeRunningProcesses)):
        seen = answer(read, gpu)
        if seen[0] == "value":
            seen = process_rows(seen[1])
        wanted = sorted((row["pid"], row["memory_bytes"]) for row in listed
                        if row.get("kind", "").lower() == kind)
        same(f"{title} {what} processes", seen, wanted)


def check_mig(title, gpu, listed):
    enabled = answer(nvml.nvmlDeviceGetMigMode, gpu)
    if enabled[0] != "value" or not enabled[1][0]:
        same(f"{title} MIG device 0",
             answer(nvml.nvmlDeviceGetMigDeviceHandleByIndex, gpu, 0)[0],
             "unsupported" if enabled[0] != "value" else "error")
        return
    most = nvml.nvmlDeviceGetMaxMigDeviceCount(gpu)
    found = []
    for index in range(most):
        device = answer(nvml.nvmlDeviceGetMigDeviceHandleByIndex, gpu, index)
        if device[0] == "value":
            found.append(device[1])
    same(f"{title} count of MIG devices", len(found), len(listed))
    for device, wanted in zip(found, listed):
        check_mig_device(f"{title} MIG {wanted['index']}", gpu, device, wanted)


def check_mig_device(title, gpu, device, wanted):
    attributes = nvml.nvmlDeviceGetAttributes(device)
    profile = f"{attributes.gpuInstanceSliceCount}g."
    same(f"{title} UUID", nvml.nvmlDeviceGetUUID(device), wanted["uuid"])
    same(f"{title} GPU instance", nvml.nvmlDeviceGetGpuInstanceId(device),
         wanted["gpu_instance"])
    same(f"{title} compute instance",
         nvml.nvmlDeviceGetComputeInstanceId(device),
         wanted["compute_instance"])
    same(f"{title} slices", wanted["profile"][:len(profile)], profile)
    same(f"{title} memory of its attributes", attributes.memorySizeMB,
         wanted["memory_bytes"] // 2**20)
    same(f"{title} memory", nvml.nvmlDeviceGetMemoryInfo(device).total,
         wanted["memory_bytes"])
    same(f"{title} name ends with its profile",
         nvml.nvmlDeviceGetName(device).endswith(wanted["profile"]), True)
    same(f"{title} is a MIG device",
         nvml.nvmlDeviceIsMigDeviceHandle(device).value, 1)
    parent = nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(device)
    same(f"{title} parent", nvml.nvmlDeviceGetUUID(parent),
         nvml.nvmlDeviceGetUUID(gpu))
    by_uuid = nvml.nvmlDeviceGetHandleByUUID(wanted["uuid"].encode())
    same(f"{title} by its UUID", nvml.nvmlDeviceGetUUID(by_uuid),
         wanted["uuid"])
    info = nvml.nvmlGpuInstanceGetInfo(
        nvml.nvmlDeviceGetGpuInstanceById(gpu, wanted["gpu_instance"]))
    same(f"{title} GPU instance's own number", info.id, wanted["gpu_instance"])


def check_everything_else(title, gpu):
    """Each getter that wants nothing but the GPU: a value, or a clean no."""
    for name, function in sorted(inspect.getmembers(nvml, inspect.isfunction)):
        if not name.startswith("nvmlDeviceGet"):
            continue
        parameters = list(inspect.signature(function).parameters.values())
        if len([p for p in parameters if p.default is p.empty]) != 1:
            continue
        if parameters[0].name not in ("handle", "device"):
            continue
        try:
            kind, value = answer(function, gpu)
        except Exception as error:  # noqa: BLE001  the package's own mistake
            say("skip", f"{title} {name}", f"in the package: {error!r}")
            continue
        if (kind, value) == ("error", nvml.NVML_ERROR_FUNCTION_NOT_FOUND):
            say("skip", f"{title} {name}", "newer than the simulated library")
        elif kind == "error" and value not in (
                nvml.NVML_ERROR_NO_PERMISSION, nvml.NVML_ERROR_NOT_FOUND,
                nvml.NVML_ERROR_INVALID_ARGUMENT):
            say("fail", f"{title} {name}", f"error {value}")
        else:
            say("pass", f"{title} {name}")


def drain(events, milliseconds=300):
    found = []
    while True:
        try:
            event = nvml.nvmlEventSetWait(events, milliseconds)
        except nvml.NVMLError as error:
            if error.value != nvml.NVML_ERROR_TIMEOUT:
                raise
            return found
        found.append((nvml.nvmlDeviceGetUUID(event.device), event.eventType,
                      event.eventData))


def check_events(gpus):
    """An Xid reaches each of two sets exactly once."""
    sets = [nvml.nvmlEventSetCreate() for _ in range(2)]
    for events in sets:
        for gpu in gpus:
            nvml.nvmlDeviceRegisterEvents(
                gpu, nvml.nvmlEventTypeXidCriticalError, events)
    index = nvml.nvmlDeviceGetIndex(gpus[-1])
    subprocess.run(["gpuward", "sim", "inject", "xid=31", f"gpu={index}"],
                   check=True, stdout=subprocess.DEVNULL)
    wanted = [(nvml.nvmlDeviceGetUUID(gpus[-1]),
               nvml.nvmlEventTypeXidCriticalError, 31)]
    for number, events in enumerate(sets, 1):
        same(f"Xid 31 reaches event set {number} once", drain(events), wanted)
    late = nvml.nvmlEventSetCreate()
    nvml.nvmlDeviceRegisterEvents(
        gpus[-1], nvml.nvmlEventTypeXidCriticalError, late)
    same("an event set of later does not get it", drain(late), [])
    for events in (*sets, late):
        nvml.nvmlEventSetFree(events)


def check_gpu(index, wanted):
    title = f"GPU {index}"
    readings = wanted["readings"]
    found = answer(nvml.nvmlDeviceGetHandleByIndex, index)
    if found[0] != "value":
        same(f"{title} handle", found, wanted_of(readings["handle"]))
        return None
    gpu = found[1]
    check_readings(title, gpu, readings)
    check_memory_v1(title, gpu)
    check_handles(title, gpu, index, readings)
    check_links(title, gpu, wanted["nvlinks"]["items"])
    check_processes(title, gpu, wanted["processes"]["items"])
    check_mig(title, gpu, wanted["mig"]["items"])
    return gpu


def main(path):
    with open(path, encoding="utf-8") as file:
        status = json.load(file)
    started = answer(nvml.nvmlInit)
    if started[0] != "value":
        same("init", started, wanted_of(status["init"]))
        return
    same("init", "SUCCESS", status["init"].get("value"))
    same("driver version", nvml.nvmlSystemGetDriverVersion(),
         status["driver_version"]["value"])
    same("NVML version", nvml.nvmlSystemGetNVMLVersion(),
         status["nvml_version"]["value"])
    cuda = nvml.nvmlSystemGetCudaDriverVersion()
    same("CUDA version", f"{cuda // 1000}.{cuda % 1000 // 10}",
         status["cuda_version"]["value"])
    same("count of GPUs", nvml.nvmlDeviceGetCount(), len(status["gpus"]))
    gpus = [check_gpu(gpu["index"], gpu) for gpu in status["gpus"]]
    alive = [gpu for gpu in gpus if gpu is not None]
    check_everything_else("GPU 0", alive[0])
    check_events(alive)
    nvml.nvmlShutdown()
    same("after shutdown", answer(nvml.nvmlDeviceGetCount),
         ("error", nvml.NVML_ERROR_UNINITIALIZED))


if __name__ == "__main__":
    main(sys.argv[1])
