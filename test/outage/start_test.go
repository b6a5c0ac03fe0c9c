package outage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"credence/test/authority"
	"credence/test/harness"
	"credence/test/pgserver"
)

// refusal has both planes start on the address, and demands that neither does
// and that both say all of want, and no password. It does not wait for them.
func (w *world) refusal(address string, want ...string) {
	w.Helper()
	for command, args := range map[string][]string{
		"extauthz":   {"--secrets-file", w.SecretsFile(), "--check-addr", "127.0.0.1:0"},
		"management": {"--secrets-file", w.SecretsFile(), "--keyset", w.Keyset(), "--api-addr", "127.0.0.1:0"},
	} {
		args = append([]string{command, "--store", address, "--data-dir", filepath.Join(w.TempDir(), "data"), "--status-addr", "127.0.0.1:0"}, args...)
		w.refusals.Go(func() {
			_, err := harness.Run(w.Context(), binary, args...)
			w.refused(err, address, want)
		})
	}
}

func (w *world) refused(err error, address string, want []string) {
	command, ok := errors.AsType[*harness.CommandError](err)
	if !ok {
		w.Errorf("got %v, want a refusal", err)
		return
	}
	for _, part := range want {
		if !strings.Contains(command.Stderr, part) {
			w.Errorf("%s: %q does not say %q", command.Args[0], command.Stderr, part)
		}
	}
	if u, err := url.Parse(address); err == nil {
		if password, _ := u.User.Password(); password != "" && strings.Contains(command.Stderr, password) {
			w.Errorf("%s shows the password", command.Args[0])
		}
	}
}

// What is wrong with the database when a process starts is said by it, with
// the place and the remedy, and the process ends.
func TestAtTheStartTroubleWithPostgreSQLIsAnErrorWithItsRemedy(t *testing.T) {
	w := newWorld(t)
	const remedy = "see that the server runs, that the address leads to it"
	cut, silent, slow := w.line(), w.line(), w.line()
	cut.Cut()
	silent.Hold()
	slow.Slow(6 * time.Second)
	w.refusal(w.through(w.Owner, cut), "open database", cut.Address.String(), remedy)
	w.refusal(w.through(w.Owner, silent), "open database", silent.Address.String(), "no answer in time", remedy)
	w.refusal(w.through(w.Owner, slow), "open database", slow.Address.String(), "no answer in time", remedy)

	w.refusal(change(t, w.Owner, func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "another-password") }),
		"password authentication failed", "check the name and the password in the address")
	w.refusal(change(t, w.Owner, func(u *url.URL) { u.Path = "/nowhere" }), `database "nowhere" does not exist`, "CREATE DATABASE")
	stranger := change(t, server.Login(t, w.Admin), func(u *url.URL) { u.Host, u.RawQuery = w.Place(), "" })
	w.refusal(stranger, "permission denied", "the login lacks a privilege", "credence_data")
	w.refusal(change(t, w.Owner, func(u *url.URL) { u.RawQuery = "sslmode=require" }), "TLS", remedy)
	w.refusals.Wait()

	w.must(server.MakeStandby(t.Context()))
	w.refusal(w.Owner, "standby")
	w.refusals.Wait()
	w.must(server.MakePrimary(t.Context()))
	w.until("the server is a primary", func() error {
		return server.Exec(t.Context(), "CREATE TABLE IF NOT EXISTS public.primary_again ()")
	})
}

// A replica cannot be known to whoever waits for receipts before it can write:
// it waits, says why, and starts by itself when it can.
func TestAReplicaThatStartsWhileNothingCanBeWrittenWaitsAndSaysWhy(t *testing.T) {
	t.Parallel() // it hurts its own database only
	w := newWorld(t)
	_, text := w.key()
	for _, trouble := range []struct {
		name string
		turn func(on bool)
		says string
	}{
		{"read-only", w.readOnly, "the database is read-only"},
		{"full", w.full, "the server's disk is full"},
	} {
		trouble.turn(true)
		type started struct {
			replica *harness.Credence
			err     error
		}
		ready := make(chan started, 1)
		go func() {
			r, err := w.Replica(t.Context(), w.through(w.Checker, w.data))
			ready <- started{r, err}
		}()
		w.until(trouble.name+": the log says why", func() error { return w.logged("extauthz", trouble.says) })
		select {
		case <-ready:
			t.Errorf("%s: it did not wait", trouble.name)
		default:
		}
		trouble.turn(false)
		s := <-ready
		w.must(s.err)
		w.stopAtEnd(s.replica)
		w.answers(w.prober(s.replica), text, http.StatusOK)
	}
}

// logged looks for a text in the logs of the world's processes of a command.
func (w *world) logged(command, part string) error {
	logs, err := filepath.Glob(filepath.Join(w.Folder, command+"-*", "credence.log"))
	if err != nil {
		return err
	}
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.Contains(string(text), part) {
			return nil
		}
	}
	return fmt.Errorf("no log of %s says %q", command, part)
}

func change(t *testing.T, address string, edit func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	edit(u)
	return u.String()
}

// A newer program migrates while older processes run: those go on, and no
// older one starts.
func TestANewerSchemaIsRefusedAtTheStartAndServedByWhatRuns(t *testing.T) {
	t.Parallel() // it hurts its own database only
	w := newWorld(t)
	load := newTraffic(w, w.replica(w.data), w.replica(w.data))
	load.goesOn(load.acknowledgedWrites)
	pgserver.Exec(t, w.Owner, "INSERT INTO credence.goose_db_version (version_id, is_applied) VALUES (99999, true)")
	w.refusal(w.Owner, "99999", "run the newer program")
	w.refusals.Wait()
	load.goesOn(load.acknowledgedWrites)
	fresh := w.texts(1)
	load.asks(fresh[0], http.StatusOK)
	load.whole()
	pgserver.Exec(t, w.Owner, "DELETE FROM credence.goose_db_version WHERE version_id = 99999")
	w.replica(w.data)
}

// The database's certificate ends: nobody connects any more, what is connected
// goes on, and the error says which certificate.
func TestAnExpiredCertificateOfPostgreSQLIsSaidAtTheStart(t *testing.T) {
	w := newWorld(t)
	signs := authority.New(t, time.Now())
	secure := change(t, w.Owner, func(u *url.URL) {
		u.RawQuery = url.Values{"sslmode": {"verify-full"}, "sslrootcert": {signs.File}}.Encode()
	})
	w.refusal(secure, "TLS") // the server has none yet
	w.refusals.Wait()
	good := signs.Server(t, time.Now())
	w.must(server.Secure(t.Context(), good.Certificate, good.Key))
	t.Cleanup(func() {
		if err := server.Insecure(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	r, err := w.Replica(t.Context(), secure)
	w.must(err)
	w.stopAtEnd(r)
	_, text := w.key()
	w.answers(w.prober(r), text, http.StatusOK)

	ended := signs.Issue(t, authority.Request{DNS: []string{"localhost"}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)})
	w.must(server.Secure(t.Context(), ended.Certificate, ended.Key))
	w.refusal(secure, "certificate has expired", "that its certificate is valid")
	w.refusals.Wait()
	_, text = w.key()
	w.answers(w.prober(r), text, http.StatusOK) // its connections are from before
}
