package api_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"credence/management/client"
)

func TestARotationOverHTTPFromTheFirstRequestToTheLast(t *testing.T) {
	d := deploy(t)
	admin := d.client(t, d.admin)
	old, err := admin.KeyCreate(t.Context(), client.KeyCreateInput{Body: client.KeyCreate{Name: "orders"}})
	must(t, err)
	path := "/v1/keys/" + old.Key.KeyID + "/rotate"

	a := d.send(t, http.MethodPost, path, "", "Idempotency-Key", "once") // the body may be left out
	var made client.KeyRotated
	must(t, json.Unmarshal([]byte(a.body), &made))
	if a.status != http.StatusCreated || made.KeyText == "" || made.Key.Predecessor != old.Key.KeyID || made.Previous.Successor != made.Key.KeyID ||
		!made.Previous.GraceEndsAt.Equal(d.clock.now().Add(24*time.Hour)) || a.header.Get("ETag") != made.Key.ETag() {
		t.Errorf("answer is %d %s", a.status, a.body)
	}
	a = d.send(t, http.MethodPost, path, "", "Idempotency-Key", "once")
	var again client.KeyRotated
	must(t, json.Unmarshal([]byte(a.body), &again))
	if a.status != http.StatusCreated || again.KeyText != "" || again.Code != "key_text_not_repeatable" || again.Key.KeyID != made.Key.KeyID || again.Previous.KeyID != old.Key.KeyID {
		t.Errorf("repeated answer is %d %s", a.status, a.body)
	}
	wantProblem(t, d.send(t, http.MethodPost, path, `{"grace":"1h"}`, "Idempotency-Key", "once"), http.StatusUnprocessableEntity, "idempotency_key_reused", "")
	wantProblem(t, d.send(t, http.MethodPost, path, ""), http.StatusConflict, "key_rotated", "")
	wantProblem(t, d.send(t, http.MethodPost, "/v1/keys/"+made.Key.KeyID+"/rotate", `{"grace":"x"}`), http.StatusUnprocessableEntity, "invalid_input", "grace")
	wantProblem(t, d.send(t, http.MethodPost, "/v1/keys/"+made.Key.KeyID+"/rotate?wait=x", ""), http.StatusUnprocessableEntity, "invalid_input", "wait")

	waited, err := admin.KeyRotate(t.Context(), client.KeyRotateInput{
		KeyID: made.Key.KeyID, IfMatch: made.ETag(), Body: &client.KeyRotate{Grace: "2h", CloseWhenSilent: "1h"}, WaitInput: client.WaitInput{Wait: "1s"},
	})
	must(t, err)
	if waited.Receipt == nil || waited.Receipt.State != client.ReceiptComplete {
		t.Errorf("receipt %+v", waited.Receipt)
	}
	r, err := admin.KeyRotation(t.Context(), client.KeyRotationInput{KeyID: made.Key.KeyID})
	must(t, err)
	if r.State != "open" || r.CloseWhenSilent != "1h" || !r.SilentAt.Equal(d.clock.now().Add(time.Hour)) || r.Use.Checks != 0 || r.Use.Unknown == nil {
		t.Errorf("rotation %+v", r)
	}
}
