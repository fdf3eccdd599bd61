package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	pluginapi "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

// stand is what one case is made of: a kubelet, and processes between it and
// the devices. Everything of it ends with close.
type stand struct {
	gpuward  string
	folder   string // of this case alone; logs stay in it
	kubelet  *kubelet
	children []*child
}

func newStand(gpuward, folder string) (*stand, error) {
	if err := os.RemoveAll(folder); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	if err := cleanKubeletDir(); err != nil {
		return nil, err
	}
	kubelet, err := startKubelet(nil)
	return &stand{gpuward: gpuward, folder: folder, kubelet: kubelet}, err
}

// close also lets go of every call that hangs, so that nobody waits.
func (s *stand) close() error {
	for _, each := range s.children {
		each.stop()
	}
	return s.kubelet.stop()
}

// restartKubelet: the next one knows what lies in the folder, and the pods,
// which a kubelet has from the API server.
func (s *stand) restartKubelet() error {
	if err := s.kubelet.stop(); err != nil {
		return err
	}
	pods := map[types.UID]*v1.Pod{}
	for _, pod := range s.kubelet.active() {
		pods[pod.UID] = pod
	}
	var err error
	s.kubelet, err = startKubelet(pods)
	return err
}

// child is a process of ours. They are started by the main thread, whose end is
// theirs.
type child struct {
	*exec.Cmd
	log      string
	ended    chan struct{}
	isWanted bool // that it ends
}

func (s *stand) start(name, program string, arguments ...string) (*child, error) {
	path := filepath.Join(s.folder, name+".log")
	log, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	one := &child{Cmd: exec.Command(program, arguments...), log: path,
		ended: make(chan struct{})}
	one.Stdout, one.Stderr = log, log
	one.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := one.Start(); err != nil {
		return nil, err
	}
	go func() {
		// How it ended is no matter: what it did not do is.
		_ = one.Wait()
		close(one.ended)
	}()
	s.children = append(s.children, one)
	return one, nil
}

// end sends a signal and waits.
func (c *child) end(signal syscall.Signal) {
	c.isWanted = true
	if err := c.Process.Signal(signal); err == nil || errors.Is(err, os.ErrProcessDone) {
		<-c.ended
	}
}

// stop is for one that may be stopped by a signal, or too busy to end.
func (c *child) stop() {
	for _, each := range []syscall.Signal{syscall.SIGCONT, syscall.SIGTERM} {
		if err := c.Process.Signal(each); err != nil {
			return
		}
	}
	select {
	case <-c.ended:
	case <-time.After(5 * time.Second):
		c.end(syscall.SIGKILL)
	}
}

// ended names the processes that should not have, and their last words.
func (s *stand) ended() string {
	said := ""
	for _, each := range s.children {
		select {
		case <-each.ended:
			if !each.isWanted {
				text, _ := os.ReadFile(each.log)
				lines := strings.Split(strings.TrimSpace(string(text)), "\n")
				said += fmt.Sprintf("; %s has ended: %s", filepath.Base(each.log),
					lines[len(lines)-1])
			}
		default:
		}
	}
	return said
}

// The guard's deadlines in these cases.
const (
	preferredDeadline = 500 * time.Millisecond
	allocateDeadline  = time.Second
	preStartDeadline  = time.Second
	livenessInterval  = 500 * time.Millisecond
)

func (s *stand) pluginDir() string { return filepath.Join(s.folder, "device-plugins") }

func (s *stand) guard() (*child, error) {
	return s.start("guard", s.gpuward, "guard",
		"--kubelet-dir", pluginapi.DevicePluginPath,
		"--plugin-dir", s.pluginDir(),
		"--state-dir", filepath.Join(s.folder, "guard"),
		"--preferred-deadline", asOption(preferredDeadline),
		"--allocate-deadline", asOption(allocateDeadline),
		"--prestart-deadline", asOption(preStartDeadline),
		"--allocate-failures", "2",
		"--liveness-interval", asOption(livenessInterval))
}

func asOption(time time.Duration) string {
	return fmt.Sprintf("%dms", time.Milliseconds())
}

// plugin is a vendor's plugin, see plugin.go.
type plugin struct {
	*child
	folder string
}

const deviceCount = 8

// plugin starts one in `dir`, which is the kubelet's own folder or what the
// guard gives out for it.
func (s *stand) plugin(dir, resource string) (*plugin, error) {
	one := &plugin{folder: filepath.Join(s.folder, strings.ReplaceAll(resource, "/", "-"))}
	if err := os.MkdirAll(one.folder, 0o700); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	one.child, err = s.start(filepath.Base(one.folder), self, "plugin", "--dir", dir,
		"--resource", resource, "--folder", one.folder,
		"--devices", fmt.Sprint(deviceCount))
	return one, err
}

func (p *plugin) path(name string) string { return filepath.Join(p.folder, name) }

func (p *plugin) hang(call string) error {
	return os.WriteFile(p.path("hang-"+call), nil, 0o600)
}

func (p *plugin) release(call string) error { return os.Remove(p.path("hang-" + call)) }

// unhealthy replaces the list of devices that are; it is written beside, so
// that half a list is never read.
func (p *plugin) unhealthy(ids string) error {
	if err := os.WriteFile(p.path("next"), []byte(ids), 0o600); err != nil {
		return err
	}
	return os.Rename(p.path("next"), p.path("unhealthy"))
}

// calls are those of one kind that it was asked, or all with "".
func (p *plugin) calls(kind string) ([]string, error) {
	text, err := os.ReadFile(p.path("calls"))
	var some []string
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if strings.HasPrefix(line, kind) {
			some = append(some, line)
		}
	}
	return some, err
}

// registeredOnce fails where the plugin noticed something that made it begin
// anew.
func (p *plugin) registeredOnce() error {
	seen, err := p.calls("registered")
	if err == nil && len(seen) != 1 {
		err = fmt.Errorf("the plugin registered %d times", len(seen))
	}
	return err
}

// within asks again until there is no error; it fails with the last one.
func within(limit time.Duration, condition func() error) error {
	end := time.Now().Add(limit)
	for {
		err := condition()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("after %v: %w", limit, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
