package api_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"credence/management"
	"credence/management/api"
	"credence/management/client"
	"credence/store"
)

// TestARequestThatWaitsForAnotherProgramMayTakeLonger than one that waits for
// the store: here, where nobody may take any time, it alone is answered.
func TestARequestThatWaitsForAnotherProgramMayTakeLonger(t *testing.T) {
	d := deploy(t, func(o *api.Options) { o.Timeout = time.Nanosecond })
	c := d.client(t, d.token(t, store.RoleAdmin))
	status := func(err error) int {
		problem, _ := errors.AsType[*client.Error](err)
		if problem == nil {
			t.Fatalf("answered %v", err)
		}
		return problem.Status
	}
	_, err := c.GiteaTokenList(t.Context(), client.GiteaTokenListInput{})
	if got := status(err); got != http.StatusServiceUnavailable {
		t.Errorf("a list has status %d", got)
	}
	_, err = c.GiteaTokenCompare(t.Context(), client.GiteaTokenCompareInput{Body: client.GiteaTokenCompare{Connection: "none"}})
	if got := status(err); got != http.StatusNotFound {
		t.Errorf("a comparison has status %d", got)
	}
}

// TestWhatAnotherProgramCanFailWaitsForIt: nobody forgets to say so.
func TestWhatAnotherProgramCanFailWaitsForIt(t *testing.T) {
	for _, op := range api.Operations() {
		if slices.Contains(op.Codes, management.CodeRemote) && !op.CallsOutside {
			t.Errorf("%s answers %s and is given no time for it", op.ID, management.CodeRemote)
		}
	}
}
