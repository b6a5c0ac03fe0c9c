package secretfile_test

import (
	"errors"
	"strings"
	"testing"
)

// wantError demands an error that wraps cause (if not nil) and says all parts.
func wantError(t *testing.T, err, cause error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if cause != nil && !errors.Is(err, cause) {
		t.Fatalf("error %q does not wrap %q", err, cause)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Fatalf("error %q does not say %q", err, part)
		}
	}
}
