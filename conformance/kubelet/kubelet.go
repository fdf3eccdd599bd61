package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	pluginapi "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

// kubelet is the part of one that hands out devices: its managers, and one
// loop that admits pods one after the other, as a kubelet's does. So a call
// that does not come back holds up every pod that comes later.
type kubelet struct {
	managers *managers
	admit    chan func()

	mutex sync.Mutex
	pods  map[types.UID]*v1.Pod
}

// startKubelet begins with what the one before it left in its folder, and with
// its pods.
func startKubelet(pods map[types.UID]*v1.Pod) (*kubelet, error) {
	if pods == nil {
		pods = map[types.UID]*v1.Pod{}
	}
	managers, err := newManagers()
	if err != nil {
		return nil, err
	}
	k := &kubelet{managers: managers, admit: make(chan func(), 1000), pods: pods}
	go func() {
		for admission := range k.admit {
			admission()
		}
	}()
	return k, managers.start(k.active, everySourceIsReady{})
}

func (k *kubelet) stop() error { return k.managers.stop() }

func (k *kubelet) active() []*v1.Pod {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	var all []*v1.Pod
	for _, pod := range k.pods {
		all = append(all, pod)
	}
	return all
}

func (k *kubelet) set(pod *v1.Pod, isActive bool) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if isActive {
		k.pods[pod.UID] = pod
	} else {
		delete(k.pods, pod.UID)
	}
}

// remove ends a pod; its devices are free for the next one.
func (k *kubelet) remove(pod *v1.Pod) { k.set(pod, false) }

// admission is what became of a pod.
type admission struct {
	pod      *v1.Pod
	admitted bool
	reason   string // where it was not
	took     time.Duration
	devices  map[string][]string // by resource
	options  []string            // what its container is started with
}

// add brings a pod; what becomes of it comes through the channel, and may never
// come.
func (k *kubelet) add(pod *v1.Pod) <-chan admission {
	began := time.Now()
	done := make(chan admission, 1)
	k.set(pod, true)
	k.admit <- func() {
		result := k.managers.admit(pod)
		seen := admission{pod: pod, admitted: result.Admit, took: time.Since(began),
			reason: strings.TrimSpace(result.Reason + ": " + result.Message)}
		if !result.Admit {
			k.set(pod, false)
			done <- seen
			return
		}
		// Containers are started by a worker of the pod's own.
		go k.startContainer(seen, done)
	}
	return done
}

func (k *kubelet) startContainer(seen admission, done chan<- admission) {
	container := &seen.pod.Spec.Containers[0]
	options, err := k.managers.runOptions(seen.pod, container)
	if err != nil {
		seen.admitted, seen.reason = false, "container: "+err.Error()
	} else if options != nil {
		seen.options = lines(*options)
	}
	seen.devices = map[string][]string{}
	given := k.managers.device.GetDevices(string(seen.pod.UID), container.Name)
	for name, devices := range given {
		for id := range devices {
			seen.devices[name] = append(seen.devices[name], id)
		}
		sort.Strings(seen.devices[name])
	}
	done <- seen
}

// lines are all members of a struct of slices, whatever they are called in this
// version.
func lines(options any) []string {
	var all []string
	value := reflect.ValueOf(options)
	for i := 0; i < value.NumField(); i++ {
		for j := 0; j < value.Field(i).Len(); j++ {
			all = append(all, fmt.Sprintf("%s %+v", value.Type().Field(i).Name,
				value.Field(i).Index(j)))
		}
	}
	sort.Strings(all)
	return all
}

// admitWithin fails where nothing has become of the pod by then.
func (k *kubelet) admitWithin(limit time.Duration, pod *v1.Pod) (admission, error) {
	seen, err := await(limit, k.add(pod))
	if err != nil {
		err = fmt.Errorf("pod %s: %w", pod.Name, err)
	}
	return seen, err
}

func await(limit time.Duration, done <-chan admission) (admission, error) {
	select {
	case seen := <-done:
		return seen, nil
	case <-time.After(limit):
		return admission{}, fmt.Errorf("it waits in admission for more than %v", limit)
	}
}

// admitted fails where the pod was not, or not by then.
func (k *kubelet) admitted(limit time.Duration, pod *v1.Pod) (admission, error) {
	seen, err := k.admitWithin(limit, pod)
	if err == nil && !seen.admitted {
		err = fmt.Errorf("pod %s is rejected: %s", pod.Name, seen.reason)
	}
	return seen, err
}

// rejected fails where the pod was not, or not by then.
func (k *kubelet) rejected(limit time.Duration, pod *v1.Pod) (admission, error) {
	seen, err := k.admitWithin(limit, pod)
	if err == nil && seen.admitted {
		err = fmt.Errorf("pod %s is admitted, with %v", pod.Name, seen.devices)
	}
	return seen, err
}

// count is how many devices of a resource the kubelet has, and how many of them
// can be handed out.
type count struct{ capacity, allocatable int64 }

func (k *kubelet) count(name string) count {
	capacity, allocatable := k.managers.capacity()
	all, healthy := capacity[v1.ResourceName(name)], allocatable[v1.ResourceName(name)]
	return count{all.Value(), healthy.Value()}
}

func (k *kubelet) waitFor(limit time.Duration, name string, wanted count) error {
	return within(limit, func() error {
		if seen := k.count(name); seen != wanted {
			return fmt.Errorf("%s: %+v expected, got %+v", name, wanted, seen)
		}
		return nil
	})
}

// needs is a resource and a number of it.
type needs map[string]int64

func newPod(name string, wanted needs) *v1.Pod {
	limits := v1.ResourceList{}
	for each, number := range wanted {
		limits[v1.ResourceName(each)] = *resource.NewQuantity(number, resource.DecimalSI)
	}
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default",
			UID: types.UID("uid-of-" + name)},
		Spec: v1.PodSpec{Containers: []v1.Container{{Name: "main",
			Resources: v1.ResourceRequirements{Limits: limits, Requests: limits}}}},
	}
}

// twoNodes are NUMA nodes 0 and 1; their type is in another package with each
// version of Kubernetes.
func twoNodes[Node any]() ([]Node, error) {
	var nodes []Node
	return nodes, json.Unmarshal([]byte(`[{"node_id": 0}, {"node_id": 1}]`), &nodes)
}

type everySourceIsReady struct{}

func (everySourceIsReady) AddSource(string) {}
func (everySourceIsReady) AllReady() bool   { return true }

// cleanKubeletDir makes the folder that a kubelet has hard-coded a new one. It
// is of this process alone: see README.md.
func cleanKubeletDir() error {
	dir := pluginapi.DevicePluginPath
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := os.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}
