package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"credence/management"
	"credence/management/api"
	"credence/management/client"
	"credence/store"
)

// acted lists the entries of an action in all chains.
func (d *deployment) acted(t *testing.T, action string) []client.AuditEntry {
	t.Helper()
	found, err := d.client(t, d.admin).AuditList(t.Context(), client.AuditListInput{Action: action, PageInput: client.PageInput{Limit: 500}})
	must(t, err)
	return found.Items
}

func TestEachDeniedAttemptOfSomebodyHasAnEntry(t *testing.T) {
	d := deploy(t)
	viewer, limited := d.token(t, store.RoleViewer), d.token(t, store.RoleAdmin, store.DefaultNamespace)
	const attempts = 3
	for range attempts {
		_, err := d.client(t, viewer).PlanCreate(t.Context(), client.PlanCreateInput{Body: client.PlanCreate{Name: "basic"}})
		wantCode(t, err, http.StatusForbidden, "forbidden")
	}
	entries := d.acted(t, "access.denied")
	if len(entries) != attempts {
		t.Fatalf("%d entries for %d attempts", len(entries), attempts)
	}
	e := entries[0]
	if e.Namespace != "" || e.Object != "operation:PlanCreate" || !strings.HasPrefix(e.Actor, "token:tok_") || e.IPAddress != "127.0.0.1" || e.RequestID == "" {
		t.Errorf("entry %+v", e)
	}
	if !strings.Contains(string(e.Details), "role viewer may not do this") {
		t.Errorf("details %s", e.Details)
	}
	// A use-case says no, beyond the role: in the chain of its namespace.
	_, err := d.client(t, limited).NamespaceCreate(t.Context(), client.NamespaceCreateInput{Body: client.NamespaceCreate{Name: "other"}})
	wantCode(t, err, http.StatusForbidden, "forbidden")
	if entries := d.acted(t, "access.denied"); len(entries) != attempts+1 || entries[0].Namespace != store.DefaultNamespace || entries[0].Object != "operation:NamespaceCreate" {
		t.Errorf("%d entries, the newest is %+v", len(entries), entries[0])
	}
}

// folded is the details of an entry about failed attempts.
type folded struct {
	After struct {
		Attempts int       `json:"attempts"`
		Limited  int       `json:"limited"`
		From     time.Time `json:"from"`
		To       time.Time `json:"to"`
	} `json:"after"`
}

func foldedOf(t *testing.T, e client.AuditEntry) folded {
	t.Helper()
	var f folded
	must(t, json.Unmarshal(e.Details, &f))
	return f
}

func TestAFloodWithoutAUsableTokenIsOneEntryForAnAddressAndMinute(t *testing.T) {
	var denials *api.Denials
	d := deploy(t, func(o *api.Options) {
		denials = api.NewDenials(o.Service, o.Now, o.Logger)
		o.Denials = denials
	})
	const attempts = 40
	for i := range attempts {
		token := []string{"", "Bearer crdadm_" + strings.Repeat("0", 49)}[i%2]
		if got := d.send(t, http.MethodGet, "/v1/keys", "", "Authorization", token).status; got != http.StatusUnauthorized {
			t.Fatalf("answered %d", got)
		}
	}
	if n := len(d.acted(t, "access.failed")); n != 0 {
		t.Errorf("%d entries before the minute is over", n)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel() // the process ends: what is there is written
	must(t, denials.Run(ended))
	must(t, denials.Run(ended))
	entries := d.acted(t, "access.failed")
	if len(entries) != 1 {
		t.Fatalf("%d entries", len(entries))
	}
	e, f := entries[0], foldedOf(t, entries[0])
	if e.Object != "address:127.0.0.1" || e.IPAddress != "127.0.0.1" || e.Actor != "anonymous" || f.After.Attempts != attempts || f.After.Limited != 0 || f.After.From.IsZero() {
		t.Errorf("entry %+v %+v", e, f)
	}
}

func TestAFloodFromEverywhereTakesBoundedMemoryAndFewEntries(t *testing.T) {
	now := time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
	var written []management.AccessFailed
	fails := errors.New("store is away")
	failing := true
	d := api.DenialsTo(func(_ context.Context, all []management.AccessFailed) error {
		if failing {
			return fails
		}
		written = append(written, all...)
		return nil
	}, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	const addresses, minutes = 3000, 3
	for range minutes {
		for i := range addresses {
			d.Add(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), i%2 == 0)
		}
		d.Add(netip.MustParseAddr("192.0.2.1"), false)
		now = now.Add(time.Minute)
		if n := d.Flush(t.Context(), now.Unix()/60); n > 1001 {
			t.Fatalf("%d addresses are remembered", n)
		}
	}
	failing = false
	if left := d.Flush(t.Context(), now.Unix()/60); left != 0 {
		t.Errorf("%d are left", left)
	}
	sum, limited := int64(0), int64(0)
	for _, f := range written {
		sum += f.Attempts
		limited += f.Limited
		if f.From.After(f.To) {
			t.Errorf("from %v to %v", f.From, f.To)
		}
	}
	if sum != minutes*(addresses+1) || limited != minutes*addresses/2 {
		t.Errorf("%d attempts are recorded, %d of them limited", sum, limited)
	}
	if len(written) > 101 {
		t.Errorf("%d entries of one flush", len(written))
	}
}

func TestAnIPv6HostWithManyAddressesIsOne(t *testing.T) {
	var written []management.AccessFailed
	d := api.DenialsTo(func(_ context.Context, all []management.AccessFailed) error {
		written = all
		return nil
	}, time.Now, slog.New(slog.DiscardHandler))
	for i := range 10 {
		d.Add(netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", i)), false)
	}
	d.Flush(t.Context(), 1<<40)
	if len(written) == 0 || len(written) > 2 || written[0].Address != netip.MustParseAddr("2001:db8::") { // 2: where a minute ended in between
		t.Errorf("written %+v", written)
	}
}
