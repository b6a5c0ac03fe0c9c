package pgserver

import (
	"errors"
	"strings"
	"testing"
)

func TestAMissingProgramIsNamedWithTheCommandThatInstallsIt(t *testing.T) {
	_, err := find("postgres-that-nobody-has")
	if !errors.Is(err, ErrMissing) {
		t.Fatalf("got %v, want ErrMissing", err)
	}
	for _, part := range []string{"postgres-that-nobody-has", "make tools", "apt-get install postgresql pgbouncer"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

func TestTheNewestOfDebiansVersionsIsTaken(t *testing.T) {
	if major("/usr/lib/postgresql/9/bin/postgres") >= major("/usr/lib/postgresql/15/bin/postgres") {
		t.Error("9 is taken for newer than 15")
	}
}
