package cli

import (
	"strings"
	"testing"

	"credence/management/client"
)

func TestTheKeysAreAdvisedOnlyWhereKeysAreTheUsers(t *testing.T) {
	byKeys := &client.Error{Code: "in_use", Detail: "plan: still in use by these keys", Errors: []client.FieldError{{Field: "key_1", Problem: "needs it"}}}
	if got := explain(byKeys).Error(); !strings.Contains(got, "credence keys list") {
		t.Errorf("no way to the keys: %s", got)
	}
	byToken := &client.Error{Code: "in_use", Detail: "namespace a: still in use: admin token tok_1 is limited to it; revoke that first"}
	if got := explain(byToken).Error(); strings.Contains(got, "keys list") || !strings.Contains(got, "revoke that first") {
		t.Errorf("it says %s", got)
	}
}
