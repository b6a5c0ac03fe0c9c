package arch_test

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// TestCommandsMakeFilesByTheOneWriter: package secretfile alone knows the mode,
// the flags and the syncing that a file of a command needs.
func TestCommandsMakeFilesByTheOneWriter(t *testing.T) {
	makes := []string{"Create", "CreateTemp", "OpenFile", "WriteFile"}
	// A probe of whether a folder can be written, which is removed at once, and a
	// lock, which is opened where it is and must not be replaced.
	allowed := map[string]int{"listen.go": 1, "folder.go": 1}
	sources := load(t)
	for _, folder := range []string{".", "management/cli", "management/anchor"} {
		if len(sources[folder]) == 0 {
			t.Errorf("%s: no source", folder)
		}
		for _, file := range sources[folder] {
			if strings.HasSuffix(file.path, "_test.go") {
				continue
			}
			ast.Inspect(file.file, func(n ast.Node) bool {
				s, ok := n.(*ast.SelectorExpr)
				if !ok || !slices.Contains(makes, s.Sel.Name) {
					return true
				}
				if of, ok := s.X.(*ast.Ident); ok && of.Name == "os" {
					if allowed[file.path]--; allowed[file.path] < 0 {
						t.Errorf("%s: os.%s: make the file by package store/secretfile", file.path, s.Sel.Name)
					}
				}
				return true
			})
		}
	}
}
