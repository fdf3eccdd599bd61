package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// whole: its selector finds its own pods, each mount has a volume and each
// volume a mount.
func whole(set *appsv1.DaemonSet) error {
	pod := set.Spec.Template
	selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector)
	if err != nil {
		return err
	}
	labels := labelSet(pod.Labels)
	if !selector.Matches(labels) {
		return fmt.Errorf("its selector %s does not match its pods", selector)
	}
	mounted := map[string]bool{}
	for _, container := range pod.Spec.Containers {
		for _, mount := range container.VolumeMounts {
			mounted[mount.Name] = true
		}
	}
	for _, volume := range pod.Spec.Volumes {
		if !mounted[volume.Name] {
			return fmt.Errorf("nobody mounts the volume %s", volume.Name)
		}
		delete(mounted, volume.Name)
	}
	return expect(len(mounted) == 0, "mounts without a volume: %v", mounted)
}

type labelSet map[string]string

func (l labelSet) Has(key string) bool   { return l[key] != "" }
func (l labelSet) Get(key string) string { return l[key] }
func (l labelSet) Lookup(key string) (string, bool) {
	value, is := l[key]
	return value, is
}

// unprivileged: root, and nothing that root could do besides.
func unprivileged(container corev1.Container) error {
	context := container.SecurityContext
	if context == nil || context.Privileged == nil || *context.Privileged {
		return fmt.Errorf("it is privileged")
	}
	return first(
		expect(context.AllowPrivilegeEscalation != nil && !*context.AllowPrivilegeEscalation,
			"it may gain privileges"),
		expect(context.ReadOnlyRootFilesystem != nil && *context.ReadOnlyRootFilesystem,
			"its root is writable"),
		expect(context.Capabilities != nil && len(context.Capabilities.Add) == 0 &&
			len(context.Capabilities.Drop) == 1 && context.Capabilities.Drop[0] == "ALL",
			"it keeps capabilities"))
}

// hostPath is where on the host the container sees `inside`, and whether it may
// write there.
func hostPath(set *appsv1.DaemonSet, inside string) (path string, writable bool) {
	pod := set.Spec.Template.Spec
	for _, mount := range pod.Containers[0].VolumeMounts {
		for _, volume := range pod.Volumes {
			if mount.MountPath == inside && volume.Name == mount.Name && volume.HostPath != nil {
				return volume.HostPath.Path, !mount.ReadOnly
			}
		}
	}
	return "", false
}

func sees(set *appsv1.DaemonSet, inside, outside string, writable bool) error {
	path, may := hostPath(set, inside)
	return first(
		expect(path == outside, "%s is %q of the host, not %s", inside, path, outside),
		expect(may == writable, "%s: writable is %v", inside, may))
}

func argument(set *appsv1.DaemonSet, wanted string) error {
	for _, argument := range set.Spec.Template.Spec.Containers[0].Args {
		if argument == wanted {
			return nil
		}
	}
	return fmt.Errorf("no %s in %v", wanted, set.Spec.Template.Spec.Containers[0].Args)
}

// known: the verb's --help lists each option that it is given.
func known(gpuward string, set *appsv1.DaemonSet) error {
	arguments := set.Spec.Template.Spec.Containers[0].Args
	help, err := exec.Command(gpuward, arguments[0], "--help").Output()
	if err != nil {
		return fmt.Errorf("gpuward %s --help: %w", arguments[0], err)
	}
	for _, argument := range arguments[1:] {
		name, _, _ := strings.Cut(argument, "=")
		if !regexp.MustCompile(regexp.QuoteMeta(name) + `[ ,=\n]`).Match(help) {
			return fmt.Errorf("gpuward %s knows no %s", arguments[0], name)
		}
	}
	return nil
}
