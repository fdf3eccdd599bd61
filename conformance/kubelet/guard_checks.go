package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	pluginapi "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

const (
	gpu   = "example.com/gpu"
	other = "example.com/other"
	// What has a deadline ends within it and so much.
	slack = 2 * time.Second
	// For what needs no plugin, or one that is well.
	quick = 2 * time.Second
	// For a plugin, a guard or a kubelet that has just been started.
	started = 10 * time.Second
)

var (
	all     = count{capacity: deviceCount, allocatable: deviceCount}
	unwell  = count{capacity: deviceCount, allocatable: 0}
	nothing = needs{}
)

var guardChecks = []check{
	{"without the guard a hang in GetPreferredAllocation stops every pod",
		func(s *stand) error { return freezes(s, "GetPreferredAllocation") }},
	{"without the guard a hang in Allocate stops every pod",
		func(s *stand) error { return freezes(s, "Allocate") }},
	{"what a container gets is the same with and without the guard", sameAnswers},
	{"a device's health passes", healthPasses},
	{"a hang in GetPreferredAllocation: 20 pods admitted", preferredHangs},
	{"a hang in Allocate: pods rejected in time, then devices unhealthy, then well",
		allocateHangs},
	{"a hang in PreStartContainer ends", preStartHangs},
	{"one plugin's hang is not another's", othersGoOn},
	{"the plugin is killed and comes back", pluginKilled},
	{"the plugin is stopped and goes on", pluginStopped},
	{"the kubelet restarts: the resource is back, what is held stays held",
		kubeletRestarts},
	{"the kubelet restarts while the plugin hangs", kubeletRestartsInHang},
	{"the guard is killed and comes back", guardKilled},
}

// direct is a stand with a plugin and no guard.
func direct(s *stand) (*plugin, error) {
	one, err := s.plugin(pluginapi.DevicePluginPath, gpu)
	if err != nil {
		return nil, err
	}
	return one, s.kubelet.waitFor(started, gpu, all)
}

// guarded is a stand with the guard before a plugin.
func guarded(s *stand) (*plugin, error) {
	if _, err := s.guard(); err != nil {
		return nil, err
	}
	one, err := s.plugin(s.pluginDir(), gpu)
	if err != nil {
		return nil, err
	}
	return one, s.kubelet.waitFor(started, gpu, all)
}

// freezes shows what the guard is for.
func freezes(s *stand, call string) error {
	plugin, err := direct(s)
	if err != nil {
		return err
	}
	if err := plugin.hang(call); err != nil {
		return err
	}
	stuck := s.kubelet.add(newPod("stuck", needs{gpu: 1}))
	behind := s.kubelet.add(newPod("behind", nothing))
	time.Sleep(preferredDeadline + allocateDeadline + slack)
	if len(stuck)+len(behind) > 0 {
		return errors.New("pods are admitted all the same")
	}
	if seen := s.kubelet.count(gpu); seen != all {
		return fmt.Errorf("the kubelet notices: %+v", seen)
	}
	if err := plugin.release(call); err != nil {
		return err
	}
	for _, waiting := range []<-chan admission{stuck, behind} {
		seen, err := await(quick, waiting)
		if err != nil {
			return fmt.Errorf("once the plugin is well: %w", err)
		}
		if !seen.admitted {
			return errors.New(seen.reason)
		}
	}
	return nil
}

// sameAnswers compares all that kubelet and plugin see of each other.
func sameAnswers(s *stand) error {
	bare, bareCalls, err := everySize(s, direct)
	if err != nil {
		return fmt.Errorf("without the guard: %w", err)
	}
	if err := s.close(); err != nil {
		return err
	}
	second, err := newStand(s.gpuward, filepath.Join(s.folder, "guarded"))
	if err != nil {
		return err
	}
	*s = *second
	through, throughCalls, err := everySize(s, guarded)
	if err != nil {
		return fmt.Errorf("with the guard: %w", err)
	}
	if !reflect.DeepEqual(bareCalls, throughCalls) {
		return fmt.Errorf("calls: %q without, %q with", bareCalls, throughCalls)
	}
	for i := range bare {
		if len(bare[i].options) == 0 {
			return errors.New("the plugin's answer is empty")
		}
		if !reflect.DeepEqual(bare[i].options, through[i].options) {
			return fmt.Errorf("%q without, %q with", bare[i].options, through[i].options)
		}
	}
	return nil
}

// everySize admits pods with one device, two, half a node and all that is left;
// which they get is for the plugin to say.
func everySize(s *stand, begin func(*stand) (*plugin, error)) (
	[]admission, []string, error) {
	plugin, err := begin(s)
	if err != nil {
		return nil, nil, err
	}
	var pods []admission
	for _, size := range []int64{1, 2, deviceCount / 2, 1} {
		seen, err := s.kubelet.admitted(quick,
			newPod(fmt.Sprint("pod-", len(pods)), needs{gpu: size}))
		if err != nil {
			return nil, nil, err
		}
		pods = append(pods, seen)
	}
	calls, err := plugin.calls("")
	return pods, calls, err
}

func healthPasses(s *stand) error {
	plugin, err := guarded(s)
	if err != nil {
		return err
	}
	if err := plugin.unhealthy("device-3"); err != nil {
		return err
	}
	if err := s.kubelet.waitFor(quick, gpu,
		count{capacity: deviceCount, allocatable: deviceCount - 1}); err != nil {
		return err
	}
	if err := plugin.unhealthy(""); err != nil {
		return err
	}
	return s.kubelet.waitFor(quick, gpu, all)
}

func preferredHangs(s *stand) error {
	plugin, err := guarded(s)
	if err != nil {
		return err
	}
	if err := plugin.hang("GetPreferredAllocation"); err != nil {
		return err
	}
	for i := 0; i < 20; i++ {
		pod := newPod(fmt.Sprint("pod-", i), needs{gpu: int64(1 + i%3)})
		if _, err := s.kubelet.admitted(preferredDeadline+slack, pod); err != nil {
			return err
		}
		s.kubelet.remove(pod)
	}
	if seen := s.kubelet.count(gpu); seen != all {
		return fmt.Errorf("devices are not what they were: %+v", seen)
	}
	if err := plugin.release("GetPreferredAllocation"); err != nil {
		return err
	}
	// Its word counts again. It names the last ones of a node.
	number := 0
	return errors.Join(plugin.registeredOnce(), within(started, func() error {
		number++
		pod := newPod(fmt.Sprint("well-", number), needs{gpu: 1})
		defer s.kubelet.remove(pod)
		seen, err := s.kubelet.admitted(quick, pod)
		if err == nil && seen.devices[gpu][0] != "device-3" {
			err = fmt.Errorf("the plugin is not asked again: %v", seen.devices)
		}
		return err
	}))
}

func allocateHangs(s *stand) error {
	plugin, err := guarded(s)
	if err != nil {
		return err
	}
	if err := plugin.hang("Allocate"); err != nil {
		return err
	}
	for _, name := range []string{"first", "second"} {
		seen, err := s.kubelet.rejected(allocateDeadline+slack, newPod(name, needs{gpu: 1}))
		if err != nil {
			return err
		}
		if !strings.Contains(seen.reason, "UnexpectedAdmissionError") ||
			!strings.Contains(seen.reason, gpu) {
			return fmt.Errorf("what is the reason? %s", seen.reason)
		}
	}
	if err := s.kubelet.waitFor(quick, gpu, unwell); err != nil {
		return err
	}
	asked, err := plugin.calls("Allocate")
	if err != nil {
		return err
	}
	if _, err := s.kubelet.rejected(quick, newPod("third", needs{gpu: 1})); err != nil {
		return err
	}
	if _, err := s.kubelet.admitted(quick, newPod("without", nothing)); err != nil {
		return err
	}
	if again, err := plugin.calls("Allocate"); err != nil || len(again) != len(asked) {
		return fmt.Errorf("the plugin is asked while it hangs: %q, %v", again, err)
	}
	if err := plugin.release("Allocate"); err != nil {
		return err
	}
	if err := s.kubelet.waitFor(started, gpu, all); err != nil {
		return err
	}
	_, err = s.kubelet.admitted(quick, newPod("well", needs{gpu: deviceCount}))
	return errors.Join(err, plugin.registeredOnce())
}

// preStartHangs: the one call that a kubelet bounds itself, by 30 s.
func preStartHangs(s *stand) error {
	plugin, err := guarded(s)
	if err != nil {
		return err
	}
	if err := plugin.hang("PreStartContainer"); err != nil {
		return err
	}
	seen, err := s.kubelet.rejected(preStartDeadline+slack, newPod("stuck", needs{gpu: 1}))
	if err == nil && !strings.Contains(seen.reason, "container") {
		err = fmt.Errorf("what is the reason? %s", seen.reason)
	}
	return err
}

func othersGoOn(s *stand) error {
	hanging, err := guarded(s)
	if err != nil {
		return err
	}
	well, err := s.plugin(s.pluginDir(), other)
	if err != nil {
		return err
	}
	if err := s.kubelet.waitFor(started, other, all); err != nil {
		return err
	}
	if err := hanging.hang("Allocate"); err != nil {
		return err
	}
	stuck := s.kubelet.add(newPod("stuck", needs{gpu: 1}))
	if err := within(quick, func() error {
		_, err := hanging.calls("Allocate")
		return err
	}); err != nil {
		return err
	}
	// While the guard waits for the one, it hears the other.
	if err := well.unhealthy("device-0"); err != nil {
		return err
	}
	if err := s.kubelet.waitFor(allocateDeadline/2, other,
		count{capacity: deviceCount, allocatable: deviceCount - 1}); err != nil {
		return err
	}
	if len(stuck) > 0 {
		return errors.New("too slow to show anything: the call is over already")
	}
	if _, err := await(allocateDeadline+slack, stuck); err != nil {
		return err
	}
	if _, err := s.kubelet.rejected(allocateDeadline+slack,
		newPod("second", needs{gpu: 1})); err != nil {
		return err
	}
	if err := s.kubelet.waitFor(quick, gpu, unwell); err != nil {
		return err
	}
	for i := 0; i < 5; i++ {
		pod := newPod(fmt.Sprint("other-", i), needs{other: 1})
		if _, err := s.kubelet.admitted(allocateDeadline/2, pod); err != nil {
			return err
		}
	}
	return nil
}
