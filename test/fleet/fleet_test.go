package fleet

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"credence/test/harness"
)

// deployment is what an operator prepares before the first process starts.
type deployment struct {
	t       *testing.T
	folder  string
	owner   string // address of the database for the control plane
	checker string // the same for the data plane: a login with credence_data
}

// cli runs a command of the binary that is no client of the API.
func (d *deployment) cli(args ...string) (string, error) {
	d.t.Helper()
	return harness.Run(d.t.Context(), binary, args...)
}

func (d *deployment) mustCLI(args ...string) string {
	d.t.Helper()
	out, err := d.cli(args...)
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

func (d *deployment) secrets() []string {
	return []string{"--secrets-file", filepath.Join(d.folder, "secrets.json")}
}

func (d *deployment) both() []string {
	return append(d.secrets(), "--keyset", filepath.Join(d.folder, "keyset.json"))
}

// prepare does what docs/deployment.md says, in its order.
func prepare(t *testing.T) *deployment {
	t.Helper()
	d := &deployment{t: t, folder: filepath.Join(t.TempDir(), "secrets"), owner: server.Database(t)}
	d.mustCLI("secrets", "init", "--out", d.folder)
	d.mustCLI("migrate", "--store", d.owner)
	d.checker = server.Login(t, d.owner, "credence_data")
	d.mustCLI(append([]string{"tokens", "bootstrap", "--store", d.owner, "--out", filepath.Join(d.folder, "admin.token")}, d.both()...)...)
	return d
}

func (d *deployment) start(command, store string, flags ...string) *harness.Credence {
	d.t.Helper()
	c, err := harness.StartPlane(d.t.Context(), binary, d.t.TempDir(), command, append([]string{"--store", store}, flags...)...)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		if err := c.Close(); err != nil {
			d.t.Error(err)
		}
	})
	return c
}

func (d *deployment) management() *harness.Credence {
	return d.start("management", d.owner, append(d.both(), "--api-addr", "127.0.0.1:0")...)
}

func (d *deployment) extauthz() *harness.Credence {
	return d.start("extauthz", d.checker, append(d.secrets(), "--check-addr", "127.0.0.1:0")...)
}

// api runs a client command against the control plane.
func (d *deployment) api(m *harness.Credence, args ...string) string {
	d.t.Helper()
	return d.mustCLI(append(args, "--server", "http://"+m.API, "--token-file", filepath.Join(d.folder, "admin.token"))...)
}

// newKey makes a key and answers its id and the file that holds its text.
func (d *deployment) newKey(m *harness.Credence, flags ...string) (id, file string) {
	d.t.Helper()
	file = filepath.Join(d.t.TempDir(), "key.txt")
	out := d.api(m, append([]string{"keys", "create", "--name", "fleet", "--key-file", file}, flags...)...)
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "key" && fields[1] == "id" {
			return fields[2], file
		}
	}
	d.t.Fatalf("no key id in %q", out)
	return "", ""
}

// check makes one Check at a replica and answers nil when it was allowed.
func (d *deployment) check(replica *harness.Credence, file string) error {
	_, err := d.cli("check", "--addr", replica.Check.String(), "--key-file", file, "--path", "/orders", "--ip", "203.0.113.7")
	return err
}

// refused demands that a Check was answered with a refusal.
func refused(t *testing.T, err error) {
	t.Helper()
	if command, ok := errors.AsType[*harness.CommandError](err); !ok || command.Code != 1 {
		t.Fatalf("got %v, want a refusal (exit code 1)", err)
	}
}

func TestAKeyMadeOnceIsAcceptedByEveryReplicaAndARevokedOneByNone(t *testing.T) {
	d := prepare(t)
	m := d.management()
	replicas := []*harness.Credence{d.extauthz(), d.extauthz()}

	id, file := d.newKey(m, "--limit", "1000/s")
	for _, r := range replicas {
		if err := d.check(r, file); err != nil {
			t.Fatalf("a new key is not accepted: %v", err)
		}
	}
	d.api(m, "keys", "revoke", id, "--reason", "test", "--yes")
	for _, r := range replicas {
		err := harness.Until(t.Context(), 10*time.Second, "the key is refused", func() error {
			if err := d.check(r, file); err == nil {
				return errors.New("still accepted")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		refused(t, d.check(r, file))
	}
}

func TestTheDataPlaneNeedsNoKeysetAndNoMoreThanItsRole(t *testing.T) {
	d := prepare(t)
	m := d.management() // claims nothing that bootstrap has not claimed
	_, file := d.newKey(m)
	if err := os.Remove(filepath.Join(d.folder, "keyset.json")); err != nil {
		t.Fatal(err)
	}
	if err := d.check(d.extauthz(), file); err != nil {
		t.Fatal(err)
	}
}

func TestTwoControlPlanesServeOneDeployment(t *testing.T) {
	d := prepare(t)
	one, two := d.management(), d.management()
	id, _ := d.newKey(one)
	if out := d.api(two, "keys", "show", id); !strings.Contains(out, id) {
		t.Errorf("the other one does not know the key: %s", out)
	}
}

// What keeps a process from starting is said with the remedy.
func TestStartIsRefusedWithTheRemedy(t *testing.T) {
	d := prepare(t)
	empty := server.Database(t)
	foreign := filepath.Join(t.TempDir(), "foreign")
	d.mustCLI("secrets", "init", "--out", foreign)
	for name, test := range map[string]struct {
		args []string
		want []string
	}{
		"no migration": {
			append([]string{"management", "--store", empty}, d.both()...), []string{"credence migrate"},
		},
		"no store": {
			append([]string{"extauthz"}, d.secrets()...), []string{"--store postgres://"},
		},
		"foreign secrets": {
			[]string{"extauthz", "--store", d.checker, "--secrets-file", filepath.Join(foreign, "secrets.json")},
			[]string{"belongs to other secrets", "put back"},
		},
		"foreign keyset": {
			append([]string{"management", "--store", d.owner, "--keyset", filepath.Join(foreign, "keyset.json")}, d.secrets()...),
			[]string{"belongs to other secrets", "keyset"},
		},
		"no secrets": {
			[]string{"extauthz", "--store", d.checker, "--secrets-file", filepath.Join(foreign, "none.json")},
			[]string{"none.json", "credence secrets init"},
		},
		"a second bootstrap": {
			append([]string{"tokens", "bootstrap", "--store", d.owner}, d.both()...), []string{"token"},
		},
		"secrets that are there": {
			[]string{"secrets", "init", "--out", foreign}, []string{"never overwritten"},
		},
		"an unreachable database": {
			append([]string{"extauthz", "--store", "postgres://u:hunter2@127.0.0.1:1/x"}, d.secrets()...), []string{"127.0.0.1:1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			args := test.args
			if args[0] == "extauthz" || args[0] == "management" {
				args = append(args, "--data-dir", t.TempDir(), "--status-addr", "127.0.0.1:0")
			}
			switch args[0] {
			case "extauthz":
				args = append(args, "--check-addr", "127.0.0.1:0")
			case "management":
				args = append(args, "--api-addr", "127.0.0.1:0")
			}
			out, err := d.cli(args...)
			if err == nil {
				t.Fatalf("accepted: %s", out)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
			if command, ok := errors.AsType[*harness.CommandError](err); !ok || strings.Contains(command.Stderr, "hunter2") {
				t.Errorf("the program shows the password: %v", err)
			}
		})
	}
}
