package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	pluginapi "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

const (
	nvidia = "nvidia.com/gpu"
	small  = "nvidia.com/mig-1g.12gb"
	medium = "nvidia.com/mig-1g.24gb"
	large  = "nvidia.com/mig-3g.48gb"
	// Of the devices of a driver that hangs, and of one that is well again.
	hangTolerance = 3 * time.Second
	recoveryTime  = 3 * time.Second
	// Nobody may notice that there is a driver.
	atOnce = time.Second
)

// deviceChecks are by scenario. Those of one follow each other on one node.
var deviceChecks = map[string][]check{
	"healthy-8xh20-mig": {
		{"whole GPUs and MIG devices are counted", migCounted},
		{"a container gets the devices that the kubelet chose", migGiven},
		{"what is preferred is taken: two MIG devices of one GPU", migPacked},
		{"each device is handed out once, and none too many", migAll},
		{"the driver hangs: unhealthy in time, other pods go on, then well",
			driverHangs},
	},
	"h20-mig-init-hang": {
		{"no device is healthy", noneHealthy},
		{"pods without a GPU are admitted at once, pods with one rejected at once",
			admittedInHang},
	},
	"h100-gpu-lost": {
		{"seven of eight are healthy", sevenHealthy},
		{"the seven are handed out, with what is preferred", sevenGiven},
	},
}

// runNode lets the checks follow each other on one kubelet and device plugin.
func runNode(checks []check, gpuward, folder string) error {
	stand, err := newStand(gpuward, filepath.Join(folder, "node"))
	if err != nil {
		return err
	}
	if _, err := stand.start("agent", gpuward, "agent", "--interval", "1s"); err != nil {
		return err
	}
	if _, err := stand.start("device-plugin", gpuward, "device-plugin",
		"--mig-strategy", "mixed",
		"--run-dir", os.Getenv("GPUWARD_RUN_DIR"),
		"--state-dir", filepath.Join(stand.folder, "state"),
		"--kubelet-socket", pluginapi.KubeletSocket,
		"--hang-tolerance", asOption(hangTolerance),
		"--recovery-time", asOption(recoveryTime)); err != nil {
		return err
	}
	for _, each := range checks {
		report(stand, each)
		for _, pod := range stand.kubelet.active() {
			stand.kubelet.remove(pod)
		}
	}
	return stand.close()
}

var migWell = map[string]count{
	nvidia: {5, 5}, small: {6, 6}, medium: {3, 3}, large: {3, 3}}

func waitForAll(s *stand, limit time.Duration, wanted map[string]count) error {
	for name, number := range wanted {
		if err := s.kubelet.waitFor(limit, name, number); err != nil {
			return err
		}
	}
	return nil
}

func migCounted(s *stand) error { return waitForAll(s, 30*time.Second, migWell) }

func migGiven(s *stand) error {
	for name := range migWell {
		pod := newPod("one-of-"+filepath.Base(name), needs{name: 1})
		seen, err := s.kubelet.admitted(atOnce, pod)
		if err != nil {
			return err
		}
		if err := isVisible(seen, name); err != nil {
			return err
		}
	}
	return nil
}

// isVisible: the container runtime is told the same devices.
func isVisible(seen admission, name string) error {
	visible := ""
	for _, line := range seen.options {
		if strings.Contains(line, "NVIDIA_VISIBLE_DEVICES") {
			visible = line
		}
	}
	for _, id := range seen.devices[name] {
		if !strings.Contains(visible, id) {
			return fmt.Errorf("%s has %s, its container %q", seen.pod.Name, id, seen.options)
		}
	}
	return nil
}

// Which of the node's MIG devices of the small profile are on which GPU.
var gpuOf = map[string]int{
	"MIG-ac6829e7-b466-50e4-917c-b77aee4c5016": 0,
	"MIG-4e18003f-f745-5d17-b03f-203b7cbb671b": 0,
	"MIG-70b0f862-2a3b-5056-89f6-4e1bc03f0913": 1,
	"MIG-a93cbeea-c3ce-5933-9512-35fde18fe2fd": 1,
	"MIG-9429d092-1945-524b-8a22-474247772105": 2,
	"MIG-e99237a2-b951-5f96-af7b-d0c5ecedb6f4": 2,
}

// A kubelet that chose by itself would do so at random: six times three pods,
// so that it is not by luck.
func migPacked(s *stand) error {
	for round := range 6 {
		for i := range 3 {
			seen, err := s.kubelet.admitted(atOnce,
				newPod(fmt.Sprint("pair-", round, "-", i), needs{small: 2}))
			if err != nil {
				return err
			}
			ids := seen.devices[small]
			if gpuOf[ids[0]] != gpuOf[ids[1]] {
				return fmt.Errorf("%q are on different GPUs", ids)
			}
		}
		for _, pod := range s.kubelet.active() {
			s.kubelet.remove(pod)
		}
	}
	return nil
}

func migAll(s *stand) error {
	given := map[string]string{}
	for name, number := range migWell {
		for i := int64(0); i < number.capacity; i++ {
			pod := newPod(fmt.Sprint(filepath.Base(name), "-", i), needs{name: 1})
			seen, err := s.kubelet.admitted(atOnce, pod)
			if err != nil {
				return err
			}
			id := seen.devices[name][0]
			if holder, twice := given[id]; twice {
				return fmt.Errorf("%s of %s is given to %s too", id, holder, pod.Name)
			}
			given[id] = pod.Name
		}
		if _, err := s.kubelet.rejected(atOnce,
			newPod("too-much-"+filepath.Base(name), needs{name: 1})); err != nil {
			return err
		}
	}
	return nil
}

// inject changes the simulated node.
func inject(s *stand, arguments ...string) error {
	text, err := exec.Command(s.gpuward,
		append([]string{"sim", "inject"}, arguments...)...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("sim inject: %w: %s", err, text)
	}
	return err
}

func driverHangs(s *stand) error {
	if err := inject(s, "nvml* hang=futex"); err != nil {
		return err
	}
	unwell := map[string]count{}
	for name, number := range migWell {
		unwell[name] = count{number.capacity, 0}
	}
	// Until a call counts as one that hangs, the agent's own deadline passes.
	if err := waitForAll(s, time.Minute, unwell); err != nil {
		return err
	}
	if err := admittedInHang(s); err != nil {
		return err
	}
	if err := inject(s, "--clear", "all"); err != nil {
		return err
	}
	if err := waitForAll(s, 2*time.Minute, migWell); err != nil {
		return err
	}
	_, err := s.kubelet.admitted(atOnce, newPod("well", needs{nvidia: 2}))
	return err
}

// noneHealthy: all GPUs are known, though the driver has never said a word.
func noneHealthy(s *stand) error {
	if err := s.kubelet.waitFor(30*time.Second, nvidia, count{8, 0}); err != nil {
		return err
	}
	// And it stays so, however long the agent tries.
	for end := time.Now().Add(3 * hangTolerance); time.Now().Before(end); {
		if seen := s.kubelet.count(nvidia); seen.allocatable != 0 {
			return fmt.Errorf("%+v", seen)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

func admittedInHang(s *stand) error {
	for i := range 20 {
		if _, err := s.kubelet.admitted(atOnce,
			newPod(fmt.Sprint("without-", i), nothing)); err != nil {
			return err
		}
		if _, err := s.kubelet.rejected(atOnce,
			newPod(fmt.Sprint("with-", i), needs{nvidia: 1})); err != nil {
			return err
		}
	}
	return nil
}

const lostGPU = "GPU-cea79e0f-77de-a7ff-6c85-c44b6594a00a"

func sevenHealthy(s *stand) error {
	return s.kubelet.waitFor(30*time.Second, nvidia, count{8, 7})
}

// sevenGiven: a kubelet asks what is preferred where it takes some of those on
// one NUMA node, not where it takes all.
func sevenGiven(s *stand) error {
	for i, size := range []int64{2, 3, 1, 1} {
		seen, err := s.kubelet.admitted(atOnce,
			newPod(fmt.Sprint("pod-", i), needs{nvidia: size}))
		if err != nil {
			return err
		}
		if err := isVisible(seen, nvidia); err != nil {
			return err
		}
		if strings.Contains(strings.Join(seen.devices[nvidia], " "), lostGPU) {
			return errors.New("the lost GPU is handed out")
		}
	}
	if _, err := s.kubelet.rejected(atOnce, newPod("eighth", needs{nvidia: 1})); err != nil {
		return err
	}
	log, err := os.ReadFile(filepath.Join(s.folder, "device-plugin.log"))
	if err == nil && strings.Count(string(log),
		`"method":"GetPreferredAllocation","outcome":"answered"`) < 2 {
		err = errors.New("the device plugin was not asked what it prefers")
	}
	return err
}
