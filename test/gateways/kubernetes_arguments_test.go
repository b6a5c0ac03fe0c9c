package gateways

import (
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"credence/test/harness"
)

// takesItsArguments demands that the binary has the command and every flag of
// the container and takes their values, and that the ports it is told are those the container names.
func takesItsArguments(t *testing.T, name string, c corev1.Container) {
	t.Helper()
	if len(c.Command) > 0 {
		t.Errorf("%s: has a command, the image has its own", name)
	}
	help, ok := helps[c.Args[0]]
	if !ok {
		t.Fatalf("%s: runs %q, which is no process", name, c.Args[0])
	}
	for _, a := range c.Args[1:] {
		flag, _, _ := strings.Cut(a, "=")
		if !regexp.MustCompile(regexp.QuoteMeta(flag) + `\b[^-]`).MatchString(help) {
			t.Errorf("%s: `credence %s` has no flag %s", name, c.Args[0], flag)
		}
	}
	// Together they are a configuration that the binary takes.
	if _, err := harness.Run(t.Context(), binary, append([]string{"config", "print"}, c.Args[1:]...)...); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	for _, e := range c.Env {
		if !slices.Contains([]string{"CREDENCE_STORE", "CREDENCE_STORE_SESSION_URL", "CREDENCE_REDIS", "PGSSLROOTCERT"}, e.Name) {
			t.Errorf("%s: the variable %s is not expected", name, e.Name)
		}
	}
	for _, p := range c.Ports {
		setting := map[string]string{"grpc-check": "check-addr", "status": "status-addr", "api": "api-addr"}[p.Name]
		want := regexp.MustCompile(`(?m)^` + strings.ReplaceAll(setting, "-", "_") + `\s+\S+:(\d+)\s`).FindStringSubmatch(defaults)
		if setting == "" || len(want) != 2 {
			t.Errorf("%s: port %s is no port of the binary", name, p.Name)
			continue
		}
		host, port, err := net.SplitHostPort(argument(c, setting, ""))
		if err != nil || host != "0.0.0.0" || port != strconv.Itoa(int(p.ContainerPort)) || port != want[1] {
			t.Errorf("%s: port %s: container %d, --%s=%s:%s, default %s", name, p.Name, p.ContainerPort, setting, host, port, want[1])
		}
	}
	for flag, setting := range map[string]string{"check-tls-cert": "check-addr", "api-tls-cert": "api-addr"} {
		if hasFlag(c, setting) && hasFlag(c, flag) == hasFlag(c, "insecure-plaintext") {
			t.Errorf("%s: --%s and --insecure-plaintext: one of the two has to be said", name, flag)
		}
	}
}
