package snapshot

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"credence/store"
	"credence/store/credential"
)

// FuzzReader: whatever lies in the data folder, it is read in bounded memory
// and without a panic, and nothing but what we have written comes out of it.
func FuzzReader(f *testing.F) {
	secret := [32]byte{7}
	folder := &Folder{o: Options{Path: f.TempDir(), Secret: secret, Random: bytes.NewReader(make([]byte, saltSize))}}
	to, err := folder.create()
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range []*piece{
		{Meta: &meta{Position: store.Position{Revision: 3, ID: "chg_3"}, File: 1}},
		{Keys: []keptKey{{Digest: credential.Digest{1}}}},
		{End: &end{Keys: 1}},
	} {
		if err := to.body(p); err != nil {
			f.Fatal(err)
		}
	}
	if err := errors.Join(to.read(time.Unix(1000, 0), Machine{}), to.add(&record{To: store.Position{Revision: 4}}), to.f.Close()); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(to.f.Name())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(whole[:bodyAt])
	f.Add([]byte(magic))
	f.Add(append(bytes.Clone(whole[:bodyAt]), 0xff, 0xff, 0xff, 0xff))
	all := func(content []byte) error {
		r, err := open(bytes.NewReader(content), secret)
		if err == nil {
			err = r.body(func(*piece) error { return nil })
		}
		if err == nil {
			err = r.journal(func(*record) error { return nil })
		}
		return err
	}
	// Once before, so that what gob learns of types is no news to the fuzzer.
	if err := all(whole); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		err := all(content)
		if err == nil && !bytes.Equal(content, whole) {
			t.Error("something else than what was written was believed")
		}
		if errors.Is(err, io.EOF) {
			t.Errorf("%v does not say that it is cut off", err)
		}
	})
}
