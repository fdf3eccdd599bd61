// An NVML client as NVIDIA's device plugin is one at its start: init, all
// GPUs and MIG devices with their names, profiles and attributes, event
// registration, and one Xid.
//
// usage: go-nvml STATUS.json
//
// STATUS.json is what `gpuward status --json` said of the same node; both have
// to agree. One line a check: "pass WHAT" or "fail WHAT: why".
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

type reading struct {
	Value       interface{} `json:"value"`
	Code        int         `json:"code"`
	Unsupported bool        `json:"unsupported"`
}

type migDevice struct {
	Index           int    `json:"index"`
	UUID            string `json:"uuid"`
	Profile         string `json:"profile"`
	GpuInstance     int    `json:"gpu_instance"`
	ComputeInstance int    `json:"compute_instance"`
	Memory          uint64 `json:"memory_bytes"`
}

type gpu struct {
	Index    int                `json:"index"`
	Readings map[string]reading `json:"readings"`
	Mig      struct {
		Items []migDevice `json:"items"`
	} `json:"mig"`
}

type status struct {
	Init   reading `json:"init"`
	Driver reading `json:"driver_version"`
	Gpus   []gpu   `json:"gpus"`
}

func same(what string, seen, wanted interface{}) {
	if fmt.Sprint(seen) == fmt.Sprint(wanted) {
		fmt.Println("pass", what)
		return
	}
	fmt.Printf("fail %s: %v, but status has %v\n", what, seen, wanted)
}

func succeeds(what string, code nvml.Return) bool {
	if code == nvml.SUCCESS {
		return true
	}
	fmt.Printf("fail %s: %s\n", what, nvml.ErrorString(code))
	return false
}

func readStatus(path string) (status, error) {
	var node status
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &node)
	}
	return node, err
}

// The attributes that end up in labels and in the allocation answer.
func checkIdentity(title string, device nvml.Device, wanted gpu) {
	if uuid, code := device.GetUUID(); succeeds(title+" UUID", code) {
		same(title+" UUID", uuid, wanted.Readings["uuid"].Value)
	}
	if name, code := device.GetName(); succeeds(title+" name", code) {
		same(title+" name", name, wanted.Readings["name"].Value)
	}
	if minor, code := device.GetMinorNumber(); succeeds(title+" minor", code) {
		same(title+" minor", minor, wanted.Readings["minor"].Value)
	}
	if memory, code := device.GetMemoryInfo(); succeeds(title+" memory", code) {
		total, _ := wanted.Readings["memory_total_bytes"].Value.(float64)
		same(title+" memory", memory.Total, uint64(total))
	}
	major, minor, code := device.GetCudaComputeCapability()
	if succeeds(title+" compute capability", code) {
		same(title+" compute capability", fmt.Sprintf("%d.%d", major, minor),
			wanted.Readings["compute_capability"].Value)
	}
	if pci, code := device.GetPciInfo(); succeeds(title+" PCI", code) {
		same(title+" PCI", pciAddress(pci), wanted.Readings["pci_bus_id"].Value)
	}
	if isMig, code := device.IsMigDeviceHandle(); succeeds(title+" kind", code) {
		same(title+" is no MIG device", isMig, false)
	}
}

func pciAddress(info nvml.PciInfo) string {
	return fmt.Sprintf("%04x:%02x:%02x.0", info.Domain, info.Bus, info.Device)
}

func checkMigDevice(title string, device nvml.Device, wanted migDevice) {
	if uuid, code := device.GetUUID(); succeeds(title+" UUID", code) {
		same(title+" UUID", uuid, wanted.UUID)
	}
	name, code := device.GetName()
	if succeeds(title+" name", code) {
		same(title+" name ends with its profile",
			strings.HasSuffix(name, wanted.Profile), true)
	}
	gi, code := device.GetGpuInstanceId()
	if succeeds(title+" GPU instance", code) {
		same(title+" GPU instance", gi, wanted.GpuInstance)
	}
	ci, code := device.GetComputeInstanceId()
	if succeeds(title+" compute instance", code) {
		same(title+" compute instance", ci, wanted.ComputeInstance)
	}
	parent, code := device.GetDeviceHandleFromMigDeviceHandle()
	if !succeeds(title+" parent", code) {
		return
	}
	instance, code := parent.GetGpuInstanceById(gi)
	if !succeeds(title+" parent's instance", code) {
		return
	}
	if info, code := instance.GetInfo(); succeeds(title+" info", code) {
		same(title+" info", info.Id, wanted.GpuInstance)
	}
	compute, code := instance.GetComputeInstanceById(ci)
	if succeeds(title+" its compute instance", code) {
		info, code := compute.GetInfo()
		if succeeds(title+" its compute instance's info", code) {
			same(title+" its compute instance's info", info.Id, ci)
		}
	}
	attributes, code := device.GetAttributes()
	if succeeds(title+" attributes", code) {
		same(title+" attributes: memory", attributes.MemorySizeMB,
			wanted.Memory/(1<<20))
		same(title+" attributes: slices", strings.HasPrefix(wanted.Profile,
			fmt.Sprintf("%dg.", attributes.GpuInstanceSliceCount)), true)
	}
}

func checkMig(title string, device nvml.Device, wanted gpu) {
	current, _, code := device.GetMigMode()
	if code == nvml.ERROR_NOT_SUPPORTED {
		same(title+" MIG", wanted.Readings["mig_mode"].Unsupported, true)
		return
	}
	if !succeeds(title+" MIG mode", code) {
		return
	}
	same(title+" MIG", current == nvml.DEVICE_MIG_ENABLE,
		wanted.Readings["mig_mode"].Value)
	if current != nvml.DEVICE_MIG_ENABLE {
		return
	}
	checkProfiles(title, device)
	most, code := device.GetMaxMigDeviceCount()
	if !succeeds(title+" MIG devices at most", code) {
		return
	}
	found := 0
	for i := 0; i < most; i++ {
		mig, code := device.GetMigDeviceHandleByIndex(i)
		if code == nvml.ERROR_NOT_FOUND || code == nvml.ERROR_INVALID_ARGUMENT {
			continue
		}
		name := fmt.Sprintf("%s MIG %d", title, i)
		if succeeds(name, code) && found < len(wanted.Mig.Items) {
			checkMigDevice(name, mig, wanted.Mig.Items[found])
		}
		found++
	}
	same(title+" count of MIG devices", found, len(wanted.Mig.Items))
}

// As go-nvlib's GetMigProfiles goes through them.
func checkProfiles(title string, device nvml.Device) {
	found := 0
	for i := 0; i < nvml.GPU_INSTANCE_PROFILE_COUNT; i++ {
		info, code := device.GetGpuInstanceProfileInfo(i)
		if code == nvml.ERROR_NOT_SUPPORTED ||
			code == nvml.ERROR_INVALID_ARGUMENT {
			continue
		}
		what := fmt.Sprintf("%s profile %d", title, i)
		if !succeeds(what, code) {
			continue
		}
		found++
		_, code = device.GetGpuInstancePossiblePlacements(&info)
		if succeeds(what+" placements", code) {
			fmt.Println("pass", what, "placements")
		}
	}
	same(title+" has profiles", found > 0, true)
}

func register(set nvml.EventSet, device nvml.Device) nvml.Return {
	supported, code := device.GetSupportedEventTypes()
	if code != nvml.SUCCESS {
		return code
	}
	const wanted = uint64(nvml.EventTypeXidCriticalError |
		nvml.EventTypeDoubleBitEccError | nvml.EventTypeSingleBitEccError)
	return device.RegisterEvents(wanted&supported, set)
}

func checkEvents(devices []nvml.Device) {
	set, code := nvml.EventSetCreate()
	if !succeeds("event set", code) {
		return
	}
	defer set.Free()
	for i, device := range devices {
		if succeeds(fmt.Sprintf("register %d", i), register(set, device)) {
			fmt.Println("pass register", i)
		}
	}
	last := devices[len(devices)-1]
	index, _ := last.GetIndex()
	inject := exec.Command("gpuward", "sim", "inject", "xid=31",
		fmt.Sprintf("gpu=%d", index))
	if err := inject.Run(); err != nil {
		fmt.Println("fail inject:", err)
		return
	}
	event, code := set.Wait(5000)
	if succeeds("wait for Xid 31", code) {
		uuid, _ := event.Device.GetUUID()
		wanted, _ := last.GetUUID()
		same("Xid 31 comes", fmt.Sprint(event.EventData, uuid),
			fmt.Sprint(31, wanted))
	}
	_, code = set.Wait(300)
	same("and only once", code, nvml.ERROR_TIMEOUT)
}

func checkNode(node status) {
	code := nvml.Init()
	if code != nvml.SUCCESS {
		same("init", int(code), node.Init.Code)
		return
	}
	defer nvml.Shutdown()
	same("init", "SUCCESS", node.Init.Value)
	if version, code := nvml.SystemGetDriverVersion(); succeeds("driver", code) {
		same("driver version", version, node.Driver.Value)
	}
	count, _ := nvml.DeviceGetCount()
	same("count of GPUs", count, len(node.Gpus))
	var devices []nvml.Device
	for _, wanted := range node.Gpus {
		title := fmt.Sprintf("GPU %d", wanted.Index)
		device, code := nvml.DeviceGetHandleByIndex(wanted.Index)
		if code != nvml.SUCCESS {
			same(title+" handle", int(code), wanted.Readings["handle"].Code)
			continue
		}
		devices = append(devices, device)
		checkIdentity(title, device, wanted)
		checkMig(title, device, wanted)
	}
	checkEvents(devices)
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go-nvml STATUS.json")
		os.Exit(64)
	}
	node, err := readStatus(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "go-nvml:", err)
		os.Exit(1)
	}
	checkNode(node)
}
