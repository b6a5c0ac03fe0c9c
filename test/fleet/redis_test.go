package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"credence/test/harness"
	"credence/test/redisserver"
)

// status reads a page of a process's status port.
func status(ctx context.Context, c *harness.Credence, page string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.Status+page, http.NoBody)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", page, answer.Status, text)
	}
	return string(text), err
}

// showsMetric waits until a process shows the line.
func showsMetric(t *testing.T, c *harness.Credence, line string) {
	t.Helper()
	err := harness.Until(t.Context(), 30*time.Second, line, func() error {
		text, err := status(t.Context(), c, "/metrics")
		if err == nil && !strings.Contains(text, "\n"+line+"\n") {
			err = errors.New("not shown")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// noted waits until the note of Redis in /readyz begins with the text; ""
// waits until there is none. The process is ready all the time.
func noted(t *testing.T, c *harness.Credence, text string) {
	t.Helper()
	err := harness.Until(t.Context(), 30*time.Second, "note "+text, func() error {
		body, err := status(t.Context(), c, "/readyz")
		if err != nil {
			return err
		}
		var told struct {
			Parts map[string]string `json:"parts"`
			Notes map[string]string `json:"notes"`
		}
		if err := json.Unmarshal([]byte(body), &told); err != nil {
			return err
		}
		note := told.Notes["redis"]
		if told.Parts["redis"] != "ready" || !strings.HasPrefix(note, text) || text == "" && note != "" {
			return errors.New(body)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The data planes share what they read, go on alone while Redis is gone, refuse
// what is revoked meanwhile, and share again.
func TestRedisGoneIsNoticedInMetricsOnly(t *testing.T) {
	d := prepare(t)
	s := redisserver.Start(t)
	shared := []string{"--redis", s.Address(), "--redis-budget", "1s"}
	m := d.start("management", d.owner, append(append(d.both(), "--api-addr", "127.0.0.1:0"), shared...)...)
	data := append(append(d.secrets(), "--check-addr", "127.0.0.1:0"), shared...)
	one, two := d.start("extauthz", d.checker, data...), d.start("extauthz", d.checker, data...)
	showsMetric(t, one, "credence_redis_push_up 1")

	id, first := d.newKey(m)
	_, second := d.newKey(m)
	for _, file := range []string{first, second} {
		if err := d.check(one, file); err != nil {
			t.Fatal(err)
		}
	}
	err := harness.Until(t.Context(), 30*time.Second, "the first replica has shared both keys", func() error {
		keys, err := s.Admin().Keys(t.Context(), "crd:*:key:*").Result()
		if err == nil && len(keys) < 2 {
			err = fmt.Errorf("%d shared", len(keys))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.check(two, first); err != nil {
		t.Fatal(err)
	}
	showsMetric(t, two, `credence_shared_key_lookups_total{result="hit"} 1`)
	noted(t, two, "")

	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	_, third := d.newKey(m)
	for range 4 { // enough to notice
		_, unheard := d.newKey(m)
		if err := d.check(two, unheard); err != nil {
			t.Fatalf("redis gone, a new key: %v", err)
		}
	}
	showsMetric(t, two, "credence_redis_up 0")
	noted(t, two, "away since ")
	for _, file := range []string{first, second, third} {
		if err := d.check(two, file); err != nil {
			t.Errorf("redis gone: %v", err)
		}
	}
	d.api(m, "keys", "revoke", id, "--reason", "test", "--yes", "--wait", "10s")
	for _, r := range []*harness.Credence{one, two} {
		refused(t, d.check(r, first))
	}

	if err := s.Launch(t.Context()); err != nil {
		t.Fatal(err)
	}
	showsMetric(t, two, "credence_redis_up 1")
	noted(t, two, "")
	refused(t, d.check(two, first))
}

func TestRedisSettingsThatCannotWorkAreRefusedWithoutThePassword(t *testing.T) {
	d := prepare(t)
	for want, flags := range map[string][]string{
		"redis (from flag --redis): is none of the forms":       {"--redis", "redis+magic://u:hunter2@h"},
		"begin it with rediss":                                  {"--redis", "redis://u:hunter2@h", "--redis-tls-ca", "ca.pem"},
		"the address has a password, too":                       {"--redis", "redis://u:hunter2@h", "--redis-password-file", "password"},
		"redis-password-file: ":                                 {"--redis", "h", "--redis-password-file", filepath.Join(d.folder, "none")},
		"is not a duration from 1ms to 1s":                      {"--redis", "h", "--redis-budget", "1m"},
		"redis-tls: authorities: ":                              {"--redis", "rediss://u:hunter2@h", "--redis-tls-ca", filepath.Join(d.folder, "none")},
		"a certificate and its private key belong together":     {"--redis", "rediss://h", "--redis-tls-cert", "cert.pem"},
		"redis (from flag --redis): no name of a master: give ": {"--redis", "redis+sentinel://u:hunter2@h"},
	} {
		args := append([]string{"extauthz", "--store", d.checker, "--check-addr", "127.0.0.1:0", "--status-addr", "127.0.0.1:0", "--data-dir", t.TempDir()}, d.secrets()...)
		_, err := d.cli(append(args, flags...)...)
		if err == nil {
			t.Errorf("%v: accepted", flags)
			continue
		}
		// The error of the harness begins with the command that it ran.
		said := strings.ReplaceAll(err.Error(), flags[1], "")
		if !strings.Contains(said, want) || strings.Contains(said, "hunter2") {
			t.Errorf("%v: %s, want %q", flags, said, want)
		}
	}
	out := d.mustCLI("config", "print", "--redis", "redis+cluster://u:hunter2@a:1,b:2")
	if strings.Contains(out, "hunter2") || !strings.Contains(out, "redis+cluster://u:[masked]@a:1,b:2") {
		t.Errorf("config print shows %s", out)
	}
}
