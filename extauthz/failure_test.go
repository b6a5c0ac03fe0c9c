package extauthz

import (
	"context"
	"crypto/rand"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/limit"
)

// TestStoreGone: known keys go on until the ceiling, revoked ones stay
// refused, unknown ones get 503, and metrics and log say why.
func TestStoreGone(t *testing.T) { onBoth(t, testStoreGone) }

func testStoreGone(t *testing.T) {
	t.Helper()
	p := newPlane(t, nil)
	known, _ := p.key(nil)
	revoked, k := p.key(nil)
	p.want("a new key", known, 0, pipeline.ReasonAllowed)
	p.want("another", revoked, 0, pipeline.ReasonAllowed)
	p.change(func(ctx context.Context, tx *store.Tx) error {
		k.Status, k.StatusReason, k.StatusAt = store.StatusRevoked, "leaked", p.now()
		return tx.UpdateKey(ctx, k)
	})
	p.want("revoked", revoked, 401, pipeline.ReasonRevoked)
	unknown, _, err := p.secrets.Mint(rand.Reader, "crd", "live")
	must(t, err)
	p.want("never made", unknown.Reveal(), 401, pipeline.ReasonUnknownKey)

	must(t, p.db.Close())
	fresh, _, err := p.secrets.Mint(rand.Reader, "crd", "live")
	must(t, err)
	p.want("store gone, known", known, 0, pipeline.ReasonAllowed)
	p.want("store gone, revoked", revoked, 401, pipeline.ReasonRevoked)
	p.want("store gone, unknown", fresh.Reveal(), 503, pipeline.ReasonUnavailable)
	p.advance(4 * time.Minute)
	p.want("store gone for 4 minutes, known", known, 0, pipeline.ReasonAllowed)
	p.want("store gone for 4 minutes, revoked", revoked, 401, pipeline.ReasonRevoked)
	p.advance(2 * time.Minute)
	p.want("past the ceiling, known", known, 503, pipeline.ReasonUnavailable)
	p.want("past the ceiling, revoked", revoked, 503, pipeline.ReasonUnavailable)

	got := gathered(t, p.registry)
	if n := got["credence_checks_total{decision=deny,reason=unavailable}"]; n < 3 {
		t.Errorf("%v Checks counted as unavailable", n)
	}
	if age := got["credence_feed_age_seconds{}"]; age < 360 {
		t.Errorf("feed age %v", age)
	}
	if text := p.log.String(); !strings.Contains(text, "checks cannot be decided") || strings.Contains(text, known) {
		t.Errorf("log: %s", text)
	}
}

// TestQuotaStoreGone: what is reserved is spent, then the key gets 503; rates
// need no store.
func TestQuotaStoreGone(t *testing.T) { onBoth(t, testQuotaStoreGone) }

func testQuotaStoreGone(t *testing.T) {
	t.Helper()
	p := newPlane(t, nil)
	withQuota, _ := p.key(func(k *store.Key) {
		k.Quotas = []limit.Quota{{Name: "daily", Limit: 100, Period: limit.QuotaDay}}
	})
	withRate, _ := p.key(func(k *store.Key) {
		k.Limits = []limit.Limit{{Name: "default", Limit: 3, Period: time.Hour, Burst: 3}}
	})
	p.want("with quota", withQuota, 0, pipeline.ReasonAllowed)
	p.want("with rate", withRate, 0, pipeline.ReasonAllowed)
	must(t, p.db.Close())
	for range 2 {
		p.want("store gone, with rate", withRate, 0, pipeline.ReasonAllowed)
	}
	p.want("store gone, over the rate", withRate, 429, pipeline.ReasonRateLimited)
	for i := range 100 { // what had been reserved
		got, err := p.check.Check(t.Context(), with(withQuota))
		must(t, err)
		if got.GetStatus().GetCode() != 0 {
			break
		}
		if i == 99 {
			t.Fatal("the quota was exceeded")
		}
	}
	p.want("nothing reserved", withQuota, 503, pipeline.ReasonUnavailable)
}

// TestBlacklistWhileTheStoreIsGone: the rules that were read go on refusing.
func TestBlacklistWhileTheStoreIsGone(t *testing.T) {
	p := newPlane(t, nil)
	known, _ := p.key(nil)
	p.want("before the rule", known, 0, pipeline.ReasonAllowed)
	p.change(func(ctx context.Context, tx *store.Tx) error {
		return tx.InsertBlacklistRule(ctx, store.BlacklistRule{
			ID: store.BlacklistIDPrefix + "00000000000000000000000001", Network: netip.MustParsePrefix("203.0.113.0/24"),
			Reason: "test", CreatedAt: p.now(),
		})
	})
	must(t, p.db.Close())
	p.want("store gone", known, 403, pipeline.ReasonBlacklisted)
}

// failure is one row of the table in doc.go.
type failure struct {
	what, metrics string
	tests         []string
}

// failures reads the table: columns begin where the line of dashes has them,
// and a line without a first cell goes on with the row above it.
func failures(t *testing.T) []failure {
	t.Helper()
	doc, err := os.ReadFile("doc.go")
	must(t, err)
	_, table, found := strings.Cut(string(doc), "\n//\twhat ")
	if !found {
		t.Fatal("doc.go has no table of failures")
	}
	lines := strings.Split(table, "\n")[1:]
	var starts []int
	for _, dashes := range regexp.MustCompile(`-+`).FindAllStringIndex(lines[0], -1) {
		starts = append(starts, dashes[0])
	}
	cell := func(line string, column int) string {
		from, to := starts[column], len(line)
		if column+1 < len(starts) {
			to = min(to, starts[column+1])
		}
		return strings.TrimSpace(line[min(from, to):to])
	}
	var rows []failure
	for _, line := range lines[1:] {
		if !strings.HasPrefix(line, "//\t") {
			break
		}
		if what := cell(line, 0); what != "" && cell(line, 3) != "" {
			rows = append(rows, failure{what: what})
		}
		row := &rows[len(rows)-1]
		row.metrics += " " + cell(line, 3)
		row.tests = append(row.tests, regexp.MustCompile(`Test\w+`).FindAllString(line, -1)...)
	}
	return rows
}

// sources is the text of the files in the folders whose names end so.
func sources(t *testing.T, end string, folders ...string) string {
	t.Helper()
	var all strings.Builder
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*"+end))
		must(t, err)
		for _, f := range files {
			text, err := os.ReadFile(f)
			must(t, err)
			all.Write(text)
		}
	}
	return all.String()
}

// TestFailureTableIsTrue: every row of the table in doc.go names a test that
// exists and a metric that does.
func TestFailureTableIsTrue(t *testing.T) {
	tests := sources(t, "_test.go", ".", "*", "../test/e2e", "../test/outage", "../test/fleet", "../store/redis")
	// What package main and Redis count is not in the plane of these tests.
	others := sources(t, ".go", "..", "../store/redis")
	shown := gathered(t, newPlane(t, nil).registry)
	metric := func(word string) bool {
		for name := range shown {
			series, _, _ := strings.Cut(name, "{")
			if series == "credence_"+word || strings.HasSuffix(name, "reason="+word+"}") {
				return true
			}
		}
		return strings.Contains(others, `"credence_`+word+`"`)
	}
	rows := failures(t)
	if len(rows) < 20 {
		t.Errorf("the table has %d rows", len(rows))
	}
	for _, row := range rows {
		if len(row.tests) == 0 {
			t.Errorf("%s: no test", row.what)
		}
		for _, name := range row.tests {
			if !strings.Contains(tests, "func "+name+"(t ") {
				t.Errorf("%s: %s does not exist", row.what, name)
			}
		}
		if strings.HasPrefix(row.metrics, " none") {
			continue // nothing of ours runs, or nothing goes wrong
		}
		for _, word := range strings.FieldsFunc(row.metrics, func(r rune) bool { return r == ',' || r == ' ' }) {
			if !metric(word) {
				t.Errorf("%s: there is no metric or reason %s", row.what, word)
			}
		}
	}
}
