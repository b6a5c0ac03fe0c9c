package e2e_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"credence/management/client"
)

// wantLogged waits for the access log's entry of a path and checks fields.
func wantLogged(t *testing.T, d *deployment, path string, want map[string]any) map[string]any {
	t.Helper()
	entry, err := d.envoy.AccessLog.Await(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range want {
		if entry[name] != value {
			t.Errorf("access log of %s: %s = %v, want %v", path, name, entry[name], value)
		}
	}
	return entry
}

func TestTheAccessLogSaysWhoAndWhyOnAllowAndOnDeny(t *testing.T) {
	k := shared.newKey(t, limited(1))
	allow, deny, nobody := unique("/logged/allow"), unique("/logged/deny"), unique("/logged/nobody")
	shared.get(t, allow+"?q=1", k.header()).wantStatus(t, 200)
	shared.get(t, deny+"?q=1", k.header()).wantStatus(t, 429)
	shared.get(t, nobody+"?q=1").wantStatus(t, 401)
	allowed := wantLogged(t, shared, allow, map[string]any{
		"decision": "allow", "reason": "allowed", "key_id": k.id, "namespace": "default", "status": 200.0,
		"client": "127.0.0.1", "code_details": "via_upstream",
	})
	if took, err := strconv.Atoi(fmt.Sprint(allowed["check_us"])); err != nil || took <= 0 {
		t.Errorf("check_us = %v, want the time the Check took", allowed["check_us"])
	}
	wantLogged(t, shared, deny, map[string]any{
		"decision": "deny", "reason": "rate_limited", "key_id": k.id, "status": 429.0, "flags": "UAEX",
		"code_details": "ext_authz_denied", "upstream": nil,
	})
	wantLogged(t, shared, nobody, map[string]any{"decision": "deny", "reason": "missing_key", "key_id": nil})
}

// The server logs all it can (flags), the access log as shipped. The data
// folder holds the database and its audit entries: digests, no key text.
func TestNoKeyTextIsWrittenAnywhere(t *testing.T) {
	good := shared.newKey(t, nil)
	revoked := shared.newKey(t, nil)
	if _, err := shared.api.KeyRevoke(t.Context(), client.KeyStatusInput{KeyID: revoked.id}); err != nil {
		t.Fatal(err)
	}
	shared.get(t, "/secret/good", good.header()).wantStatus(t, 200)
	shared.get(t, "/secret/query?api_key="+good.text).wantStatus(t, 200)
	shared.get(t, "/secret/two?api_key="+good.text, good.header()).wantStatus(t, 400)
	shared.get(t, "/secret/revoked?api_key="+revoked.text).wantStatus(t, 401)
	shared.get(t, "/secret/bearer", [2]string{"authorization", "Bearer " + revoked.text}).wantStatus(t, 401)
	shared.get(t, "/secret/broken", [2]string{"x-api-key", good.text + "x"}).wantStatus(t, 401)
	last := unique("/secret/last")
	shared.get(t, last).wantStatus(t, 401)
	wantLogged(t, shared, last, nil)

	seen := 0
	err := filepath.WalkDir(shared.home, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		seen++
		for _, k := range []key{good, revoked} {
			// The middle of the text: a cut or prefixed one must not be there either.
			if bytes.Contains(text, []byte(k.text[9:40])) {
				t.Errorf("%s holds key text", entry.Name())
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 5 {
		t.Errorf("only %d files below the deployment's folder: the search looks in the wrong place", seen)
	}
	log, err := shared.credence.Log()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(log, []byte(good.id)) {
		t.Error("the server's log does not mention the key's id: it logs less than this test thinks")
	}
}
