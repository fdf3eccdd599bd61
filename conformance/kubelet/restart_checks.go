package main

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"
)

// lost is a plugin that is not there for a while: the kubelet says so at once,
// and has its devices again without a registration.
func lost(s *stand, lose, regain func(*plugin) error) error {
	plugin, err := guarded(s)
	if err != nil {
		return err
	}
	held := newPod("held", needs{gpu: 2})
	before, err := s.kubelet.admitted(quick, held)
	if err != nil {
		return err
	}
	if err := lose(plugin); err != nil {
		return err
	}
	if err := s.kubelet.waitFor(2*livenessInterval+slack, gpu, unwell); err != nil {
		return err
	}
	if _, err := s.kubelet.rejected(quick, newPod("early", needs{gpu: 1})); err != nil {
		return err
	}
	if err := regain(plugin); err != nil {
		return err
	}
	if err := s.kubelet.waitFor(started, gpu, all); err != nil {
		return err
	}
	return restIsFree(s, before)
}

// restIsFree: what `before` does not hold can be had, and nothing more.
func restIsFree(s *stand, before admission) error {
	left := int64(deviceCount - len(before.devices[gpu]))
	after, err := s.kubelet.admitted(quick, newPod("rest", needs{gpu: left}))
	if err != nil {
		return err
	}
	for _, id := range after.devices[gpu] {
		if strings.Contains(strings.Join(before.devices[gpu], " "), id) {
			return fmt.Errorf("%s is handed out twice", id)
		}
	}
	_, err = s.kubelet.rejected(quick, newPod("too-much", needs{gpu: 1}))
	return err
}

func pluginKilled(s *stand) error {
	return lost(s,
		func(p *plugin) error { p.end(syscall.SIGKILL); return nil },
		func(*plugin) error { _, err := s.plugin(s.pluginDir(), gpu); return err })
}

func pluginStopped(s *stand) error {
	return lost(s,
		func(p *plugin) error { return p.Process.Signal(syscall.SIGSTOP) },
		func(p *plugin) error { return p.Process.Signal(syscall.SIGCONT) })
}

func kubeletRestarts(s *stand) error {
	plugin, err := guarded(s)
	if err != nil {
		return err
	}
	before, err := s.kubelet.admitted(quick, newPod("held", needs{gpu: 2}))
	if err != nil {
		return err
	}
	for range 3 {
		if err := s.restartKubelet(); err != nil {
			return err
		}
		if err := s.kubelet.waitFor(5*time.Second, gpu, all); err != nil {
			return err
		}
	}
	return errors.Join(restIsFree(s, before), plugin.registeredOnce())
}

func kubeletRestartsInHang(s *stand) error {
	plugin, err := guarded(s)
	if err != nil {
		return err
	}
	for _, call := range []string{"GetPreferredAllocation", "Allocate"} {
		if err := plugin.hang(call); err != nil {
			return err
		}
	}
	stuck := s.kubelet.add(newPod("stuck", needs{gpu: 1}))
	if err := s.restartKubelet(); err != nil {
		return err
	}
	if err := s.kubelet.waitFor(5*time.Second, gpu, all); err != nil {
		return err
	}
	_, err = await(quick, stuck)
	return errors.Join(err, plugin.registeredOnce())
}

func guardKilled(s *stand) error {
	guard, err := s.guard()
	if err != nil {
		return err
	}
	if _, err = s.plugin(s.pluginDir(), gpu); err != nil {
		return err
	}
	if err := s.kubelet.waitFor(started, gpu, all); err != nil {
		return err
	}
	before, err := s.kubelet.admitted(quick, newPod("held", needs{gpu: 2}))
	if err != nil {
		return err
	}
	guard.end(syscall.SIGKILL)
	if err := s.kubelet.waitFor(quick, gpu, unwell); err != nil {
		return err
	}
	if _, err := s.guard(); err != nil {
		return err
	}
	if err := s.kubelet.waitFor(started, gpu, all); err != nil {
		return err
	}
	return restIsFree(s, before)
}
