package main

import (
	"fmt"
	"regexp"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// objects are what one set of values was rendered to.
type objects struct {
	sets     map[string]*appsv1.DaemonSet // by component
	configs  []*corev1.ConfigMap
	policies []*networkingv1.NetworkPolicy
}

// render returns an error where Helm refuses, or where Kubernetes would.
func render(ch *chart.Chart, values string) (*objects, error) {
	given, err := chartutil.ReadValues([]byte(values))
	if err != nil {
		return nil, err
	}
	options := chartutil.ReleaseOptions{Name: "r", Namespace: "gpuward", IsInstall: true}
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = chartutil.KubeVersion{Version: "v1.30.0", Major: "1", Minor: "30"}
	all, err := chartutil.ToRenderValues(ch, given, options, capabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(ch, all)
	if err != nil {
		return nil, err
	}
	out := &objects{sets: map[string]*appsv1.DaemonSet{}}
	for name, text := range files {
		if !strings.HasSuffix(name, ".yaml") {
			continue
		}
		for _, document := range regexp.MustCompile(`(?m)^---$`).Split(text, -1) {
			if err := out.add(document); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return out, nil
}

func (o *objects) add(document string) error {
	var head metav1.TypeMeta
	if err := yaml.Unmarshal([]byte(document), &head); err != nil {
		return err
	}
	var into any
	switch head.Kind {
	case "":
		return nil
	case "DaemonSet":
		set := &appsv1.DaemonSet{}
		defer func() { o.sets[set.Labels["app.kubernetes.io/component"]] = set }()
		into = set
	case "ConfigMap":
		config := &corev1.ConfigMap{}
		o.configs = append(o.configs, config)
		into = config
	case "NetworkPolicy":
		policy := &networkingv1.NetworkPolicy{}
		o.policies = append(o.policies, policy)
		into = policy
	default:
		return fmt.Errorf("a %s that this check does not know", head.Kind)
	}
	return yaml.UnmarshalStrict([]byte(document), into)
}
