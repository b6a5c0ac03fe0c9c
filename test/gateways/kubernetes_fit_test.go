package gateways

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// fits demands of a deployment, wherever its objects come from, that they name
// only what is there and give each process no more than it needs.
func (o *objects) fits(t *testing.T) {
	t.Helper()
	for name := range o.deployments {
		o.selectsItself(t, name)
	}
	for _, name := range o.workloads() {
		pod := o.podOf(t, name)
		o.mountsWhatIsThere(t, name, pod.Spec)
		runsWithTheLeast(t, name, pod.Spec)
		takesItsArguments(t, name, pod.Spec.Containers[0])
		if _, ok := o.accounts[pod.Spec.ServiceAccountName]; !ok {
			t.Errorf("%s runs as %q, which is no ServiceAccount here", name, pod.Spec.ServiceAccountName)
		}
	}
	for name, account := range o.accounts {
		if account.AutomountServiceAccountToken == nil || *account.AutomountServiceAccountToken {
			t.Errorf("ServiceAccount %s: its token is mounted", name)
		}
	}
	for name, s := range o.services {
		o.servicePorts(t, name, s)
	}
	for name, b := range o.budgets {
		if len(o.selected(t, b.Spec.Selector)) != 1 {
			t.Errorf("PodDisruptionBudget %s: selects %v, want one Deployment", name, o.selected(t, b.Spec.Selector))
		}
	}
	for name, p := range o.policies {
		o.policyPorts(t, name, p)
	}
}

// workloads are the names of what runs pods.
func (o *objects) workloads() []string {
	return slices.Sorted(maps.Keys(mergeNames(o.deployments, o.jobs)))
}

func mergeNames[A, B any](a map[string]A, b map[string]B) map[string]bool {
	names := map[string]bool{}
	for n := range a {
		names[n] = true
	}
	for n := range b {
		names[n] = true
	}
	return names
}

// selected are the workloads whose pods the selector finds.
func (o *objects) selected(t *testing.T, by *metav1.LabelSelector) []string {
	t.Helper()
	selector, err := metav1.LabelSelectorAsSelector(by)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, name := range o.workloads() {
		if selector.Matches(labels.Set(o.podOf(t, name).Labels)) {
			found = append(found, name)
		}
	}
	return found
}

func (o *objects) selectsItself(t *testing.T, name string) {
	t.Helper()
	d := o.deployments[name]
	if got := o.selected(t, d.Spec.Selector); len(got) != 1 || got[0] != name {
		t.Errorf("Deployment %s: selects the pods of %v", name, got)
	}
	if *d.Spec.Replicas < 2 {
		t.Errorf("Deployment %s: %d replicas, want 2 at least", name, *d.Spec.Replicas)
	}
	for _, spread := range d.Spec.Template.Spec.TopologySpreadConstraints {
		if got := o.selected(t, spread.LabelSelector); len(got) != 1 || got[0] != name {
			t.Errorf("Deployment %s: spreads the pods of %v", name, got)
		}
	}
	if len(d.Spec.Template.Spec.TopologySpreadConstraints) == 0 {
		t.Errorf("Deployment %s: its pods may all stand on one node", name)
	}
	roll := d.Spec.Strategy.RollingUpdate
	if roll == nil || roll.MaxUnavailable == nil || roll.MaxUnavailable.IntValue() != 0 {
		t.Errorf("Deployment %s: a rolling update takes replicas away before new ones are ready", name)
	}
	probes(t, name, d.Spec.Template.Spec)
}

// probes ask the status port by its name, and the paths that it has.
func probes(t *testing.T, name string, pod corev1.PodSpec) {
	t.Helper()
	c := pod.Containers[0]
	for what, probe := range map[string]*corev1.Probe{"/healthz": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != what || probe.HTTPGet.Port.String() != "status" {
			t.Errorf("%s: the probe of %s is %+v", name, what, probe)
		}
	}
	if c.StartupProbe == nil || c.StartupProbe.HTTPGet.Path != "/healthz" {
		t.Errorf("%s: a slow start is taken for a dead process", name)
	}
	// What the process is told, or its default, in seconds.
	wait := 5 * time.Second // for the kubelet and for what is left to be written
	for flag, fallback := range map[string]string{"drain-delay": "0s", "shutdown-grace": "10s"} {
		d, err := time.ParseDuration(argument(c, flag, fallback))
		if err != nil {
			t.Errorf("%s: --%s: %v", name, flag, err)
		}
		wait += d
	}
	if grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second; grace < wait {
		t.Errorf("%s: is killed %s after the stop signal, and needs up to %s", name, grace, wait)
	}
}

// argument is the value of the container's flag, or fallback.
func argument(c corev1.Container, flag, fallback string) string {
	for _, a := range c.Args {
		if value, ok := strings.CutPrefix(a, "--"+flag+"="); ok {
			return value
		}
	}
	return fallback
}

func hasFlag(c corev1.Container, flag string) bool {
	return slices.ContainsFunc(c.Args, func(a string) bool { return a == "--"+flag || strings.HasPrefix(a, "--"+flag+"=") })
}

// mountsWhatIsThere demands that mounts and volumes belong together, that each
// file an argument names lies in one, and that no secret is wider than
// secretfile accepts (0640) or out of the process's reach.
func (o *objects) mountsWhatIsThere(t *testing.T, name string, pod corev1.PodSpec) {
	t.Helper()
	volumes := map[string]corev1.Volume{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = v
		if v.Secret == nil {
			continue
		}
		if v.Secret.DefaultMode == nil || *v.Secret.DefaultMode != 0o440 {
			t.Errorf("%s: volume %s: files that others may read are refused, and those that the group may not are out of reach", name, v.Name)
		}
		if strings.Contains(v.Secret.SecretName, "keyset") && !strings.HasSuffix(name, "-management") {
			t.Errorf("%s mounts the keyset", name)
		}
	}
	c := pod.Containers[0]
	if len(c.VolumeMounts) != len(pod.Volumes) {
		t.Errorf("%s: %d mounts of %d volumes", name, len(c.VolumeMounts), len(pod.Volumes))
	}
	for _, m := range c.VolumeMounts {
		v, ok := volumes[m.Name]
		if !ok {
			t.Errorf("%s mounts %s, which is no volume", name, m.Name)
		}
		if (v.Secret != nil || v.ConfigMap != nil) != m.ReadOnly {
			t.Errorf("%s: mount %s: read only is %t", name, m.Name, m.ReadOnly)
		}
	}
	for _, a := range c.Args {
		_, path, _ := strings.Cut(a, "=")
		if strings.HasPrefix(path, "/") && !slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool {
			return path == m.MountPath || strings.HasPrefix(path, m.MountPath+"/")
		}) {
			t.Errorf("%s: %s is in no mount", name, a)
		}
	}
	if name == "" || !strings.HasSuffix(name, "-extauthz") {
		return
	}
	for _, e := range c.Env {
		if strings.HasPrefix(e.Value, "/") {
			continue // the name of a file
		}
		if e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil || strings.Contains(e.ValueFrom.SecretKeyRef.Name, "owner") {
			t.Errorf("%s: %s does not come from the data plane's own Secret", name, e.Name)
		}
	}
}

// runsWithTheLeast is what the pod security standard "restricted" demands, and
// a root file system that cannot be written.
func runsWithTheLeast(t *testing.T, name string, pod corev1.PodSpec) {
	t.Helper()
	s := pod.SecurityContext
	if s == nil || !*s.RunAsNonRoot || *s.RunAsUser != 65532 || *s.FSGroup != 65532 || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("%s: pod security context %+v", name, s)
	}
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		t.Errorf("%s: holds a token of Kubernetes", name)
	}
	if len(pod.Containers) != 1 || len(pod.InitContainers) != 0 {
		t.Fatalf("%s: more than one container", name)
	}
	c := pod.Containers[0]
	own := c.SecurityContext
	if own == nil || *own.AllowPrivilegeEscalation || !*own.ReadOnlyRootFilesystem || !slices.Equal(own.Capabilities.Drop, []corev1.Capability{"ALL"}) {
		t.Errorf("%s: container security context %+v", name, own)
	}
	if c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
		t.Errorf("%s: memory without request or limit", name)
	}
}

// containerPorts are the ports of the workload's container by name.
func (o *objects) containerPorts(t *testing.T, name string) map[string]int32 {
	t.Helper()
	ports := map[string]int32{}
	for _, p := range o.podOf(t, name).Spec.Containers[0].Ports {
		ports[p.Name] = p.ContainerPort
	}
	return ports
}

func (o *objects) servicePorts(t *testing.T, name string, s *corev1.Service) {
	t.Helper()
	found := o.selected(t, &metav1.LabelSelector{MatchLabels: s.Spec.Selector})
	if len(found) != 1 {
		t.Fatalf("Service %s: selects %v, want one Deployment", name, found)
	}
	ports := o.containerPorts(t, found[0])
	for _, p := range s.Spec.Ports {
		if ports[p.TargetPort.String()] == 0 {
			t.Errorf("Service %s: %s has no port %s", name, found[0], p.TargetPort.String())
		}
		if p.AppProtocol == nil {
			t.Errorf("Service %s: nothing says what port %s speaks", name, p.Name)
		}
	}
	if s.Spec.PublishNotReadyAddresses {
		t.Errorf("Service %s: names replicas that are not ready", name)
	}
}

func (o *objects) policyPorts(t *testing.T, name string, p *networkingv1.NetworkPolicy) {
	t.Helper()
	found := o.selected(t, &p.Spec.PodSelector)
	if len(found) == 0 {
		t.Fatalf("NetworkPolicy %s: selects no pods", name)
	}
	ports := o.containerPorts(t, found[0])
	for _, rule := range p.Spec.Ingress {
		if len(rule.From) == 0 || len(rule.Ports) == 0 {
			t.Errorf("NetworkPolicy %s: lets everybody in, or to every port", name)
		}
		for _, port := range rule.Ports {
			if ports[port.Port.String()] == 0 {
				t.Errorf("NetworkPolicy %s: %s has no port %s", name, found[0], port.Port)
			}
		}
	}
	for _, rule := range p.Spec.Egress {
		if len(rule.Ports) == 0 {
			t.Errorf("NetworkPolicy %s: lets everything out", name)
		}
	}
}

// reach says who may come to a port: the labels of the first peer that a
// policy of the workload lets in.
func (o *objects) reach(t *testing.T, policy, port string) networkingv1.NetworkPolicyPeer {
	t.Helper()
	p, ok := o.policies[policy]
	if !ok {
		t.Fatalf("no NetworkPolicy %s", policy)
	}
	for _, rule := range p.Spec.Ingress {
		if len(rule.Ports) == 1 && *rule.Ports[0].Port == intstr.FromString(port) {
			if len(rule.From) != 1 {
				t.Fatalf("NetworkPolicy %s: port %s: %d peers, want one", policy, port, len(rule.From))
			}
			return rule.From[0]
		}
	}
	t.Fatalf("NetworkPolicy %s: nobody reaches port %s", policy, port)
	return networkingv1.NetworkPolicyPeer{}
}
