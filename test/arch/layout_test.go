package arch_test

import (
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	sources := load(t)
	for _, folder := range sources.folders() {
		var doc string
		for _, file := range sources[folder] {
			if file.file.Doc != nil && len(file.file.Doc.Text()) > len(doc) {
				doc = file.file.Doc.Text()
			}
		}
		name := strings.TrimSuffix(sources[folder][0].file.Name.Name, "_test") // its first file may be a test
		switch {
		case doc == "":
			t.Errorf("%s: no package comment; say what the package does, what it promises, what happens when things fail", folder)
		case name == "main" && !strings.HasPrefix(doc, "Command "):
			t.Errorf("%s: the package comment of a command starts with %q", folder, "Command ")
		case name != "main" && !strings.HasPrefix(doc, "Package "+name+" ") && !strings.HasPrefix(doc, "Package "+name+"_test "):
			t.Errorf("%s: the package comment starts with %q", folder, "Package "+name+" ")
		}
	}
}

func TestNothingIsCalledUtil(t *testing.T) {
	empty := []string{"util", "utils", "common", "helper", "helpers", "types", "models", "misc"}
	sources := load(t)
	for _, folder := range sources.folders() {
		if slices.Contains(empty, path.Base(folder)) {
			t.Errorf("%s: a name that says nothing; call it what it does", folder)
		}
		for _, file := range sources[folder] {
			base := strings.TrimSuffix(strings.TrimSuffix(path.Base(file.path), ".go"), "_test")
			if slices.Contains(empty, base) {
				t.Errorf("%s: a name that says nothing; a helper lives beside its only caller until a second caller exists", file.path)
			}
		}
	}
}

func TestTheRootHoldsNothingNew(t *testing.T) {
	folders := []string{"docs", "envoy", "extauthz", "management", "migrations", "store", "test"}
	goFiles := []string{"config.go", "connections.go", "database.go", "dataplane.go", "drill.go", "folder.go", "forward.go", "keyset.go", "limits.go", "listen.go", "main.go", "mask.go", "memory.go", "metrics.go", "oidc.go", "options.go", "outgoing.go", "records.go", "redis.go", "secrets.go", "settings.go", "snapshot.go", "tls.go", "tracing.go", "usage.go", "webhooks.go", "wire.go"}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := entry.Name()
		switch {
		case strings.HasPrefix(name, "."), name == "credence-data", strings.HasSuffix(name, "_test.go"):
			// Dot files, what `make run` leaves, and tests are not layout.
		case entry.IsDir() && !slices.Contains(folders, name):
			t.Errorf("%s/: a new folder at the root; it belongs in one of %v", name, folders)
		case strings.HasSuffix(name, ".go") && !slices.Contains(goFiles, name):
			t.Errorf("%s: package main is %v and nothing else", name, goFiles)
		}
	}
}
