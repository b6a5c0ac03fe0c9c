package audit

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"credence/management/audit"
	"credence/store"
)

const (
	length = 8 // entries of each chain
	signed = 6 // entry of the checkpoint that is kept elsewhere
)

// fill writes three chains, and answers the checkpoints that are kept
// elsewhere.
func (w *world) fill(t *testing.T) (outside []store.AuditCheckpoint) {
	t.Helper()
	for i := range length {
		for _, namespace := range []string{"", "a", "b"} {
			_, err := w.InTx(t.Context(), func(_ context.Context, tx *store.Tx) error {
				tx.Audit(store.AuditRecord{
					Namespace: namespace, Actor: "token:tok_1", Action: "key.update", Object: fmt.Sprintf("key:%d", i),
					RequestID: "req_1", Details: map[string]int{"step": i},
				})
				return nil
			})
			must(t, err)
			if i+1 == signed {
				e, err := w.AuditEntry(t.Context(), namespace, signed)
				must(t, err)
				c, err := w.AddCheckpoint(t.Context(), store.AuditCheckpoint{Namespace: namespace, Sequence: signed, Kind: store.CheckpointHead, Hash: e.Hash})
				must(t, err)
				outside = append(outside, c)
			}
		}
	}
	return outside
}

// verify exports the log and verifies it by what was kept elsewhere.
func (w *world) verify(t *testing.T, outside []store.AuditCheckpoint) (audit.VerifyReport, error) {
	t.Helper()
	pem, err := w.PublicKeys()
	must(t, err)
	keys, err := audit.ParsePublicKeys(pem)
	must(t, err)
	var export bytes.Buffer
	must(t, audit.WriteExport(t.Context(), &export, w.Store, audit.ExportOptions{}))
	return audit.VerifyExport(t.Context(), &export, audit.VerifyOptions{Keys: keys, Outside: outside})
}

const log = "credence.api_key_audit_log"

// damage is one kind: what is done, and the entry that is named for it.
type damage struct {
	name     string
	do       []string
	chain    string
	sequence int64
	problem  audit.Problem
}

func damages() []damage {
	var all []damage
	for column, value := range map[string]string{
		"action": "'key.enable'", "ip_address": "'192.0.2.9'", "details": "previous_hash", "actor": "'token:tok_2'",
		"object": "'key:other'", "request_id": "'req_2'", "entry_hash": "previous_hash", "key_id": "'key_other'",
		"at": "(SELECT max(at) FROM " + log + ")",
	} {
		for _, sequence := range []int64{1, 4, length} {
			all = append(all, damage{
				name: fmt.Sprintf("%s of entry %d is changed", column, sequence), chain: "a", sequence: sequence, problem: audit.ProblemHash,
				do: []string{fmt.Sprintf("UPDATE "+log+" SET %s = %s WHERE namespace = 'a' AND sequence = %d", column, value, sequence)},
			})
		}
	}
	in := func(format string, args ...any) []string { return []string{fmt.Sprintf(format, args...)} }
	swap := []string{
		"UPDATE " + log + " SET sequence = 100 WHERE namespace = 'a' AND sequence = 3",
		"UPDATE " + log + " SET sequence = 3 WHERE namespace = 'a' AND sequence = 4",
		"UPDATE " + log + " SET sequence = 4 WHERE namespace = 'a' AND sequence = 100",
	}
	return append(all,
		damage{"previous_hash is changed", in("UPDATE " + log + " SET previous_hash = entry_hash WHERE namespace = 'a' AND sequence = 5"), "a", 5, audit.ProblemPrevious},
		damage{"the first is deleted", in("DELETE FROM " + log + " WHERE namespace = 'a' AND sequence = 1"), "a", 1, audit.ProblemGap},
		damage{"one in the middle is deleted", in("DELETE FROM " + log + " WHERE namespace = 'b' AND sequence = 4"), "b", 4, audit.ProblemGap},
		damage{"the last is deleted", in("DELETE FROM "+log+" WHERE namespace = 'a' AND sequence = %d", length), "a", length, audit.ProblemTruncated},
		damage{"two are swapped", swap, "a", 3, audit.ProblemPrevious},
		damage{"an entry is moved into another chain", []string{
			"DELETE FROM " + log + " WHERE namespace = 'b' AND sequence = 2",
			"UPDATE " + log + " SET namespace = 'b' WHERE namespace = 'a' AND sequence = 2",
		}, "a", 2, audit.ProblemGap},
		damage{"a ciphertext is moved", in("UPDATE " + log + " SET details = (SELECT e.details FROM " + log +
			" AS e WHERE e.namespace = 'a' AND e.sequence = 2) WHERE namespace = 'a' AND sequence = 5"), "a", 5, audit.ProblemHash},
		damage{"the tail is cut off, and the end moved with it", []string{
			"DELETE FROM " + log + " WHERE namespace = 'a' AND sequence > 4", "DELETE FROM credence.audit_checkpoints WHERE namespace = 'a'",
			"UPDATE credence.audit_heads SET sequence = 4, entry_hash = (SELECT e.entry_hash FROM " + log +
				" AS e WHERE e.namespace = 'a' AND e.sequence = 4) WHERE namespace = 'a'",
		}, "a", 5, audit.ProblemTruncated},
		damage{"a chain is removed without a trace", []string{
			"DELETE FROM " + log + " WHERE namespace = 'b'", "DELETE FROM credence.audit_checkpoints WHERE namespace = 'b'",
			"DELETE FROM credence.audit_heads WHERE namespace = 'b'",
		}, "b", 1, audit.ProblemTruncated},
		damage{"a checkpoint is forged", in("UPDATE credence.audit_checkpoints SET sequence = 2 WHERE namespace = 'a'"), "a", 2, audit.ProblemSignature},
		damage{"a retention checkpoint is forged, and what it covers removed", []string{
			"UPDATE credence.audit_checkpoints SET kind = 'retention' WHERE namespace = 'a'",
			"DELETE FROM " + log + " WHERE namespace = 'a' AND sequence <= 6",
		}, "a", signed, audit.ProblemSignature},
		damage{"a chain is replaced by that of another namespace", []string{
			"DELETE FROM " + log + " WHERE namespace = 'a'", "UPDATE " + log + " SET namespace = 'a' WHERE namespace = 'b'",
		}, "a", 1, audit.ProblemHash},
	)
}

// keep and restore are how each damage starts from the whole log.
var (
	//nolint:unqueryvet // whatever columns there are
	keep = []string{
		"CREATE TABLE credence.kept_log AS SELECT * FROM " + log, "CREATE TABLE credence.kept_heads AS SELECT * FROM credence.audit_heads",
		"CREATE TABLE credence.kept_checkpoints AS SELECT * FROM credence.audit_checkpoints",
	}
	//nolint:unqueryvet // whatever columns there are
	restore = []string{
		"DELETE FROM " + log, "DELETE FROM credence.audit_heads", "DELETE FROM credence.audit_checkpoints",
		"INSERT INTO " + log + " IDENTITY SELECT * FROM credence.kept_log",
		"INSERT INTO credence.audit_heads SELECT * FROM credence.kept_heads",
		"INSERT INTO credence.audit_checkpoints IDENTITY SELECT * FROM credence.kept_checkpoints",
	}
)

func TestEveryDamageInTheDatabaseIsNamedByItsFirstBadEntry(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) { //nolint:thelper // it is the test
		outside := w.fill(t)
		report, err := w.verify(t, outside)
		must(t, err)
		if report.Chains != 3 || report.Entries != 3*length || report.Checkpoints != 6 || report.Cut != 0 {
			t.Fatalf("the whole log: %+v", report)
		}
		w.exec(t, keep...)
		for _, d := range damages() {
			t.Run(d.name, func(t *testing.T) {
				w.exec(t, d.do...)
				_, err := w.verify(t, outside)
				named(t, err, d.chain, d.sequence, d.problem)
				w.exec(t, restore...)
			})
		}
		_, err = w.verify(t, outside)
		must(t, err)
	})
}

// named checks that this entry is named for this.
func named(t *testing.T, err error, chain string, sequence int64, problem audit.Problem) {
	t.Helper()
	b, ok := errors.AsType[*audit.BrokenError](err)
	if !ok || b.Namespace != chain || b.Sequence != sequence || b.Problem != problem || b.Detail == "" {
		t.Errorf("got %v, want %s at entry %d of %q", err, problem, sequence, chain)
	}
}

// An entry is changed and every hash after it made anew, the end and all: the
// chain alone looks whole, and only a signature tells.
func TestASuffixThatIsHashedAnewDoesNotFitTheCheckpoint(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) { //nolint:thelper // it is the test
		outside := w.fill(t)
		entries, err := w.AuditEntries(t.Context(), "a", 0, length)
		must(t, err)
		for i := 2; i < length; i++ {
			e := &entries[i]
			e.Actor, e.Previous = "token:tok_innocent", entries[i-1].Hash
			e.Hash = e.ChainHash()
			w.exec(t, fmt.Sprintf("UPDATE "+log+" SET actor = '%s', previous_hash = %s, entry_hash = %s WHERE namespace = 'a' AND sequence = %d",
				e.Actor, w.bytes(e.Previous), w.bytes(e.Hash), e.Sequence))
		}
		w.exec(t, fmt.Sprintf("UPDATE credence.audit_heads SET entry_hash = %s WHERE namespace = 'a'", w.bytes(entries[length-1].Hash)))
		_, err = w.verify(t, outside)
		named(t, err, "a", signed, audit.ProblemCheckpoint)
		w.exec(t, "DELETE FROM credence.audit_checkpoints")
		_, err = w.verify(t, nil) // as whoever kept nothing would
		must(t, err)
		_, err = w.verify(t, outside)
		named(t, err, "a", signed, audit.ProblemCheckpoint)
	})
}

// bytes is a hash in the words of the database.
func (w *world) bytes(hash [32]byte) string {
	return fmt.Sprintf(w.literal, hex.EncodeToString(hash[:]))
}

func TestAChainThatRetentionCutVerifiesFromItsCheckpoint(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) { //nolint:thelper // it is the test
		outside := w.fill(t)
		e, err := w.AuditEntry(t.Context(), "a", 5)
		must(t, err)
		cut := store.AuditCheckpoint{Namespace: "a", Sequence: 5, Kind: store.CheckpointRetention, Hash: e.Hash}
		_, err = w.AddCheckpoint(t.Context(), cut)
		must(t, err)
		for _, left := range []int64{3, 5} { // in the middle of it, and done
			w.exec(t, fmt.Sprintf("DELETE FROM "+log+" WHERE namespace = 'a' AND sequence <= %d", left))
			report, err := w.verify(t, outside)
			must(t, err)
			if report.Cut != 1 || report.Entries != 3*length-left {
				t.Errorf("%d removed: %+v", left, report)
			}
		}
		w.exec(t, "DELETE FROM "+log+" WHERE namespace = 'a' AND sequence = 6") // beyond it
		_, err = w.verify(t, outside)
		named(t, err, "a", 1, audit.ProblemGap)
	})
}
