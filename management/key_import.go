package management

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"credence/store"
	"credence/store/credential"
)

// MaxImport is the most keys that one [Service.KeyImport] takes: one
// transaction holds them, and others who write wait for it.
const MaxImport = store.MaxPage

// leastForeign is the shortest text that a token limited to namespaces imports,
// in characters: shorter ones can be guessed, by its holder, too.
const leastForeign = 20

// mostCollisions is how many keys of other namespaces one import may come upon.
const mostCollisions = 3

// KeyImport is the input of [Service.KeyImport].
type KeyImport struct {
	Keys   []KeyImportRow // 1 to MaxImport
	DryRun bool           // say what would come of each, and make none
}

// KeyImportRow is one key that was made elsewhere: its text or the SHA-256 of
// it, and what [KeyCreate] says of a new one. Its Idempotency is not looked at.
type KeyImportRow struct {
	KeyCreate

	Line     int             // where it stood in what the caller read; named in the answer
	Text     credential.Text // or SHA256
	SHA256   string          // in hexadecimal digits or base64
	Disabled bool            // take it over, and refuse it until it is enabled
}

// ImportState is what came of one key of an import.
type ImportState string

// The states.
const (
	ImportCreated ImportState = "created" // in a dry run: would be
	ImportPresent ImportState = "present" // it was in its namespace before, and is as it was
	ImportFailed  ImportState = "failed"  // nothing of it was stored
)

// KeyImportLine is what came of one key.
type KeyImportLine struct {
	Line   int
	State  ImportState
	KeyID  string       // "" for a failed one, and for one that a dry run would make
	Status store.Status // of the key as it is
	Fields []FieldError // why it failed
}

// KeyImported is the answer of [Service.KeyImport].
type KeyImported struct {
	Batch    string // names this set of keys in the audit log; the same for the same keys
	Lines    []KeyImportLine
	Warnings []string
	Position store.Position // of the last change; zero when there was none
}

// KeyImport takes over keys that were made elsewhere. A key is what its digest
// is, so an import that was interrupted is simply repeated: what is there
// already is answered as present and stays as it is. What is wrong with one key
// is answered with it and keeps none of the others out.
//
// That a key is in a namespace which the actor may not see is answered without
// the name of that namespace or the id of the key, and goes on record there. A
// dry run, which leaves no record, does not tell; and after a few such keys an
// import looks no further, so that it is of little use to find out which texts
// are keys of others.
func (s *Service) KeyImport(ctx context.Context, a Actor, in KeyImport) (KeyImported, error) {
	if n := len(in.Keys); n == 0 || n > MaxImport {
		p := &problems{}
		p.add("keys", "has "+strconv.Itoa(n)+" elements", "send 1 to "+strconv.Itoa(MaxImport)+" in one request")
		return KeyImported{}, p.err("import keys")
	}
	b := s.importBatch(a, in)
	position, err := b.run(ctx, a)
	if err != nil {
		return KeyImported{}, err
	}
	out := KeyImported{Batch: b.id, Lines: b.lines, Position: position}
	if !s.acceptsForeign && b.count(ImportFailed) < len(b.lines) {
		out.Warnings = append(out.Warnings, "keys that were made elsewhere are refused by replicas without --accept-foreign-keys, "+
			"and this process was not told that the replicas have it: set it for extauthz and management alike")
	}
	return out, nil
}

// importing is one batch on its way.
type importing struct {
	service *Service
	dryRun  bool
	id      string
	rows    []KeyImportRow
	digests []credential.Digest
	lines   []KeyImportLine
}

// importBatch reads the digests of the rows and finds what can be found wrong
// without the store.
func (s *Service) importBatch(a Actor, in KeyImport) *importing {
	b := &importing{
		service: s, dryRun: in.DryRun, rows: in.Keys,
		digests: make([]credential.Digest, len(in.Keys)), lines: make([]KeyImportLine, len(in.Keys)),
	}
	sum := sha256.New()
	first := make(map[credential.Digest]int, len(in.Keys))
	for i := range b.rows {
		row := &b.rows[i]
		row.Namespace = orDefault(row.Namespace, store.DefaultNamespace)
		b.lines[i] = KeyImportLine{Line: row.Line, State: ImportCreated}
		p := &problems{}
		field, digest := p.digest(a, row)
		if earlier, repeated := first[digest]; repeated && len(p.fields) == 0 {
			p.add(field, "repeats the key of line "+strconv.Itoa(b.rows[earlier].Line), "give each key once")
		}
		b.fail(i, p.fields)
		if len(p.fields) == 0 {
			b.digests[i], first[digest] = digest, i
			sum.Write(digest[:])
			sum.Write([]byte(row.Namespace + "\x00"))
		}
	}
	b.id = "imp_" + hex.EncodeToString(sum.Sum(nil)[:13])
	return b
}

// digest checks the text or digest of a row, and names the field that held it.
func (p *problems) digest(a Actor, row *KeyImportRow) (string, credential.Digest) {
	text := []byte(row.Text.Reveal())
	switch {
	case len(text) > 0 && row.SHA256 != "":
		p.add("sha256", "is given together with key_text", "give one of the two")
	case len(text) == 0 && row.SHA256 == "":
		p.add("key_text", "is missing", "give the text of the key, or its SHA-256 as sha256")
	case len(text) == 0:
		digest, err := credential.ParseDigest(row.SHA256)
		if err != nil {
			p.add("sha256", "is no SHA-256", "write 64 hexadecimal digits, or the 32 bytes in base64")
		}
		return "sha256", digest
	case !credential.WellFormed(text):
		p.add("key_text", "is no key text: too long, or with a character that no key text has",
			fmt.Sprintf("use 1 to %d letters, digits and - . _ ~ + / =, or make a new key for this caller", credential.MaxTextSize))
	case credential.WellFormedToken(text):
		p.add("key_text", "is an admin token", "revoke that token, since it has been in a file, and leave it out")
	case len(text) < leastForeign && !a.Global():
		p.add("key_text", "has less than "+strconv.Itoa(leastForeign)+" characters, so it can be guessed",
			"make a new key for this caller, or have it imported with a token that is not limited to namespaces")
	}
	return "key_text", credential.DigestOf(text)
}

// fail notes what is wrong with a row.
func (b *importing) fail(i int, fields []FieldError) {
	if len(fields) > 0 {
		b.lines[i].State, b.lines[i].Fields = ImportFailed, fields
	}
}

func (b *importing) count(state ImportState) int {
	n := 0
	for i := range b.lines {
		if b.lines[i].State == state {
			n++
		}
	}
	return n
}

// run decides each row and makes the new keys, all in one transaction.
func (b *importing) run(ctx context.Context, a Actor) (store.Position, error) {
	if b.count(ImportCreated) == 0 {
		return store.Position{}, nil
	}
	_, position, err := transact(ctx, b.service, a, "import keys", func(ctx context.Context, t *transaction) (struct{}, error) {
		t.Reader = &rememberedReader{Reader: t.Reader}
		there, err := b.present(ctx, t)
		if err != nil {
			return struct{}{}, err
		}
		collided, collisions := map[string][]string{}, 0
		var keys []store.Key
		for i := range b.rows {
			if b.lines[i].State == ImportFailed {
				continue
			}
			// In a namespace that is not the actor's, no key is there or not there.
			k, found := there[b.digests[i]]
			if found && t.actor.May(b.rows[i].Namespace) && (t.actor.May(k.Namespace) || !b.dryRun) {
				if collisions == mostCollisions && !t.actor.May(k.Namespace) {
					b.stop()
					keys = nil
					break
				}
				if b.settle(t, i, &k) {
					collisions++
					collided[k.Namespace] = append(collided[k.Namespace], k.KeyID)
				}
				continue
			}
			made, err := b.decide(ctx, t, i)
			if err != nil {
				return struct{}{}, err
			}
			if made != nil {
				keys = append(keys, *made)
			}
		}
		b.recordCollisions(t, collided)
		return struct{}{}, b.insert(ctx, t, keys)
	})
	return position, err
}

// present finds the keys of the batch that are there already, or were: a text
// that was taken back does not come back with an old list.
func (b *importing) present(ctx context.Context, t *transaction) (map[credential.Digest]store.Key, error) {
	owners := map[credential.Hash]credential.Digest{}
	var hashes []credential.Hash
	for i := range b.rows {
		if b.lines[i].State == ImportFailed {
			continue
		}
		from := len(hashes)
		hashes = b.service.secrets.Candidates(b.digests[i], hashes)
		for _, h := range hashes[from:] {
			owners[h] = b.digests[i]
		}
	}
	found, err := t.KeysByHash(ctx, hashes)
	if err != nil {
		return nil, err
	}
	purged, err := t.PurgedByHash(ctx, hashes)
	if err != nil {
		return nil, err
	}
	there := make(map[credential.Digest]store.Key, len(found)+len(purged))
	for _, k := range purged {
		there[owners[k.Hash]] = store.Key{KeyID: k.KeyID, Namespace: k.Namespace, Status: store.StatusPurged}
	}
	for _, k := range found { // what is there counts more than what was
		there[owners[k.Hash]] = k
	}
	return there, nil
}

// stop fails every row that is not there already.
func (b *importing) stop() {
	p := &problems{}
	p.add("keys", "hold more than "+strconv.Itoa(mostCollisions)+" that cannot be taken over, so none of them was",
		"make new keys for these callers, or have them imported with a token that is not limited to namespaces")
	for i := range b.lines {
		if b.lines[i].State != ImportPresent {
			b.lines[i] = KeyImportLine{Line: b.lines[i].Line}
			b.fail(i, p.fields)
		}
	}
}

// heldBy names the field that held the text or its digest.
func (row *KeyImportRow) heldBy() string {
	if row.SHA256 != "" {
		return "sha256"
	}
	return "key_text"
}

// settle decides a row whose key exists or did. It reports that the key is in a
// namespace that the actor may not see.
func (b *importing) settle(t *transaction, i int, k *store.Key) (elsewhere bool) {
	row, line := &b.rows[i], &b.lines[i]
	if k.Namespace == row.Namespace && k.Status != store.StatusPurged {
		line.State, line.KeyID, line.Status = ImportPresent, k.KeyID, k.Status
		return false
	}
	p := &problems{}
	switch {
	case !t.actor.May(k.Namespace):
		p.add("namespace", "cannot take over this key", "make a new key for this caller")
	case k.Status == store.StatusPurged:
		p.add(row.heldBy(), "is that of key "+k.KeyID+", which was purged: what was taken back stays so", "make a new key for this caller")
	default:
		p.add("namespace", "is "+quoted(row.Namespace)+", and this is key "+k.KeyID+" of namespace "+quoted(k.Namespace),
			"one text is one key: make a new key for this caller")
	}
	b.fail(i, p.fields)
	return !t.actor.May(k.Namespace)
}

// decide checks a row whose key does not exist and answers the key; nil when
// the row is refused.
func (b *importing) decide(ctx context.Context, t *transaction, i int) (*store.Key, error) {
	row, line := &b.rows[i], &b.lines[i]
	row.Idempotency = Idempotency{}
	k, _, err := t.newKey(ctx, &row.KeyCreate)
	if refused, fields := invalid(err); refused {
		b.fail(i, fields)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if k.KeyID, err = store.NewID(store.KeyIDPrefix, k.CreatedAt, b.service.random); err != nil {
		return nil, err
	}
	if row.Disabled {
		k.Status, k.StatusReason = store.StatusDisabled, "imported as disabled"
	}
	k.Hash, k.PepperID = b.service.secrets.Hash(b.digests[i])
	line.Status = k.Status
	if !b.dryRun {
		line.KeyID = k.KeyID
	}
	return &k, nil
}

// insert makes the keys, unless it is only to be said what would come of it.
// Each has an audit entry of its own, so that who looks for a key finds where
// it came from; the batch ties them together.
func (b *importing) insert(ctx context.Context, t *transaction, keys []store.Key) error {
	if b.dryRun || len(keys) == 0 {
		return nil
	}
	if err := t.InsertKeys(ctx, keys); err != nil {
		return err
	}
	for i := range keys {
		after := keyFacts(&keys[i])
		after.text("batch", b.id)
		t.recordKey("key.import", &keys[i], details{After: after})
	}
	return nil
}

// recordCollisions leaves in the namespace of each key that somebody elsewhere
// holds its text or digest: one entry for a batch, so that nobody floods the
// chain of others.
func (b *importing) recordCollisions(t *transaction, collided map[string][]string) {
	for namespace, keyIDs := range collided {
		f := facts{}
		f.texts("key_ids", keyIDs)
		t.record(namespace, "key.import_refused", "import:"+b.id, "", details{After: f})
	}
}
