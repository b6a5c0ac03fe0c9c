package arch_test

import (
	"go/ast"
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"testing"
)

// What still fits a reader's head. The figures to aim at are 50 and 400.
const (
	maxFunctionLines = 80
	maxFileLines     = 500 // of code: comments and blank lines are free
)

func TestFunctionsFitAScreen(t *testing.T) {
	sources := load(t)
	for _, folder := range sources.folders() {
		for _, file := range sources[folder] {
			// The conformance suite is tests: its functions are tables.
			if file.test || file.generated || folder == "store/storetest" {
				continue
			}
			for _, declaration := range file.file.Decls {
				function, ok := declaration.(*ast.FuncDecl)
				if !ok {
					continue
				}
				lines := file.line(function.End()) - file.line(function.Pos()) + 1
				if lines > maxFunctionLines {
					t.Errorf("%s: %s has %d lines, the limit is %d", file.path, function.Name.Name, lines, maxFunctionLines)
				}
			}
		}
	}
}

func TestFilesHaveOneConcern(t *testing.T) {
	sources := load(t)
	for _, folder := range sources.folders() {
		for _, file := range sources[folder] {
			if file.generated {
				continue
			}
			if lines := codeLines(t, file.path); lines > maxFileLines {
				t.Errorf("%s has %d lines of code, the limit is %d", file.path, lines, maxFileLines)
			}
		}
	}
}

// codeLines counts the lines on which a token that is no comment stands.
func codeLines(t *testing.T, name string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	file := set.AddFile(name, -1, len(text))
	var scan scanner.Scanner
	scan.Init(file, text, nil, 0)
	lines := map[int]bool{}
	for {
		at, kind, _ := scan.Scan()
		if kind == token.EOF {
			return len(lines)
		}
		lines[file.Line(at)] = true
	}
}
