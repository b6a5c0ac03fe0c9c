package secretfile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"credence/store/secretfile"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	found, err := os.ReadFile(path)
	must(t, err)
	return string(found)
}

// alone demands that the folder holds these names and no other.
func alone(t *testing.T, folder string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	must(t, err)
	if len(entries) != len(names) {
		t.Errorf("the folder holds %v, want %v", entries, names)
	}
	for _, name := range names {
		info, err := os.Lstat(filepath.Join(folder, name))
		must(t, err)
		if info.Mode() != secretfile.Mode {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
}

func TestANewFileStaysWhenItIsKeptOnly(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "new")
	f, err := secretfile.New(path)
	must(t, err)
	_, err = f.Write([]byte("half"))
	must(t, err)
	must(t, f.Discard())
	alone(t, folder)
	f, err = secretfile.New(path)
	must(t, err)
	_, err = f.Write([]byte("whole"))
	must(t, err)
	must(t, f.Keep())
	alone(t, folder, "new")
	if got := content(t, path); got != "whole" {
		t.Errorf("it holds %q", got)
	}
	_, err = secretfile.New(path)
	wantError(t, err, fs.ErrExist, path, "never overwritten")
}

// TestNoLinkIsFollowed: somebody else laid it there, to have us write elsewhere.
func TestNoLinkIsFollowed(t *testing.T) {
	folder, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "elsewhere")
	path := filepath.Join(folder, "link")
	must(t, os.Symlink(elsewhere, path)) // to what is not there: a plain open would make it
	_, err := secretfile.New(path)
	wantError(t, err, fs.ErrExist, path)
	wantError(t, secretfile.Create(path, []byte("x")), fs.ErrExist, path)
	must(t, secretfile.Replace(path, []byte("mine")))
	if _, err := os.Lstat(elsewhere); err == nil {
		t.Error("a link was followed")
	}
	alone(t, folder, "link")
	if got := content(t, path); got != "mine" {
		t.Errorf("it holds %q", got)
	}
}

func TestWhatIsReplacedIsOldOrNewAndNothingElseIsLeft(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	must(t, os.WriteFile(path, []byte("old"), 0o644))
	f, err := secretfile.Replacing(path)
	must(t, err)
	_, err = f.Write([]byte("ne"))
	must(t, err)
	if got := content(t, path); got != "old" {
		t.Errorf("in between it holds %q", got)
	}
	must(t, f.Discard())
	if got := content(t, path); got != "old" {
		t.Errorf("after it was discarded it holds %q", got)
	}
	must(t, secretfile.Replace(path, []byte("new")))
	alone(t, folder, "file")
	if got := content(t, path); got != "new" {
		t.Errorf("it holds %q", got)
	}
	wantError(t, secretfile.Replace(filepath.Join(folder, "absent", "file"), nil), fs.ErrNotExist, "absent")
}

func TestAppendedLinesFollowWhatIsThere(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "lines")
	must(t, secretfile.Append(path, []byte("1\n")))
	must(t, secretfile.Append(path, []byte("2\ncut")))
	must(t, secretfile.Append(path, []byte("3\n")))
	alone(t, folder, "lines")
	if got := content(t, path); got != "1\n2\ncut\n3\n" {
		t.Errorf("it holds %q", got)
	}
}
