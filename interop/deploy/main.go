// What Kubernetes and Compose themselves read in deploy/: their own types, decoded strictly.
//
//	deploy kubernetes < rendered.yaml    the kinds and the container's environment, as JSON
//	deploy compose FILE                  the services' environment, as JSON
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/compose-spec/compose-go/v2/cli"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// Told is what the judge goes on with.
type Told struct {
	Kinds []string `json:"kinds"`
	// By service, or by the container's name.
	Environment map[string]map[string]string `json:"environment"`
}

func main() {
	told, err := judge(os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(told)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func judge(arguments []string) (Told, error) {
	switch {
	case len(arguments) == 1 && arguments[0] == "kubernetes":
		return kubernetes(os.Stdin)
	case len(arguments) == 2 && arguments[0] == "compose":
		return compose(arguments[1])
	}
	return Told{}, errors.New("kubernetes, or compose FILE")
}

// Everything of one release, as an API server would hold it.
type release struct {
	sets     []*apps.StatefulSet
	services []*core.Service
	rules    []*networking.NetworkPolicy
	budgets  []*policy.PodDisruptionBudget
	monitors []*monitoring.ServiceMonitor
}

func kubernetes(input io.Reader) (Told, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		apps.AddToScheme, core.AddToScheme, networking.AddToScheme, policy.AddToScheme, monitoring.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return Told{}, err
		}
	}
	// Strict: a field that no type has, or one that stands twice, is an error.
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	told := Told{Environment: map[string]map[string]string{}}
	var all release
	documents := yaml.NewYAMLReader(bufio.NewReader(input))
	for {
		text, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return told, err
		}
		object, kind, err := decoder.Decode(text, nil, nil)
		if err != nil {
			return told, fmt.Errorf("%w in\n%s", err, text)
		}
		told.Kinds = append(told.Kinds, kind.Kind)
		switch object := object.(type) {
		case *apps.StatefulSet:
			all.sets = append(all.sets, object)
		case *core.Service:
			all.services = append(all.services, object)
		case *networking.NetworkPolicy:
			all.rules = append(all.rules, object)
		case *policy.PodDisruptionBudget:
			all.budgets = append(all.budgets, object)
		case *monitoring.ServiceMonitor:
			all.monitors = append(all.monitors, object)
		default:
			return told, fmt.Errorf("nobody here knows a %s", kind)
		}
	}
	if len(all.sets) != 1 {
		return told, fmt.Errorf("%d stateful sets", len(all.sets))
	}
	set := all.sets[0]
	for _, container := range set.Spec.Template.Spec.Containers {
		environment := map[string]string{}
		for _, variable := range container.Env {
			if _, twice := environment[variable.Name]; twice {
				return told, fmt.Errorf("%s stands twice", variable.Name)
			}
			environment[variable.Name] = variable.Value
			if from := variable.ValueFrom; from != nil {
				// Only a secret is asked for anything, and the judge brings a sample of it.
				environment[variable.Name] = "secret " + from.SecretKeyRef.Name + " " + from.SecretKeyRef.Key
			}
		}
		told.Environment[container.Name] = environment
	}
	return told, all.fits(set)
}

// What names something else has to name it rightly: an API server takes it all the same, and nothing works.
func (all release) fits(set *apps.StatefulSet) error {
	pod := set.Spec.Template
	var faults []error
	fault := func(format string, values ...any) { faults = append(faults, fmt.Errorf(format, values...)) }
	chosen := func(what string, selector map[string]string, of map[string]string) {
		if len(selector) == 0 || !labels.SelectorFromSet(selector).Matches(labels.Set(of)) {
			fault("%s chooses nothing: %v of %v", what, selector, of)
		}
	}
	chosen("the stateful set", set.Spec.Selector.MatchLabels, pod.Labels)

	var ports, volumes []string
	for _, volume := range pod.Spec.Volumes {
		volumes = append(volumes, volume.Name)
	}
	for _, claim := range set.Spec.VolumeClaimTemplates {
		volumes = append(volumes, claim.Name)
	}
	for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		for _, mount := range container.VolumeMounts {
			if !slices.Contains(volumes, mount.Name) {
				fault("%s mounts %s, which is no volume", container.Name, mount.Name)
			}
		}
		for _, port := range container.Ports {
			ports = append(ports, port.Name)
		}
		if security := container.SecurityContext; security == nil || security.ReadOnlyRootFilesystem == nil ||
			!*security.ReadOnlyRootFilesystem || security.Capabilities == nil || len(security.Capabilities.Drop) == 0 {
			fault("%s may write its root, or has capabilities", container.Name)
		}
	}
	known := func(what string, port *intstr.IntOrString) {
		if port == nil || port.Type != intstr.String || !slices.Contains(ports, port.StrVal) {
			fault("%s names the port %v; there are %v", what, port, ports)
		}
	}
	for _, container := range pod.Spec.Containers {
		for what, probe := range map[string]*core.Probe{
			"startup": container.StartupProbe, "readiness": container.ReadinessProbe, "liveness": container.LivenessProbe,
		} {
			if probe == nil || probe.HTTPGet == nil {
				fault("%s has no probe for %s", container.Name, what)
				continue
			}
			known(what, &probe.HTTPGet.Port)
		}
	}
	named := false
	for _, service := range all.services {
		named = named || service.Name == set.Spec.ServiceName && service.Spec.ClusterIP == core.ClusterIPNone
		chosen("service "+service.Name, service.Spec.Selector, pod.Labels)
		for _, port := range service.Spec.Ports {
			known("service "+service.Name, &port.TargetPort)
		}
	}
	if !named {
		fault("the stateful set's service %s is none, or has an address of its own", set.Spec.ServiceName)
	}
	for _, rule := range all.rules {
		chosen("network policy "+rule.Name, rule.Spec.PodSelector.MatchLabels, pod.Labels)
		for _, ingress := range rule.Spec.Ingress {
			for _, port := range ingress.Ports {
				known("network policy "+rule.Name, port.Port)
			}
		}
	}
	for _, budget := range all.budgets {
		chosen("budget "+budget.Name, budget.Spec.Selector.MatchLabels, pod.Labels)
	}
	for _, monitor := range all.monitors {
		for _, endpoint := range monitor.Spec.Endpoints {
			// A port of the service here, and of exactly one: or each pod is asked more than once.
			found := 0
			for _, service := range all.services {
				chosen := labels.SelectorFromSet(monitor.Spec.Selector.MatchLabels).Matches(labels.Set(service.Labels))
				for _, port := range service.Spec.Ports {
					if chosen && port.Name == endpoint.Port {
						found++
						if job := service.Labels[monitor.Spec.JobLabel]; job != "mapae" {
							fault("the alarms ask for the job mapae, and this one is called %q", job)
						}
					}
				}
			}
			if found != 1 {
				fault("the service monitor finds the port %s in %d services", endpoint.Port, found)
			}
		}
	}
	return errors.Join(faults...)
}

func compose(file string) (Told, error) {
	told := Told{Environment: map[string]map[string]string{}}
	options, err := cli.NewProjectOptions([]string{file}, cli.WithOsEnv)
	if err != nil {
		return told, err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return told, err
	}
	for name, service := range project.Services {
		told.Kinds = append(told.Kinds, name)
		environment := map[string]string{}
		for variable, value := range service.Environment {
			if value == nil {
				return told, fmt.Errorf("%s: %s has no value", name, variable)
			}
			environment[variable] = *value
		}
		told.Environment[name] = environment
	}
	slices.Sort(told.Kinds)
	return told, nil
}
