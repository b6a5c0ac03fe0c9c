package client

// KeyImportRow is a key that was made elsewhere: its text or the SHA-256 of it,
// and what is said of a new key.
type KeyImportRow struct {
	Line     int     `json:"line,omitempty" doc:"Number by which the answer names it, e.g. its line in a file; its place in keys, from 1, if unsaid"`
	KeyText  KeyText `json:"key_text,omitempty" format:"password" doc:"Text of the key; not together with sha256"`
	SHA256   string  `json:"sha256,omitempty" doc:"SHA-256 of the text, in hexadecimal digits or base64; the text itself then need not travel"`
	Disabled bool    `json:"disabled,omitempty" doc:"Refuse it until it is enabled"`
	KeyCreate
}

// KeyImport asks to take over keys.
type KeyImport struct {
	Keys   []KeyImportRow `json:"keys" minItems:"1" maxItems:"500" doc:"1 to 500 keys; who has more sends more requests"`
	DryRun bool           `json:"dry_run,omitempty" doc:"Say what would come of each, and make none"`
}

// The states of a KeyImportLine.
const (
	ImportCreated = "created"
	ImportPresent = "present"
	ImportFailed  = "failed"
)

// KeyImportLine is what came of one key.
type KeyImportLine struct {
	Line   int          `json:"line" doc:"Number of the key in the request"`
	State  string       `json:"state" doc:"created (in a dry run: would be), present (it was there before and is as it was), or failed (nothing of it was stored)"`
	KeyID  string       `json:"key_id,omitempty" doc:"Id of the key, where there is one"`
	Status string       `json:"status,omitempty" doc:"Status of the key"`
	Errors []FieldError `json:"errors,omitempty" doc:"Why it failed"`
}

// KeyImported is what came of an import.
type KeyImported struct {
	Batch    string          `json:"batch" doc:"Name of this set of keys in the audit log; the same keys have the same"`
	DryRun   bool            `json:"dry_run" doc:"Whether nothing was made"`
	Created  int             `json:"created" doc:"Keys made, or that would be"`
	Present  int             `json:"present" doc:"Keys that were there before"`
	Failed   int             `json:"failed" doc:"Keys that were refused"`
	Lines    []KeyImportLine `json:"lines" doc:"What came of each key, in the order of the request"`
	Warnings []string        `json:"warnings" doc:"What else the caller should know"`
	Receipt  *Receipt        `json:"receipt,omitempty" doc:"When the request waited for the replicas"`
}

// KeyImportInput is the request of KeyImport.
type KeyImportInput struct {
	Body KeyImport
	WaitInput
}
