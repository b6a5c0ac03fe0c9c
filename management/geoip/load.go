package geoip

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"
)

// maxFile bounds what is read into memory; the largest database of places has
// a few hundred megabytes.
const maxFile = 2 << 30

// loaded is a file that passed all checks.
type loaded struct {
	reader *maxminddb.Reader
	file   fs.FileInfo // as it was when it was opened
}

// load reads the file and checks all of it.
func load(path string) (*loaded, error) {
	content, info, err := read(path)
	if err != nil {
		return nil, err
	}
	reader, err := maxminddb.OpenBytes(content)
	if err != nil {
		return nil, fmt.Errorf("%s: is no whole MaxMind database (%s): get the file anew, with geoipupdate or from maxmind.com", path, firstLine(err))
	}
	kind := reader.Metadata.DatabaseType
	if !strings.HasSuffix(kind, "-City") && !strings.HasSuffix(kind, "-Enterprise") {
		return nil, fmt.Errorf("%s: is a database of type %q, which has no places: give a City database, such as GeoLite2-City.mmdb", path, short(kind))
	}
	if err := reader.Verify(); err != nil {
		return nil, fmt.Errorf("%s: is damaged (%s): get the file anew, with geoipupdate or from maxmind.com", path, firstLine(err))
	}
	return &loaded{reader: reader, file: info}, nil
}

func read(path string) ([]byte, fs.FileInfo, error) {
	// Looked at before it is opened: opening a pipe would wait for a writer.
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s: is no regular file: name the database file itself", path)
	}
	var f *os.File
	if err == nil {
		f, err = os.Open(path) //nolint:gosec // the operator names the file on purpose
	}
	if err != nil {
		return nil, nil, unreadable(path, err)
	}
	defer func() { _ = f.Close() }() // only read
	if info, err = f.Stat(); err != nil {
		return nil, nil, unreadable(path, err)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, nil, unreadable(path, err)
	case len(content) > maxFile:
		return nil, nil, fmt.Errorf("%s: is larger than %d bytes: name a MaxMind database", path, maxFile)
	}
	return content, info, nil
}

func unreadable(path string, err error) error {
	cause := err
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		cause = pathErr.Err
	}
	remedy := "check the disk"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		remedy = "name the right file"
	case errors.Is(err, fs.ErrPermission):
		remedy = "let the user that runs this program read it and its folder"
	}
	return fmt.Errorf("%s: %w: %s", path, cause, remedy)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return short(line)
}

// short bounds what an error repeats of a file.
func short(s string) string {
	if len(s) > 200 {
		return s[:200] + "..."
	}
	return s
}
