package store

import (
	"net/netip"
	"reflect"
	"testing"
	"time"
)

func sampleEntry() AuditEntry {
	return AuditEntry{
		Namespace: "default", Sequence: 7, At: time.Date(2026, 3, 31, 23, 59, 58, 123_456_000, time.UTC),
		Actor: "token:tok_1", Action: "key.create", Object: "key:key_1", KeyID: "key_1",
		IPAddress: netip.MustParseAddr("203.0.113.9"), RequestID: "req-1", Details: []byte("sealed"), Previous: [32]byte{1},
	}
}

// TestChainHashDependsOnEveryField changes one field after the other. A field
// that is added to the entry has to be added here, and to the hash.
func TestChainHashDependsOnEveryField(t *testing.T) {
	changes := map[string]func(e *AuditEntry){
		"Namespace": func(e *AuditEntry) { e.Namespace = "other" },
		"Sequence":  func(e *AuditEntry) { e.Sequence++ },
		"At":        func(e *AuditEntry) { e.At = e.At.Add(time.Microsecond) },
		"Actor":     func(e *AuditEntry) { e.Actor = "system" },
		"Action":    func(e *AuditEntry) { e.Action = "key.revoke" },
		"Object":    func(e *AuditEntry) { e.Object = "key:key_2" },
		"KeyID":     func(e *AuditEntry) { e.KeyID = "" },
		"IPAddress": func(e *AuditEntry) { e.IPAddress = netip.Addr{} },
		"RequestID": func(e *AuditEntry) { e.RequestID = "req-2" },
		"Details":   func(e *AuditEntry) { e.Details = nil },
		"Previous":  func(e *AuditEntry) { e.Previous[31] ^= 1 },
	}
	original := sampleEntry()
	seen := map[[32]byte]string{original.ChainHash(): "the original"}
	for field := range reflect.TypeFor[AuditEntry]().Fields() {
		if field.Name == "Hash" {
			continue
		}
		change, known := changes[field.Name]
		if !known {
			t.Errorf("no proof that the hash depends on %s", field.Name)
			continue
		}
		e := sampleEntry()
		change(&e)
		if same, ok := seen[e.ChainHash()]; ok {
			t.Errorf("another %s has the hash of %s", field.Name, same)
		}
		seen[e.ChainHash()] = field.Name
	}
}

// TestChainHashTellsWhereAFieldEnds: text cannot move from one field to the
// next without changing the hash.
func TestChainHashTellsWhereAFieldEnds(t *testing.T) {
	a, b := sampleEntry(), sampleEntry()
	a.Actor, a.Action = "systemk", "ey.create"
	b.Actor, b.Action = "system", "key.create"
	if a.ChainHash() == b.ChainHash() {
		t.Fatal("two entries, one hash")
	}
}

func TestChainHashIgnoresZoneAndItself(t *testing.T) {
	a, b := sampleEntry(), sampleEntry()
	b.At, b.Hash = b.At.In(time.FixedZone("east", 3600)), [32]byte{9}
	if a.ChainHash() != b.ChainHash() {
		t.Fatal("one instant, two hashes")
	}
}

// TestAuditAssociatedDataNamesOnePlace: no two places of any chain share it.
func TestAuditAssociatedDataNamesOnePlace(t *testing.T) {
	seen := map[string]bool{}
	for _, namespace := range []string{"", "1", "a", "a1"} {
		for _, sequence := range []int64{1, 11, 111} {
			seen[string(AuditAssociatedData(namespace, sequence))] = true
		}
	}
	if len(seen) != 12 {
		t.Fatalf("12 places, %d texts", len(seen))
	}
}
