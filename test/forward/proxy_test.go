package forward

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"credence/test/harness"
)

// proxy is a running proxy on its example configuration.
type proxy struct {
	name    string
	address string // where clients reach it
	log     string // the file with everything it has written
	// body is true when the client gets the body of a refusal as Credence
	// wrote it.
	body  bool
	close func() error
}

// starter starts a proxy with its files in home.
type starter func(ctx context.Context, home, credence, upstream string) (*proxy, error)

// example is the path of a file in envoy/forward.
func example(name string) (string, error) {
	root, err := harness.Root()
	return filepath.Join(root, "envoy", "forward", name), err
}

func startEnvoy(ctx context.Context, home, credence, upstream string) (*proxy, error) {
	path, err := example("envoy.yaml")
	if err != nil {
		return nil, err
	}
	config, err := harness.ReadConfig(path)
	if err != nil {
		return nil, err
	}
	at, err := netip.ParseAddrPort(credence)
	if err != nil {
		return nil, err
	}
	to, err := netip.ParseAddrPort(upstream)
	if err != nil {
		return nil, err
	}
	access := filepath.Join(home, "access.log")
	if err := config.Wire(harness.Wiring{
		Gateway: harness.AnyPort(), Admin: harness.AnyPort(), Credence: at, Upstream: to, AccessLog: access,
	}); err != nil {
		return nil, err
	}
	envoy, err := harness.StartEnvoy(ctx, home, config)
	if err != nil {
		return nil, err
	}
	if err := envoy.AwaitHealthy(ctx, "credence", true); err != nil {
		return nil, errors.Join(err, envoy.Close())
	}
	return &proxy{name: "envoy", address: envoy.Address, log: access, body: true, close: envoy.Close}, nil
}

// rendered writes an example with other addresses and files. What is to be
// replaced and is not there is an error, so that the test runs what users get.
func rendered(name, to string, changes ...string) error {
	path, err := example(name)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(string(text), changes[i]) {
			return fmt.Errorf("%s does not contain %q", name, changes[i])
		}
	}
	return os.WriteFile(to, []byte(strings.NewReplacer(changes...).Replace(string(text))), 0o600)
}

// elsewhere runs a program on free ports until one was still free.
func elsewhere(ctx context.Context, start func(address string) (*harness.Process, error)) (string, *harness.Process, error) {
	var problem error
	for range 5 {
		address, err := harness.FreePort(ctx)
		if err != nil {
			return "", nil, err
		}
		p, err := start(address)
		if err == nil {
			return address, p, nil
		}
		problem = err
	}
	return "", nil, problem
}

func startNginx(ctx context.Context, home, credence, upstream string) (*proxy, error) {
	nginx, err := harness.FindTool("nginx")
	if err != nil {
		return nil, err
	}
	config, access, problems := filepath.Join(home, "nginx.conf"), filepath.Join(home, "access.log"), filepath.Join(home, "error.log")
	var temporary strings.Builder
	temporary.WriteString("http {\n")
	for _, of := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temporary, "    %s_temp_path %s;\n", of, filepath.Join(home, of))
	}
	address, process, err := elsewhere(ctx, func(address string) (*harness.Process, error) {
		if err := rendered("nginx.conf", config, "listen 127.0.0.1:10000", "listen "+address,
			"127.0.0.1:9002", credence, "127.0.0.1:8081", upstream, "/var/log/nginx/access.log", access, "http {\n", temporary.String()); err != nil {
			return nil, err
		}
		cmd := exec.Command(nginx, "-p", home, "-c", config, "-e", problems,
			"-g", "daemon off; master_process off; pid "+filepath.Join(home, "pid")+";")
		return harness.StartProgram(ctx, "nginx", address, problems, cmd)
	})
	if err != nil {
		return nil, err
	}
	return &proxy{name: "nginx", address: address, log: access, close: func() error { return process.Stop(10 * time.Second) }}, nil
}

func startCaddy(ctx context.Context, home, credence, upstream string) (*proxy, error) {
	caddy, err := harness.FindTool("caddy")
	if err != nil {
		return nil, err
	}
	config, log := filepath.Join(home, "Caddyfile"), filepath.Join(home, "caddy.log")
	address, process, err := elsewhere(ctx, func(address string) (*harness.Process, error) {
		if err := rendered("Caddyfile", config, "http://:10000 {", "http://"+address[strings.LastIndex(address, ":"):]+" {\n\tbind 127.0.0.1",
			"127.0.0.1:9002", credence, "127.0.0.1:8081", upstream); err != nil {
			return nil, err
		}
		out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, err
		}
		defer out.Close() //nolint:errcheck // the child has its own descriptor
		cmd := exec.Command(caddy, "run", "--config", config, "--adapter", "caddyfile")
		cmd.Stdout, cmd.Stderr = out, out
		cmd.Env = append(os.Environ(), "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)
		return harness.StartProgram(ctx, "caddy", address, log, cmd)
	})
	if err != nil {
		return nil, err
	}
	return &proxy{name: "caddy", address: address, log: log, body: true, close: func() error { return process.Stop(10 * time.Second) }}, nil
}
