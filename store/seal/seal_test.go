package seal_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"credence/store"
	"credence/store/seal"
)

var _ store.Sealer = (*seal.Keyset)(nil)

func newKeyset(tb testing.TB) *seal.Keyset {
	tb.Helper()
	k, err := seal.NewKeyset()
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func sealed(tb testing.TB, k *seal.Keyset, plain, associated []byte) []byte {
	tb.Helper()
	out, err := k.Seal(plain, associated)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func wantBroken(tb testing.TB, k *seal.Keyset, data, associated []byte, what string) {
	tb.Helper()
	plain, err := k.Open(data, associated)
	if !errors.Is(err, seal.ErrSealBroken) || plain != nil {
		tb.Fatalf("%s: opened %d bytes, %v", what, len(plain), err)
	}
}

func TestWhatIsSealedOpensUnchanged(t *testing.T) {
	k := newKeyset(t)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		associated := rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "associated")
		data, err := k.Seal(plain, associated)
		if err != nil || len(data) != len(plain)+seal.Overhead {
			t.Fatalf("%d bytes sealed to %d, %v", len(plain), len(data), err)
		}
		got, err := k.Open(data, associated)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("opened to other bytes, %v", err)
		}
	})
}

func TestSealedDataHidesItsTextAndIsNeverTheSameTwice(t *testing.T) {
	k := newKeyset(t)
	plain := []byte("the same words, twice over")
	first, second := sealed(t, k, plain, []byte("a")), sealed(t, k, plain, []byte("a"))
	if bytes.Equal(first, second) || bytes.Contains(first, plain[:8]) {
		t.Error("sealed data tells its text")
	}
}

func TestSealedDataOpensOnlyWhereItWasSealedFor(t *testing.T) {
	k := newKeyset(t)
	associated := store.AuditAssociatedData("default", 7)
	data := sealed(t, k, []byte("details"), associated)
	for what, other := range map[string][]byte{
		"another sequence":  store.AuditAssociatedData("default", 8),
		"another namespace": store.AuditAssociatedData("defaul", 7),
		"cut":               associated[:len(associated)-1],
		"longer":            append(bytes.Clone(associated), 0),
		"empty":             {},
		"nil":               nil,
	} {
		wantBroken(t, k, data, other, what)
	}
}

func TestChangedCutOrForeignDataDoesNotOpen(t *testing.T) {
	k, associated := newKeyset(t), []byte("here")
	data := sealed(t, k, []byte("details"), associated)
	for i := range data {
		for bit := range 8 {
			changed := bytes.Clone(data)
			changed[i] ^= 1 << bit
			wantBroken(t, k, changed, associated, "changed bit")
		}
		wantBroken(t, k, data[:i], associated, "cut at the end")
		wantBroken(t, k, data[i+1:], associated, "cut at the start")
	}
	wantBroken(t, k, append(bytes.Clone(data), 0), associated, "longer")
	wantBroken(t, newKeyset(t), data, associated, "another keyset")
	wantBroken(t, k, nil, associated, "nothing")
	wantBroken(t, k, make([]byte, seal.MaxPlain+seal.Overhead+1), associated, "too long")
}

func TestSealRefusesTooMuchAndNoPlace(t *testing.T) {
	k := newKeyset(t)
	if _, err := k.Seal(make([]byte, seal.MaxPlain+1), []byte("a")); err == nil || !strings.Contains(err.Error(), "store less") {
		t.Errorf("too much: %v", err)
	}
	if _, err := k.Seal([]byte("a"), nil); err == nil || !strings.Contains(err.Error(), "where the sealed data belongs") {
		t.Errorf("no associated data: %v", err)
	}
	largest := make([]byte, seal.MaxPlain)
	if got, err := k.Open(sealed(t, k, largest, []byte("a")), []byte("a")); err != nil || !bytes.Equal(got, largest) {
		t.Errorf("the largest text: %v", err)
	}
}

func TestSignaturesFitTheirMessageAlone(t *testing.T) {
	k, message := newKeyset(t), []byte("checkpoint 1")
	sig, err := k.Sign(message)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Verify(sig, message); err != nil {
		t.Fatal(err)
	}
	wantRefused := func(k *seal.Keyset, sig, message []byte) {
		t.Helper()
		if err := k.Verify(sig, message); !errors.Is(err, seal.ErrSignatureBroken) {
			t.Fatalf("verify = %v", err)
		}
	}
	for i := range sig {
		changed := bytes.Clone(sig)
		changed[i] ^= 1
		wantRefused(k, changed, message)
		wantRefused(k, sig[:i], message)
	}
	wantRefused(k, sig, []byte("checkpoint 2"))
	wantRefused(k, sig, nil)
	wantRefused(newKeyset(t), sig, message)
}

func FuzzOpen(f *testing.F) {
	k, associated := newKeyset(f), []byte("here")
	data := sealed(f, k, []byte("details"), associated)
	f.Add([]byte{}, []byte{})
	f.Add(data[:20], associated)
	f.Add(bytes.Repeat([]byte{1}, seal.Overhead), associated)
	f.Fuzz(func(t *testing.T, input, place []byte) {
		wantBroken(t, k, input, place, "fuzzed data")
		if !bytes.Equal(place, associated) {
			wantBroken(t, k, data, place, "fuzzed place")
		}
		changed := append(bytes.Clone(data[:5]), input...) // the id of a real key in front
		wantBroken(t, k, changed, associated, "fuzzed data under a real key")
	})
}

func BenchmarkSeal(b *testing.B) {
	k, plain, associated := newKeyset(b), make([]byte, 512), []byte("here")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Seal(plain, associated); err != nil {
			b.Fatal(err)
		}
	}
}
