package fleet

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"credence/management/outgoing"
	"credence/test/harness"
	"credence/test/n8nserver"
)

// composeFile is what the tests read of docker-compose.yml.
type composeFile struct {
	Services map[string]composeService `yaml:"services"`
	Configs  map[string]struct {
		Content string `yaml:"content"`
	} `yaml:"configs"`
	Volumes map[string]any `yaml:"volumes"`
}

type composeService struct {
	Profiles    []string                     `yaml:"profiles"`
	Image       string                       `yaml:"image"`
	Build       string                       `yaml:"build"`
	User        string                       `yaml:"user"`
	ReadOnly    bool                         `yaml:"read_only"`
	Entrypoint  []string                     `yaml:"entrypoint"`
	Command     []string                     `yaml:"command"`
	Environment map[string]string            `yaml:"environment"`
	Volumes     []string                     `yaml:"volumes"`
	Tmpfs       []string                     `yaml:"tmpfs"`
	Ports       []string                     `yaml:"ports"`
	DependsOn   map[string]map[string]string `yaml:"depends_on"`
	CapDrop     []string                     `yaml:"cap_drop"`
	SecurityOpt []string                     `yaml:"security_opt"`
	Healthcheck struct {
		Test []string `yaml:"test"`
	} `yaml:"healthcheck"`
	Configs []struct {
		Source string `yaml:"source"`
	} `yaml:"configs"`
}

func compose(t *testing.T) composeFile {
	t.Helper()
	var c composeFile
	if err := yaml.Unmarshal([]byte(repositoryFile(t, "docker-compose.yml")), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func repositoryFile(t *testing.T, name string) string {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// ours are the services that run the binary.
func (c composeFile) ours() []string {
	var names []string
	for name, s := range c.Services {
		if s.Build != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestComposeNamesOnlyWhatItDefines(t *testing.T) {
	c := compose(t)
	for name, s := range c.Services {
		for on := range s.DependsOn {
			if _, ok := c.Services[on]; !ok {
				t.Errorf("%s depends on %s, which is no service", name, on)
			}
		}
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if _, ok := c.Volumes[source]; !ok && !strings.HasPrefix(source, "./") {
				t.Errorf("%s mounts %s, which is no volume", name, source)
			}
			if strings.HasPrefix(source, "./") {
				repositoryFile(t, source)
			}
		}
		for _, mounted := range s.Configs {
			if _, ok := c.Configs[mounted.Source]; !ok {
				t.Errorf("%s mounts the config %s, which is not there", name, mounted.Source)
			}
		}
	}
}

// Every service of ours runs without root, without a writable root and
// without the keyset unless it is the control plane's.
func TestComposeGivesEachProcessTheLeast(t *testing.T) {
	c := compose(t)
	if got := c.ours(); strings.Join(got, " ") != "bootstrap extauthz management migrate secrets" {
		t.Fatalf("services of ours: %v", got)
	}
	for _, name := range c.ours() {
		s := c.Services[name]
		if s.User != "65532:65532" || !s.ReadOnly {
			t.Errorf("%s: user %q, read only %t", name, s.User, s.ReadOnly)
		}
		keyset := slices.ContainsFunc(s.Volumes, func(v string) bool { return strings.HasPrefix(v, "keyset:") })
		if want := name == "secrets" || name == "bootstrap" || name == "management"; keyset != want {
			t.Errorf("%s sees the keyset: %t, want %t", name, keyset, want)
		}
	}
	for name, s := range c.Services {
		if name == "postgres" { // its image needs root to take over its volume, and leaves it
			continue
		}
		if s.User == "" || strings.HasPrefix(s.User, "0") || !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) ||
			!slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) {
			t.Errorf("%s: user %q, read only %t, without %v, %v", name, s.User, s.ReadOnly, s.CapDrop, s.SecurityOpt)
		}
	}
	if store := c.Services["extauthz"].Environment["CREDENCE_STORE"]; !strings.Contains(store, "://credence_check:") {
		t.Errorf("the data plane logs in as the schema's owner: %s", store)
	}
	for name, s := range c.Services {
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to the network", name, p)
			}
		}
	}
}

// Gitea and n8n start only when somebody asks for them, in the versions that
// their clients are tried with, and the control plane may call them and nothing
// else that is private.
func TestComposeStartsOtherProgramsOnlyByTheirProfileAndLetsTheControlPlaneReachThem(t *testing.T) {
	c := compose(t)
	var beside, allowed []string
	for name, s := range c.Services {
		if s.Profiles == nil {
			for on := range s.DependsOn {
				if c.Services[on].Profiles != nil {
					t.Errorf("%s, which always starts, needs %s, which does not", name, on)
				}
			}
			continue
		}
		beside = append(beside, name)
		if !slices.Equal(s.Profiles, []string{"integrations"}) || len(s.Ports) != 1 || len(s.Healthcheck.Test) == 0 || len(s.Volumes) == 0 {
			t.Errorf("%s: profiles %v, ports %v, health check %v, volumes %v", name, s.Profiles, s.Ports, s.Healthcheck.Test, s.Volumes)
			continue
		}
		port := s.Ports[0][strings.LastIndex(s.Ports[0], ":")+1:]
		allowed = append(allowed, name+":"+port)
		if page := repositoryFile(t, "docs/"+name+".md"); !strings.Contains(page, "--url http://"+name+":"+port) || !strings.Contains(page, "--profile integrations") {
			t.Errorf("docs/%s.md does not say how to reach it", name)
		}
	}
	slices.Sort(beside)
	slices.Sort(allowed)
	if !slices.Equal(beside, []string{"gitea", "n8n"}) {
		t.Fatalf("services of a profile: %v", beside)
	}
	args := c.Services["management"].Command
	i := slices.Index(args, "--outgoing-allow")
	if i < 0 || i+1 >= len(args) || args[i+1] != strings.Join(allowed, ",") {
		t.Fatalf("the control plane is started with %v, and is to reach %v", args, allowed)
	}
	if _, err := outgoing.ParseAllow(strings.Split(args[i+1], ",")); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{"gitea": ":1.27.3-rootless", "n8n": ":" + n8nserver.New} {
		if got := c.Services[name].Image; !strings.HasSuffix(got, want) {
			t.Errorf("%s is %s, and its client is tried with %s", name, got, want)
		}
	}
}

func TestDockerfileBuildsWithTheModulesGoAndRunsWithoutRoot(t *testing.T) {
	dockerfile, module := repositoryFile(t, "Dockerfile"), repositoryFile(t, "go.mod")
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(module)
	for _, want := range []string{"FROM golang:" + version[1], "USER 65532:65532", `ENTRYPOINT ["/usr/local/bin/credence"]`, "CGO_ENABLED=0", "-X main.stamped=$VERSION"} {
		if !strings.Contains(dockerfile, want) {
			t.Errorf("the Dockerfile does not say %q", want)
		}
	}
	if ignored := repositoryFile(t, ".dockerignore"); !strings.Contains(ignored, "credence-data") || !strings.Contains(ignored, ".git") {
		t.Error("local data or history would go into the build")
	}
}

// machine runs the services of the compose file without containers: the same
// arguments, with folders and ports of this machine for those of the network.
type machine struct {
	t       *testing.T
	compose composeFile
	folder  string
	owner   string
	checker string
}

// arguments are a service's arguments on this machine.
func (m *machine) arguments(name string) []string {
	m.t.Helper()
	s := m.compose.Services[name]
	var args []string
	for _, a := range s.Command {
		for _, mount := range []string{"/secrets", "/keyset", "/data"} {
			if a == mount || strings.HasPrefix(a, mount+"/") {
				a = filepath.Join(m.folder, a)
			}
		}
		if host, _, ok := strings.Cut(a, ":"); ok && host == "0.0.0.0" {
			a = "127.0.0.1:0"
		}
		args = append(args, a)
	}
	if len(s.Environment) > 0 {
		store := m.owner
		if strings.Contains(s.Environment["CREDENCE_STORE"], "credence_check") {
			store = m.checker
		}
		args = append(args, "--store", store)
	}
	return args
}

func (m *machine) run(name string) string {
	m.t.Helper()
	out, err := harness.Run(m.t.Context(), binary, m.arguments(name)...)
	if err != nil {
		m.t.Fatalf("service %s: %v", name, err)
	}
	return out
}

func (m *machine) start(name string) *harness.Credence {
	m.t.Helper()
	args := m.arguments(name)
	c, err := harness.StartPlane(m.t.Context(), binary, m.t.TempDir(), args[0], args[1:]...)
	if err != nil {
		m.t.Fatalf("service %s: %v", name, err)
	}
	m.t.Cleanup(func() {
		if err := c.Close(); err != nil {
			m.t.Error(err)
		}
	})
	return c
}

// envoyConfig is what the sed of the service makes of the shipped file.
func (m *machine) envoyConfig() string {
	m.t.Helper()
	text := repositoryFile(m.t, "envoy/envoy.yaml")
	script := strings.Join(m.compose.Services["envoy"].Command, " ")
	rules := regexp.MustCompile(`s/([^/]+)/([^/]+)/`).FindAllStringSubmatch(script, -1)
	if len(rules) != 3 {
		m.t.Fatalf("%d replacements in %q, want 3", len(rules), script)
	}
	for _, r := range rules {
		if strings.Count(text, r[1]) != 1 {
			m.t.Errorf("%q stands %d times in envoy/envoy.yaml, want once", r[1], strings.Count(text, r[1]))
		}
		text = strings.ReplaceAll(text, r[1], r[2])
	}
	return text
}

func TestComposeDeploymentWorksWithoutContainers(t *testing.T) {
	m := &machine{t: t, compose: compose(t), folder: t.TempDir(), owner: server.Database(t)}
	for _, mount := range []string{"secrets", "keyset", "data"} { // the image has them
		if err := os.Mkdir(filepath.Join(m.folder, mount), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // `docker compose up` runs these again each time
		m.run("secrets")
		m.run("migrate")
		m.run("bootstrap")
	}
	m.checker = server.Login(t, m.owner, "credence_data")
	management := m.start("management")
	replicas := []*harness.Credence{m.start("extauthz"), m.start("extauthz")}

	file := filepath.Join(t.TempDir(), "key.txt")
	if _, err := harness.Run(t.Context(), binary, "keys", "create", "--name", "demo", "--key-file", file,
		"--server", "http://"+management.API, "--token-file", filepath.Join(m.folder, "data", "admin.token")); err != nil {
		t.Fatal(err)
	}
	for _, r := range replicas {
		if _, err := harness.Run(t.Context(), binary, "check", "--addr", r.Check.String(), "--key-file", file); err != nil {
			t.Error(err)
		}
		health := m.compose.Services["extauthz"].Healthcheck.Test
		if len(health) < 3 || health[0] != "CMD" || health[1] != "/usr/local/bin/credence" {
			t.Fatalf("health check %v", health)
		}
		probe := slices.Clone(health[2:])
		probe[len(probe)-1] = r.Status
		if _, err := harness.Run(t.Context(), binary, probe...); err != nil {
			t.Errorf("health check: %v", err)
		}
	}
}

func TestComposeEnvoyConfigurationIsValid(t *testing.T) {
	m := &machine{t: t, compose: compose(t)}
	path := filepath.Join(t.TempDir(), "envoy.yaml")
	if err := os.WriteFile(path, []byte(m.envoyConfig()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := harness.Validate(t.Context(), path); err != nil {
		t.Error(err)
	}
	for name, port := range map[string]string{"extauthz": "0.0.0.0:9001", "envoy": "127.0.0.1:10000:10000"} {
		s := m.compose.Services[name]
		if !slices.Contains(append(s.Command, s.Ports...), port) {
			t.Errorf("%s does not have %s", name, port)
		}
	}
}
