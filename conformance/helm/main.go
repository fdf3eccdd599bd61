// Renders the Helm chart of packaging/ by Helm's own engine, for several sets of
// values, and looks at what comes out: that Kubernetes' types take it strictly,
// that each role has the rights that it needs and no more, that what is told to
// a program is what that program knows.
//
//	helm-check PACKAGING GPUWARD
//
// Prints a line for each check: "pass WHAT" or "fail WHAT: why".
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"
)

const (
	kubeletDir = "/var/lib/kubelet/device-plugins"
	privateDir = "/var/lib/gpuward/guard/device-plugins"
)

// check prints the outcome of one check; no error is a pass.
func check(what string, err error) {
	if err == nil {
		fmt.Printf("pass %s\n", what)
	} else {
		fmt.Printf("fail %s: %s\n", what, strings.ReplaceAll(err.Error(), "\n", " "))
	}
}

func expect(holds bool, format string, arguments ...any) error {
	if holds {
		return nil
	}
	return fmt.Errorf(format, arguments...)
}

// first is the first of several errors.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

const image = "image: {repository: registry.example/gpuward}\n"

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: helm-check PACKAGING GPUWARD")
		os.Exit(64)
	}
	packaging, gpuward := os.Args[1], os.Args[2]
	directory := filepath.Join(packaging, "helm", "gpuward")
	ch, err := loader.Load(directory)
	check("the chart loads", err)
	if err != nil {
		return
	}
	check("the chart is free of lint", lintErrors(directory))
	checkGuard(ch, gpuward)
	checkDevicePlugin(ch, gpuward)
	checkRefusals(ch)
	checkPolicies(packaging)
	checkPostRender(packaging)
}

func lintErrors(directory string) error {
	values, err := chartutil.ReadValues([]byte(image))
	if err != nil {
		return err
	}
	for _, message := range lint.AllWithKubeVersion(directory, values, "gpuward",
		&chartutil.KubeVersion{Version: "v1.30.0", Major: "1", Minor: "30"}).Messages {
		if message.Severity > support.InfoSev {
			return fmt.Errorf("%s", message)
		}
	}
	return nil
}

func checkGuard(ch *chart.Chart, gpuward string) {
	out, err := render(ch, image)
	check("the values as they are give sound objects", err)
	if err != nil {
		return
	}
	guard := out.sets["guard"]
	if guard == nil || len(out.sets) != 1 {
		check("the values as they are give a guard, and no other DaemonSet",
			fmt.Errorf("it is %v", keys(out.sets)))
		return
	}
	pod := guard.Spec.Template.Spec
	check("guard: whole", whole(guard))
	check("guard: unprivileged", unprivileged(pod.Containers[0]))
	check("guard: no token, no host's namespaces", first(
		expect(pod.AutomountServiceAccountToken != nil && !*pod.AutomountServiceAccountToken,
			"it is given a token"),
		expect(!pod.HostNetwork && !pod.HostPID && !pod.HostIPC, "it has one of them")))
	check("guard: the kubelet's directory and the private one", first(
		sees(guard, kubeletDir, kubeletDir, true),
		sees(guard, filepath.Dir(privateDir), filepath.Dir(privateDir), true),
		argument(guard, "--kubelet-dir="+kubeletDir),
		argument(guard, "--plugin-dir="+privateDir)))
	check("guard: one node at a time, and soon", first(
		expect(guard.Spec.UpdateStrategy.RollingUpdate.MaxUnavailable.IntValue() == 1,
			"maxUnavailable is %v", guard.Spec.UpdateStrategy.RollingUpdate.MaxUnavailable),
		expect(*pod.TerminationGracePeriodSeconds <= 10, "grace of %d s",
			*pod.TerminationGracePeriodSeconds)))
	check("guard: its options are known", known(gpuward, guard))
	check("guard: its pods may not talk to the network", first(
		expect(len(out.policies) == 1, "%d network policies", len(out.policies)),
		expect(len(out.policies) != 1 || len(out.policies[0].Spec.PolicyTypes) == 2 &&
			len(out.policies[0].Spec.Ingress)+len(out.policies[0].Spec.Egress) == 0,
			"it allows something")))

	out, err = render(ch, image+`
kubelet: {devicePluginsDir: /data/kubelet/device-plugins}
guard:
  stateDir: /data/guard
  perResource:
    nvidia.com/gpu: {allocate: 30s}
    huawei.com/Ascend910: {preferredAllocation: 1s, preStart: 5s}
  hostNetwork: true
seLinuxOptions: {type: spc_t}
tolerations: []
nodeSelector: {}
`)
	check("guard: other values give sound objects", err)
	if err != nil {
		return
	}
	guard = out.sets["guard"]
	check("guard: other directories and deadlines", first(
		sees(guard, kubeletDir, "/data/kubelet/device-plugins", true),
		sees(guard, "/data/guard", "/data/guard", true),
		argument(guard, "--plugin-dir=/data/guard/device-plugins"),
		argument(guard, "--allocate-deadline=10s"),
		argument(guard, "--allocate-deadline=nvidia.com/gpu=30s"),
		argument(guard, "--preferred-deadline=huawei.com/Ascend910=1s"),
		argument(guard, "--prestart-deadline=huawei.com/Ascend910=5s"),
		expect(guard.Spec.Template.Spec.SecurityContext.SELinuxOptions.Type == "spc_t",
			"no SELinux type"),
		expect(len(out.policies) == 0, "a network policy for the host's network")))
	check("guard: its options are known, deadlines of resources too", known(gpuward, guard))
}

func checkDevicePlugin(ch *chart.Chart, gpuward string) {
	out, err := render(ch, image+`
devicePlugin:
  enabled: true
  config: |
    version: v1
    flags: {migStrategy: mixed}
  env: {PASS_DEVICE_SPECS: true}
`)
	check("device plugin: sound objects", err)
	if err != nil {
		return
	}
	plugin, agent := out.sets["device-plugin"], out.sets["agent"]
	if plugin == nil || agent == nil || len(out.configs) != 1 {
		check("device plugin: it, an agent, a ConfigMap",
			fmt.Errorf("%v and %d ConfigMaps", keys(out.sets), len(out.configs)))
		return
	}
	check("device plugin: whole", whole(plugin))
	check("device plugin: unprivileged", unprivileged(plugin.Spec.Template.Spec.Containers[0]))
	check("device plugin: what it may write", first(
		sees(plugin, kubeletDir, kubeletDir, true),
		sees(plugin, "/var/lib/gpuward/device-plugin", "/var/lib/gpuward/device-plugin", true),
		sees(plugin, "/run/gpuward", "/run/gpuward", false),
		sees(plugin, "/host/dev", "/dev", false),
		sees(plugin, "/host/sys", "/sys", false)))
	check("device plugin: its options are known", known(gpuward, plugin))
	check("device plugin: its configuration file", first(
		argument(plugin, "--config-file=/config/config.yaml"),
		expect(strings.HasPrefix(out.configs[0].Data["config.yaml"], "version: v1\n"),
			"it is %q", out.configs[0].Data["config.yaml"])))
	environment := plugin.Spec.Template.Spec.Containers[0].Env
	check("device plugin: its environment",
		expect(len(environment) == 1 && environment[0].Value == "true", "%v", environment))
	check("agent: whole", whole(agent))
	check("agent: sees the host, writes the snapshot", first(
		sees(agent, "/host", "/", true),
		sees(agent, "/run/gpuward", "/run/gpuward", true),
		expect(agent.Spec.Template.Spec.HostPID, "it does not see the host's tasks"),
		expect(!agent.Spec.Template.Spec.HostNetwork, "it has the host's network")))
	check("agent: its options are known", known(gpuward, agent))
	check("agent: not in the pod of the device plugin",
		expect(len(plugin.Spec.Template.Spec.Containers) == 1, "it is"))

	out, err = render(ch, image+`
devicePlugin: {enabled: true, behindGuard: true, configMap: {name: mine}}
agent: {enabled: false}
`)
	check("device plugin behind the guard: sound objects", err)
	if err == nil {
		plugin = out.sets["device-plugin"]
		check("device plugin behind the guard: in its directory", first(
			sees(plugin, kubeletDir, privateDir, true),
			expect(out.sets["agent"] == nil && len(out.configs) == 0, "more than was asked for")))
	}
}

func checkRefusals(ch *chart.Chart) {
	for _, one := range []struct{ what, values, says string }{
		{"no image", "", "image.repository"},
		{"two configuration files",
			image + "devicePlugin: {enabled: true, config: a, configMap: {name: b}}", "set one of them"},
		{"behind no guard",
			image + "devicePlugin: {enabled: true, behindGuard: true}\nguard: {enabled: false}", "guard.enabled"},
		{"CDI, which the pod cannot make",
			image + "devicePlugin: {enabled: true, env: {DEVICE_LIST_STRATEGY: \"envvar,cdi-cri\"}}", "nvidia-ctk"},
	} {
		_, err := render(ch, one.values)
		check("refused: "+one.what, expect(err != nil && strings.Contains(err.Error(), one.says), "%v", err))
	}
}

// Both policies must name the directories that the chart uses.
func checkPolicies(packaging string) {
	for _, name := range []string{"mutating-admission-policy.yaml", "kyverno-policy.yaml"} {
		text, err := os.ReadFile(filepath.Join(packaging, "gpu-operator", name))
		if err == nil {
			for _, document := range strings.Split(string(text), "\n---\n") {
				var anything map[string]any
				err = first(err, yaml.UnmarshalStrict([]byte(document), &anything))
			}
			err = first(err, expect(bytes.Contains(text, []byte(privateDir)), "it does not name %s", privateDir))
		}
		check(name+": YAML, and the chart's directory", err)
	}
}

const vendor = `kind: DaemonSet
spec:
  template:
    spec:
      containers:
        - volumeMounts:
            - name: kubelet-device-plugins-dir
              mountPath: /var/lib/kubelet/device-plugins
      volumes:
        - name: kubelet-device-plugins-dir
          hostPath:
            path: %s
            type: Directory
`

func checkPostRender(packaging string) {
	program := filepath.Join(packaging, "nvidia-device-plugin", "post-render")
	for _, path := range []string{kubeletDir, `"` + kubeletDir + `"`, kubeletDir + "/"} {
		command := exec.Command(program)
		command.Stdin = strings.NewReader(fmt.Sprintf(vendor, path))
		out, err := command.Output()
		check("post-render: path: "+path, first(err,
			expect(string(out) == fmt.Sprintf(vendor, privateDir), "%s", out)))
	}
	command := exec.Command(program)
	command.Stdin = strings.NewReader(fmt.Sprintf(vendor, "/elsewhere"))
	check("post-render: refuses a chart without that directory",
		expect(command.Run() != nil, "it does not"))
}

func keys(sets map[string]*appsv1.DaemonSet) []string {
	var out []string
	for key := range sets {
		out = append(out, key)
	}
	sort.Strings(out)
	return out
}
