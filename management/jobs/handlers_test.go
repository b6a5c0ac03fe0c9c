package jobs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"credence/management/jobs"
	"credence/store"
)

// TestEveryKindOfJobHasAHandler: a kind that nobody handles is enqueued and
// waits for ever.
func TestEveryKindOfJobHasAHandler(t *testing.T) {
	t.Parallel()
	queue, service := open(t, time.Now)
	handlers := jobs.Handlers(service, queue)
	kinds := kindsOfJobs(t)
	for _, kind := range kinds {
		// Deliveries of webhooks have a handler of their own, which package
		// main puts beside these.
		if handlers[kind] == nil && kind != store.KindWebhookDeliver {
			t.Errorf("nobody handles jobs of the kind %q", kind)
		}
	}
	if len(kinds) <= len(handlers) { // one of them is elsewhere
		t.Errorf("found the kinds %q, and handlers of %d", kinds, len(handlers))
	}
}

// kindsOfJobs are the constants Kind... that are texts, of this package and of
// package store.
func kindsOfJobs(t *testing.T) (kinds []string) {
	t.Helper()
	files, err := filepath.Glob("../../store/*.go")
	must(t, err)
	own, err := filepath.Glob("*.go")
	must(t, err)
	for _, name := range append(files, own...) {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		must(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			c, ok := n.(*ast.ValueSpec)
			if !ok || len(c.Values) != 1 || !strings.HasPrefix(c.Names[0].Name, "Kind") {
				return true
			}
			if literal, ok := c.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
				kind, err := strconv.Unquote(literal.Value)
				must(t, err)
				kinds = append(kinds, kind)
			}
			return true
		})
	}
	return kinds
}
