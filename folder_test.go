package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestADataFolderIsThatOfOneServeAtATime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, second := &folderLock{dir: dir}, &folderLock{dir: dir}
	if err := first.takeIfThere(); err != nil {
		t.Fatalf("a folder that is not there yet: %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Fatal("looking made the folder")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it may be asked for again
		if err := first.take(); err != nil {
			t.Fatal(err)
		}
	}
	for _, ask := range []func() error{second.takeIfThere, second.take} {
		err := ask()
		if !errors.Is(err, errFolderInUse) {
			t.Fatalf("the second one got %v", err)
		}
		for _, says := range []string{dir, "process " + strconv.Itoa(os.Getpid()), "--data-dir"} {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%q does not say %q", err, says)
			}
		}
	}
	first.release()
	if err := second.take(); err != nil {
		t.Errorf("after the first one has ended: %v", err)
	}
	second.release()
}
