// Package arch_test is the architecture as tests: which package may import
// which (imports_test.go), what every package and file must look like
// (layout_test.go, size_test.go), that each MUST of the store's contract has a
// conformance test (contract_test.go), and each promise of the data plane a
// test named after it (promises_test.go). It reads the sources only; it imports
// nothing of the module.
package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// module is the module's import path; the tests run two folders below root.
const (
	module = "credence"
	root   = "../.."
)

// source is one parsed Go file.
type source struct {
	path      string // from the root of the repository, with slashes
	file      *ast.File
	set       *token.FileSet
	test      bool // *_test.go
	generated bool
}

// imports lists the file's import paths.
func (s *source) imports() []string {
	paths := make([]string, 0, len(s.file.Imports))
	for _, spec := range s.file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			panic(err) // the parser has accepted it
		}
		paths = append(paths, imported)
	}
	return paths
}

// line is where the position stands in the file.
func (s *source) line(at token.Pos) int { return s.set.Position(at).Line }

// tree is the module's sources by package folder ("." for the root).
type tree map[string][]*source

// folders lists the package folders in order.
func (t tree) folders() []string { return slices.Sorted(maps.Keys(t)) }

// parsed holds the repository's Go files; all tests read the same ones.
var parsed = sync.OnceValues(parse)

// load answers every Go file of the repository.
func load(t *testing.T) tree {
	t.Helper()
	loaded, err := parsed()
	if err != nil {
		t.Fatalf("read the sources: %v", err)
	}
	if len(loaded["store"]) == 0 {
		t.Fatalf("no sources of package store below %s: the tests look in the wrong place", root)
	}
	return loaded
}

func parse() (tree, error) {
	loaded := tree{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if hidden := strings.HasPrefix(entry.Name(), ".") && name != root; hidden || entry.Name() == "testdata" {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		slashed := filepath.ToSlash(relative)
		loaded[path.Dir(slashed)] = append(loaded[path.Dir(slashed)], &source{
			path: slashed, file: file, set: set,
			test: strings.HasSuffix(slashed, "_test.go"), generated: ast.IsGenerated(file),
		})
		return nil
	})
	return loaded, err
}
