package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAnnouncementFollowsNoLink that somebody has left in the data folder, and
// leaves nothing beside itself.
func TestAnnouncementFollowsNoLink(t *testing.T) {
	folder, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("untouched"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{addressesFile, addressesFile + ".new"} {
		if err := os.Symlink(victim, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	open, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &listeners{status: open}
	defer l.close()
	if err := l.announce(t.Context(), folder, newLogger(config{}, t.Output())); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(victim); err != nil || string(content) != "untouched" {
		t.Errorf("the file that a link led to holds %q, %v", content, err)
	}
	info, err := os.Lstat(filepath.Join(folder, addressesFile))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("announced in a file of mode %v, %v", info.Mode(), err)
	}
	content, err := os.ReadFile(filepath.Join(folder, addressesFile))
	if err != nil || !strings.Contains(string(content), open.Addr().String()) {
		t.Errorf("announced %q, %v", content, err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 2 {
		t.Errorf("%d files in the folder, %v, want the announcement and a link", len(entries), err)
	}
}
