package postgres_test

import (
	"strings"
	"testing"
	"time"

	"credence/store/postgres"
)

// password is in every address below, and must be in no error.
const password = "hunter2"

func noPassword(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{password, "hunter", "unter2"} {
		if strings.Contains(err.Error(), part) {
			t.Errorf("the password is in the error %q", err)
		}
	}
}

func TestBadOptionsAreNamedWithTheirRemedy(t *testing.T) {
	const good = "postgres://credence:hunter2@127.0.0.1:1/credence"
	for name, c := range map[string]struct {
		change func(o *postgres.Options)
		says   string
	}{
		"no address":            {func(o *postgres.Options) { o.URL = "" }, "URL is empty: name the database as postgres://"},
		"another scheme":        {func(o *postgres.Options) { o.URL = "mysql://credence:hunter2@db/credence" }, "begin with postgres://"},
		"keywords":              {func(o *postgres.Options) { o.URL = "host=db password=hunter2" }, "begin with postgres://"},
		"unescaped password":    {func(o *postgres.Options) { o.URL = "postgres://credence:hunter2/x@db/credence" }, "percent-encoded"},
		"digits and a slash":    {func(o *postgres.Options) { o.URL = "postgres://credence:1/hunter2@db/credence" }, "percent-encoded"},
		"control character":     {func(o *postgres.Options) { o.URL = "postgres://credence:hunter2\x00@db/credence" }, "percent-encoded"},
		"unknown sslmode":       {func(o *postgres.Options) { o.URL = good + "?sslmode=maybe" }, "sslmode is invalid"},
		"password in the query": {func(o *postgres.Options) { o.URL = "postgres://127.0.0.1/x?password=hunter2&sslmode=maybe" }, "sslmode is invalid"},
		"missing file":          {func(o *postgres.Options) { o.URL = good + "?sslrootcert=/nowhere&sslmode=verify-full" }, "/nowhere"},
		"session address":       {func(o *postgres.Options) { o.SessionURL = "http://credence:hunter2@db" }, "SessionURL does not begin with"},
		"no clock":              {func(o *postgres.Options) { o.Now = nil }, "Now is nil"},
		"no random source":      {func(o *postgres.Options) { o.Random = nil }, "Random is nil"},
		"no logger":             {func(o *postgres.Options) { o.Logger = nil }, "Logger is nil"},
		"connections":           {func(o *postgres.Options) { o.MaxConns = -1 }, "MaxConns is -1: want 1 to 10000"},
		"statement timeout":     {func(o *postgres.Options) { o.StatementTimeout = time.Microsecond }, "StatementTimeout is 1µs: want at least 1ms"},
		"lock timeout":          {func(o *postgres.Options) { o.LockTimeout = -1 }, "LockTimeout is -1ns"},
		"connect timeout":       {func(o *postgres.Options) { o.ConnectTimeout = -1 }, "ConnectTimeout is -1ns"},
	} {
		o := options(good)
		c.change(&o)
		_, err := postgres.Open(t.Context(), o)
		noPassword(t, err)
		if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: Open says %q, want %q", name, err, c.says)
		}
		_, _, err = postgres.Migrate(t.Context(), o)
		noPassword(t, err)
		if !strings.Contains(err.Error(), c.says) && !strings.Contains(name, "address") {
			t.Errorf("%s: Migrate says %q, want %q", name, err, c.says)
		}
	}
}

// However a password is written into an address, and whatever else is wrong
// with it, no error repeats it.
func FuzzNoErrorRepeatsThePassword(f *testing.F) {
	for _, seed := range [][2]string{
		{"", "@host:99999999/db"},
		{"", "@[::1/db"},
		{"", "@host/db?sslmode=x"},
		{"1/", "@host/db"},
		{"1?", "@host/db?sslmode=x"},
		{"#", "@host"},
		{"%", "@host"},
		{" ", "@host?sslkey=/x&sslcert=/y"},
		{"", "@host?connect_timeout=x"},
	} {
		f.Add(seed[0], seed[1])
	}
	const word = "20260717"
	f.Fuzz(func(t *testing.T, before, after string) {
		if strings.Contains(before, "@") || !strings.Contains(after, "@") || strings.Contains(before+after, word) {
			return // then it is no password
		}
		err := postgres.CheckOptions(options("postgres://u:" + before + word + after))
		if err != nil && strings.Contains(err.Error(), word) {
			t.Errorf("%q, %q: %v", before, after, err)
		}
	})
}
