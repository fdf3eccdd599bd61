//go:build !kubelet_1_27

package main

import (
	"context"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	pluginapi "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
	"k8s.io/kubernetes/pkg/kubelet/cm/containermap"
	"k8s.io/kubernetes/pkg/kubelet/cm/devicemanager"
	"k8s.io/kubernetes/pkg/kubelet/cm/topologymanager"
	"k8s.io/kubernetes/pkg/kubelet/config"
	"k8s.io/kubernetes/pkg/kubelet/lifecycle"
)

// managers are a kubelet's device manager, and the topology manager that asks
// it when a pod is admitted.
type managers struct {
	device   *devicemanager.ManagerImpl
	topology topologymanager.Manager
}

func newManagers() (*managers, error) {
	logger := klog.Background()
	nodes, err := numaNodes(devicemanager.NewManagerImpl)
	if err != nil {
		return nil, err
	}
	topology, err := topologymanager.NewManager(
		logger, nodes, topologymanager.PolicyBestEffort, "container", nil)
	if err != nil {
		return nil, err
	}
	device, err := devicemanager.NewManagerImpl(logger, nodes, topology)
	if err != nil {
		return nil, err
	}
	topology.AddHintProvider(logger, device)
	return &managers{device, topology}, nil
}

func numaNodes[Node any](_ func(klog.Logger, []Node, topologymanager.Store) (
	*devicemanager.ManagerImpl, error)) ([]Node, error) {
	return twoNodes[Node]()
}

func (m *managers) start(active func() []*v1.Pod, ready config.SourcesReady) error {
	return m.device.Start(klog.Background(), active, ready,
		containermap.NewContainerMap(), sets.New[string]())
}

func (m *managers) stop() error { return m.device.Stop(klog.Background()) }

func (m *managers) admit(pod *v1.Pod) lifecycle.PodAdmitResult {
	return m.topology.Admit(context.Background(), &lifecycle.PodAdmitAttributes{
		Pod: pod, Operation: lifecycle.AddOperation})
}

func (m *managers) runOptions(pod *v1.Pod, container *v1.Container) (
	*devicemanager.DeviceRunContainerOptions, error) {
	return m.device.GetDeviceRunContainerOptions(
		context.Background(), pod, container)
}

func (m *managers) capacity() (capacity, allocatable v1.ResourceList) {
	capacity, allocatable, _ = m.device.GetCapacity(klog.Background())
	return capacity, allocatable
}

// What the generated messages of this version name in their own way.

func idsOf(request *pluginapi.ContainerAllocateRequest) []string {
	return request.DevicesIds
}

func setCDI(response *pluginapi.ContainerAllocateResponse, name string) {
	response.CdiDevices = []*pluginapi.CDIDevice{{Name: name}}
}
