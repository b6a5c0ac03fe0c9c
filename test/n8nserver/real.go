package n8nserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patience is how long the program may take to start on a busy machine: its
// first start makes a database by a hundred migrations.
const patience = 4 * time.Minute

// Real is the program itself.
type Real struct {
	URL     string
	Version Version
	Text    string // of the version

	folder, home string
	port         int
	cmd          *exec.Cmd
	done         chan struct{}
}

// StartReal starts the n8n that is installed in the folder, with an owner
// ([Email], [Password]), and ends it with the test. The folder is one of those
// that test/tools/install.sh n8n makes.
func StartReal(tb testing.TB, folder string) *Real {
	tb.Helper()
	r := &Real{folder: folder, home: tb.TempDir()}
	if err := r.identify(); err != nil {
		tb.Fatalf("n8n in %s: %v", folder, err)
	}
	port, err := freePort(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	r.port, r.URL = port, "http://127.0.0.1:"+strconv.Itoa(port)
	tb.Cleanup(func() {
		if err := r.Stop(); err != nil {
			tb.Errorf("stop n8n: %v", err)
		}
	})
	r.Start(tb)
	owner := object{"email": Email, "firstName": "Own", "lastName": "Er", "password": Password}
	if err := r.post(tb.Context(), "/rest/owner/setup", owner); err != nil {
		tb.Fatalf("n8n gets no owner: %v\n%s", err, r.log())
	}
	return r
}

// identify reads the version from the package.
func (r *Real) identify() error {
	raw, err := os.ReadFile(filepath.Join(r.folder, "node_modules", "n8n", "package.json"))
	if err != nil {
		return fmt.Errorf("%w; install it by `make test-n8n`", err)
	}
	var about struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(raw, &about); err != nil {
		return err
	}
	r.Text, r.Version = about.Version, versionOf(about.Version)
	return nil
}

// Start starts the program, on its port and with its data, and waits until it
// is ready.
func (r *Real) Start(tb testing.TB) {
	tb.Helper()
	output, err := os.OpenFile(r.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	defer output.Close()                                                                                     //nolint:errcheck // the child has its own
	r.cmd = exec.CommandContext(context.WithoutCancel(tb.Context()), filepath.Join(r.folder, "bin", "node"), //nolint:gosec // the folder is the caller's
		filepath.Join("node_modules", "n8n", "bin", "n8n"), "start")
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr, r.cmd.SysProcAttr = r.folder, output, output, attributes()
	r.cmd.Env = r.environment()
	r.done = make(chan struct{})
	started := make(chan error, 1)
	go func() {
		// The kernel ties the parent-death signal to the thread.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := r.cmd.Start()
		started <- err
		if err == nil {
			_ = r.cmd.Wait() // how it ended is in its log
			close(r.done)
		}
	}()
	if err := <-started; err != nil {
		tb.Fatalf("start n8n: %v", err)
	}
	if err := r.ready(tb.Context()); err != nil {
		tb.Fatalf("start n8n: %v\n%s", err, r.log())
	}
}

func (r *Real) environment() []string {
	port := strconv.Itoa(r.port)
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + r.home, "NODE_ENV=production", "N8N_USER_FOLDER=" + r.home, "DB_TYPE=sqlite",
		"N8N_PORT=" + port, "N8N_HOST=127.0.0.1", "N8N_LISTEN_ADDRESS=127.0.0.1", "N8N_PROTOCOL=http", "N8N_SECURE_COOKIE=true",
		"N8N_ENFORCE_SETTINGS_FILE_PERMISSIONS=false", "N8N_LOG_LEVEL=warn", "EXECUTIONS_MODE=regular", "GENERIC_TIMEZONE=UTC",
		"N8N_RUNNERS_ENABLED=false", "N8N_PYTHON_ENABLED=false",
	}
	// Nothing that would call out.
	for _, off := range []string{
		"N8N_DIAGNOSTICS_ENABLED", "N8N_VERSION_NOTIFICATIONS_ENABLED", "N8N_TEMPLATES_ENABLED", "N8N_HIRING_BANNER_ENABLED",
		"N8N_PERSONALIZATION_ENABLED", "N8N_COMMUNITY_PACKAGES_ENABLED",
	} {
		env = append(env, off+"=false")
	}
	return env
}

// ready waits until the routes are there.
func (r *Real) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if status, err := r.get(ctx, "/healthz/readiness"); err == nil && status == http.StatusOK {
			// That is said a moment before the routes are there.
			if status, err := r.get(ctx, "/rest/settings"); err == nil && status == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-r.done:
			return errors.New("it ended")
		case <-ctx.Done():
			return fmt.Errorf("it is not ready: %w", ctx.Err())
		}
	}
}

func (r *Real) get(ctx context.Context, path string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL+path, nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

func (r *Real) post(ctx context.Context, path string, body any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s is answered %d", path, res.StatusCode)
	}
	return errors.Join(err, res.Body.Close())
}

// Stop ends the program as a crash would. It can be started again.
func (r *Real) Stop() error {
	if r.cmd == nil || r.cmd.Process == nil {
		return nil
	}
	if err := r.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-r.done:
		return nil
	case <-time.After(patience):
		return errors.New("it does not end")
	}
}

func (r *Real) logFile() string { return filepath.Join(r.home, "n8n.log") }

// log is the end of what it wrote, for messages.
func (r *Real) log() string {
	const most = 4096
	text, err := os.ReadFile(r.logFile())
	if err != nil {
		return err.Error()
	}
	return strings.ToValidUTF8(string(text[max(0, len(text)-most):]), "?")
}

func freePort(ctx context.Context) (int, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close() //nolint:errcheck // it was only to learn the port
	at, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.New("no TCP address")
	}
	return at.Port, nil
}
