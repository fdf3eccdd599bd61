package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	pluginapi "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

// vendor is a device plugin as vendors write them, a process of its own. Files
// in its folder lead it: while `hang-CALL` is there CALL does not come back,
// whatever its caller does; `unhealthy` lists devices. `calls` is what it was
// asked.
type vendor struct {
	pluginapi.UnimplementedDevicePluginServer
	resource string
	devices  int
	folder   string
	mutex    sync.Mutex // of the file of calls
}

// runVendor is the process. It registers whenever the kubelet's socket is
// another one.
func runVendor(arguments []string) error {
	flags := flag.NewFlagSet("plugin", flag.ExitOnError)
	v := &vendor{}
	dir := flags.String("dir", "", "where the kubelet's socket lies")
	flags.StringVar(&v.resource, "resource", "", "its resource")
	flags.IntVar(&v.devices, "devices", 8, "how many it has")
	flags.StringVar(&v.folder, "folder", "", "what leads it")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	kubelet := filepath.Join(*dir, "kubelet.sock")
	var known identity
	var server *grpc.Server
	for ; ; time.Sleep(50 * time.Millisecond) {
		now, err := identityOf(kubelet)
		if err != nil || now == known {
			continue
		}
		if server != nil {
			server.Stop()
		}
		socket := filepath.Join(*dir, filepath.Base(v.folder)+".sock")
		if server, err = v.serve(socket); err != nil {
			return err
		}
		if err := v.register(kubelet, filepath.Base(socket)); err != nil {
			fmt.Fprintln(os.Stderr, "register:", err)
			continue
		}
		known = now
		v.note("registered", nil)
	}
}

// identity tells a file from another of the same name.
type identity struct {
	inode   uint64
	changed syscall.Timespec
}

func identityOf(path string) (identity, error) {
	var seen syscall.Stat_t
	err := syscall.Stat(path, &seen)
	return identity{seen.Ino, seen.Ctim}, err
}

func (v *vendor) serve(path string) (*grpc.Server, error) {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	socket, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	server := grpc.NewServer()
	pluginapi.RegisterDevicePluginServer(server, v)
	go func() {
		if err := server.Serve(socket); err != nil {
			fmt.Fprintln(os.Stderr, "serve:", err)
		}
	}()
	return server, nil
}

func (v *vendor) options() *pluginapi.DevicePluginOptions {
	return &pluginapi.DevicePluginOptions{
		PreStartRequired: true, GetPreferredAllocationAvailable: true}
}

func (v *vendor) register(kubelet, endpoint string) error {
	connection, err := grpc.Dial("unix://"+kubelet,
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	deadline, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err = pluginapi.NewRegistrationClient(connection).Register(deadline,
		&pluginapi.RegisterRequest{Version: pluginapi.Version, Endpoint: endpoint,
			ResourceName: v.resource, Options: v.options()})
	return err
}

// note is a line of `calls`.
func (v *vendor) note(call string, ids []string) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	file, err := os.OpenFile(filepath.Join(v.folder, "calls"),
		os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, "calls:", err)
		return
	}
	defer file.Close()
	fmt.Fprintln(file, call, strings.Join(ids, ","))
}

// enter notes the call, and hangs if it is to.
func (v *vendor) enter(call string, ids []string) {
	v.note(call, ids)
	for exists(filepath.Join(v.folder, "hang-"+call)) {
		time.Sleep(10 * time.Millisecond)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (v *vendor) GetDevicePluginOptions(context.Context, *pluginapi.Empty) (
	*pluginapi.DevicePluginOptions, error) {
	return v.options(), nil
}

func (v *vendor) ListAndWatch(_ *pluginapi.Empty,
	stream pluginapi.DevicePlugin_ListAndWatchServer) error {
	told := "nothing yet"
	for ; stream.Context().Err() == nil; time.Sleep(20 * time.Millisecond) {
		unhealthy, err := os.ReadFile(filepath.Join(v.folder, "unhealthy"))
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		if told == string(unhealthy) {
			continue
		}
		if err := stream.Send(v.list(string(unhealthy))); err != nil {
			return err
		}
		told = string(unhealthy)
	}
	return nil
}

// list has the first half of the devices on NUMA node 0, the others on 1.
func (v *vendor) list(unhealthy string) *pluginapi.ListAndWatchResponse {
	all := &pluginapi.ListAndWatchResponse{}
	for i := 0; i < v.devices; i++ {
		device := &pluginapi.Device{ID: fmt.Sprintf("device-%d", i),
			Health: pluginapi.Healthy, Topology: &pluginapi.TopologyInfo{
				Nodes: []*pluginapi.NUMANode{{ID: int64(i * 2 / v.devices)}}}}
		if strings.Contains(unhealthy, device.ID) {
			device.Health = pluginapi.Unhealthy
		}
		all.Devices = append(all.Devices, device)
	}
	return all
}

// The last ones, which no kubelet would choose by itself.
func (v *vendor) GetPreferredAllocation(_ context.Context,
	request *pluginapi.PreferredAllocationRequest) (
	*pluginapi.PreferredAllocationResponse, error) {
	response := &pluginapi.PreferredAllocationResponse{}
	for _, container := range request.ContainerRequests {
		ids := sorted(container.AvailableDeviceIDs)
		v.enter("GetPreferredAllocation", ids)
		first := max(0, len(ids)-int(container.AllocationSize))
		response.ContainerResponses = append(response.ContainerResponses,
			&pluginapi.ContainerPreferredAllocationResponse{DeviceIDs: ids[first:]})
	}
	return response, nil
}

func (v *vendor) Allocate(_ context.Context, request *pluginapi.AllocateRequest) (
	*pluginapi.AllocateResponse, error) {
	response := &pluginapi.AllocateResponse{}
	for _, container := range request.ContainerRequests {
		ids := sorted(idsOf(container))
		v.enter("Allocate", ids)
		response.ContainerResponses = append(response.ContainerResponses,
			v.allocation(ids))
	}
	return response, nil
}

// allocation has something in every member.
func (v *vendor) allocation(ids []string) *pluginapi.ContainerAllocateResponse {
	one := &pluginapi.ContainerAllocateResponse{
		Envs:        map[string]string{"DEVICES": strings.Join(ids, ",")},
		Annotations: map[string]string{"example.com/devices": strings.Join(ids, ",")},
	}
	for _, id := range ids {
		one.Mounts = append(one.Mounts, &pluginapi.Mount{
			ContainerPath: "/run/" + id, HostPath: "/opt/" + id, ReadOnly: true})
		one.Devices = append(one.Devices, &pluginapi.DeviceSpec{
			ContainerPath: "/dev/" + id, HostPath: "/dev/" + id, Permissions: "rw"})
	}
	setCDI(one, "example.com/device="+strings.Join(ids, "+"))
	return one
}

func (v *vendor) PreStartContainer(_ context.Context,
	request *pluginapi.PreStartContainerRequest) (
	*pluginapi.PreStartContainerResponse, error) {
	v.enter("PreStartContainer", nil)
	return &pluginapi.PreStartContainerResponse{}, nil
}

func sorted(ids []string) []string {
	copied := append([]string(nil), ids...)
	sort.Strings(copied)
	return copied
}
