package management

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"slices"
	"strings"
	"testing"

	"credence/store"
)

func TestEachSentinelOfTheStoreHasItsCode(t *testing.T) {
	for sentinel, want := range map[error]Code{
		store.ErrNotFound: CodeNotFound, store.ErrConflict: CodeConflict, store.ErrStale: CodeStaleVersion, store.ErrReferenced: CodeInUse,
		store.ErrMissingReference: CodeConflict, store.ErrUnavailable: CodeUnavailable, store.ErrLocked: CodeUnavailable,
		context.Canceled: CodeUnavailable, context.DeadlineExceeded: CodeUnavailable,
		store.ErrUnaudited: CodeInternal, store.ErrCorrupt: CodeInternal, store.ErrInvalid: CodeInternal, errors.New("other"): CodeInternal,
	} {
		err := failed("key k", fmt.Errorf("insert: table secrets: %w", sentinel))
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Code != want || !errors.Is(err, sentinel) {
			t.Errorf("%v: got %v, want code %s", sentinel, err, want)
			continue
		}
		if !strings.HasPrefix(e.Message, "key k: ") || strings.Contains(e.Message, "table") {
			t.Errorf("%v: message %q shows the cause", sentinel, e.Message)
		}
		if !strings.Contains(err.Error(), "table secrets") {
			t.Errorf("%v: the log does not get the cause: %q", sentinel, err)
		}
		if !slices.Contains(Codes(), e.Code) {
			t.Errorf("code %s is not listed", e.Code)
		}
	}
	if failed("key k", nil) != nil {
		t.Error("nil became an error")
	}
}

// The first that matches is taken, so a second of the same would never be.
func TestEachSentinelOccursExactlyOnce(t *testing.T) {
	seen := map[error]int{}
	for _, s := range sentinels() {
		if seen[s.is]++; seen[s.is] > 1 {
			t.Errorf("%v occurs twice", s.is)
		}
	}
	known := map[string]error{
		"ErrNotFound": store.ErrNotFound, "ErrConflict": store.ErrConflict, "ErrStale": store.ErrStale, "ErrReferenced": store.ErrReferenced,
		"ErrMissingReference": store.ErrMissingReference, "ErrUnavailable": store.ErrUnavailable, "ErrLocked": store.ErrLocked,
	}
	// Nobody who calls can mend these; ErrRefused is ErrUnavailable, too.
	ours := []string{
		"ErrInvalid", "ErrRefused", "ErrUnaudited", "ErrNewerSchema", "ErrOldSchema", "ErrCorrupt", "ErrForeignSecrets", "ErrFeedGap",
	}
	for _, name := range declared(t, "../store/errors.go") {
		if err := known[name]; seen[err] == 0 && !slices.Contains(ours, name) {
			t.Errorf("store.%s has no code", name)
		}
	}
}

// declared lists the variables that a file declares.
func declared(t *testing.T, file string) (names []string) {
	t.Helper()
	parsed, err := parser.ParseFile(gotoken.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			for _, name := range v.Names {
				names = append(names, name.Name)
			}
		}
		return true
	})
	if len(names) == 0 {
		t.Fatalf("%s declares nothing", file)
	}
	return names
}

func TestAnErrorReadsAsOneLineWithEveryProblem(t *testing.T) {
	p := &problems{}
	p.add("name", "is missing", "give one")
	p.add("scopes[0]", "is no scope", "write one")
	err := fmt.Errorf("api: %w", p.err("create key"))
	if got, want := err.Error(), "api: create key: invalid input: name is missing; scopes[0] is no scope"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAServiceNeedsAllItsOptions(t *testing.T) {
	_, err := New(Options{})
	if err == nil || !strings.Contains(err.Error(), "Store") {
		t.Errorf("got %v", err)
	}
}
