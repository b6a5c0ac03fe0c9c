package secretfile_test

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"credence/store/secretfile"
)

func create(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := secretfile.Create(path, []byte(content)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCreatedFileIsReadBackAndIsItsOwnersAlone(t *testing.T) {
	path := create(t, "content")
	content, err := secretfile.Read(path)
	if err != nil || string(content) != "content" {
		t.Fatalf("read = %q, %v", content, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != secretfile.Mode {
		t.Fatalf("mode = %v, %v", info.Mode(), err)
	}
}

func TestCreateNeverOverwrites(t *testing.T) {
	path := create(t, "first")
	wantError(t, secretfile.Create(path, []byte("second")), fs.ErrExist, path, "never overwritten")
	content, err := secretfile.Read(path)
	if err != nil || string(content) != "first" {
		t.Fatalf("after the refused create the file holds %q, %v", content, err)
	}
}

func TestCreateRefusesTooMuchAndWritesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	wantError(t, secretfile.Create(path, make([]byte, secretfile.MaxSize+1)), nil, path, "nothing was written")
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Fatalf("stat = %v, want no file", err)
	}
}

func TestCreateWithoutFolderNamesTheRemedy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "absent", "secret")
	wantError(t, secretfile.Create(path, nil), fs.ErrNotExist, path, "name the right file")
}

func TestReadRefusesFilesThatOthersMayUse(t *testing.T) {
	for _, mode := range []fs.FileMode{0o444, 0o644, 0o660, 0o650, 0o604, 0o602, 0o700, 0o777} {
		path := create(t, "content")
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := secretfile.Read(path)
		wantError(t, err, secretfile.ErrTooWide, path, "chmod 640")
	}
}

func TestReadAcceptsWhatTheGroupMayReadAndNarrower(t *testing.T) {
	path := create(t, "content")
	for _, mode := range []fs.FileMode{0o400, 0o440, 0o600, 0o640} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if content, err := secretfile.Read(path); err != nil || string(content) != "content" {
			t.Errorf("mode %#o: %q, %v", mode, content, err)
		}
	}
}

func TestReadNamesWhatIsNotAFileOfOurs(t *testing.T) {
	folder := t.TempDir()
	_, err := secretfile.Read(folder)
	wantError(t, err, nil, folder, "not a regular file")

	lost := filepath.Join(folder, "lost")
	_, err = secretfile.Read(lost)
	wantError(t, err, fs.ErrNotExist, lost, "restore it from a backup")

	large := filepath.Join(folder, "large")
	if err := os.WriteFile(large, make([]byte, secretfile.MaxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = secretfile.Read(large)
	wantError(t, err, nil, large, "name the right one")
}

func TestDecodeIsStrictAndShowsNoValues(t *testing.T) {
	const secret = "hunter2hunter2"
	for name, c := range map[string]struct {
		content, want string
		cause         error
	}{
		"empty":         {"", "cut short", io.ErrUnexpectedEOF},
		"cut":           {`{"text": "` + secret, "cut short", io.ErrUnexpectedEOF},
		"not json":      {`# ` + secret, "not JSON at byte 1", nil},
		"unknown field": {`{"texts": "` + secret + `"}`, `unknown field "texts"`, nil},
		"wrong type":    {`{"bytes": ` + "4711" + `}`, "bytes: should be of type", nil},
		"not base64":    {`{"bytes": "` + secret + `!"}`, "base64", nil},
		"more after it": {`{} {"text": "` + secret + `"}`, "more after the end", nil},
		"tail of a cut": {`{}` + "}", "more after the end", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var v struct {
				Text  string `json:"text"`
				Bytes []byte `json:"bytes"`
			}
			err := secretfile.Decode("the.file", []byte(c.content), &v)
			wantError(t, err, c.cause, "the.file", c.want)
			if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "4711") {
				t.Fatalf("the error shows a value: %v", err)
			}
		})
	}
}

func TestDecodeAcceptsBlanksAroundTheObject(t *testing.T) {
	var v struct {
		Text string `json:"text"`
	}
	if err := secretfile.Decode("the.file", []byte("\n{\"text\": \"a\"}\n\n"), &v); err != nil || v.Text != "a" {
		t.Fatalf("text = %q, %v", v.Text, err)
	}
}
