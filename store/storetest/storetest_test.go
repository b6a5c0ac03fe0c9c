package storetest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryMUSTHasATest reads the contracts and looks for a promise of each
// method whose comment says MUST.
func TestEveryMUSTHasATest(t *testing.T) {
	proved := map[string]bool{}
	for _, g := range groups() {
		for _, p := range g.promises {
			proved[p.method] = true
		}
	}
	found := 0
	for method, file := range methodsThatMust(t) {
		found++
		if !proved[method] {
			t.Errorf("%s: %s has a MUST and no test", file, method)
		}
	}
	if found < 30 {
		t.Fatalf("found only %d methods with a MUST: the contracts are not where this test looks", found)
	}
}

// TestPromiseNamesAreUnique: two tests of one name could hide each other.
func TestPromiseNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range groups() {
		for _, p := range g.promises {
			name := g.name + "/" + p.method + " " + p.name
			if seen[name] {
				t.Errorf("there are two tests %q", name)
			}
			seen[name] = true
		}
	}
}

func methodsThatMust(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../*.go")
	if err != nil {
		t.Fatal(err)
	}
	methods := map[string]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if contract, ok := n.(*ast.InterfaceType); ok {
				for _, m := range contract.Methods.List {
					if m.Doc != nil && len(m.Names) == 1 && strings.Contains(m.Doc.Text(), "MUST") {
						methods[m.Names[0].Name] = name
					}
				}
			}
			return true
		})
	}
	return methods
}
