package report_test

import (
	"bytes"
	"encoding/csv"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"credence/management/report"
)

var update = flag.Bool("update", false, "write the golden files")

var day0 = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

// week is a report in which every part says something.
func week() *report.Report {
	r := &report.Report{
		Version: report.Version, ID: "rpt_06f5x2m8w1c5j9r3n7t0q4v6bd", Namespace: "", Span: "weekly", Since: day0, Until: day0.AddDate(0, 0, 7),
		MadeAt: day0.AddDate(0, 0, 7).Add(time.Minute), MadeBy: "job:report_make",
		Usage: report.Usage{
			Since: day0, Until: day0.AddDate(0, 0, 7), Step: "hour",
			Total:  report.Sum{Requests: 18_432_117, Denied: 412_008, Addresses: 9120, Mean: 41_300 * time.Nanosecond},
			Before: report.Sum{Requests: 16_890_441, Denied: 120_991, Addresses: 9333, Mean: 40_100 * time.Nanosecond},
			Gaps:   1, GapsSince: day0.Add(50 * time.Hour),
		},
		Reasons: []report.Sum{
			{ID: "allowed", Requests: 18_001_233},
			{ID: "unknown_key", Requests: 301_455, Denied: 301_455},
			{ID: "rate_limited", Requests: 80_553, Denied: 80_553},
			{ID: "shadow_scope_missing", Requests: 18_876},
			{ID: "revoked", Requests: 30_000, Denied: 30_000},
		},
		TopOwners:     []report.Sum{{ID: "team-payments", Namespace: "payments", Requests: 9_000_000, Denied: 1200, Addresses: 40, Mean: 39 * time.Microsecond}, {Requests: 400_000, Denied: 301_455}},
		TopRoutes:     []report.Sum{{ID: "orders-api", Requests: 12_000_000, Denied: 4000, Addresses: 900, Mean: 44 * time.Microsecond}},
		TopNamespaces: []report.Sum{{ID: "payments", Requests: 9_800_000, Denied: 70_000, Addresses: 4000, Mean: 40 * time.Microsecond}, {ID: "default", Requests: 8_000_000, Denied: 20_000, Addresses: 5000, Mean: 43 * time.Microsecond}},
		Addresses:     []report.Address{{Address: "203.0.113.9", Reason: "unknown_key", Refused: 288_120}, {Address: "2001:db8:1::", Refused: 1290}},
		Keys:          report.Keys{Active: 1284, Expired: 31, Disabled: 4, Suspended: 2, Revoked: 260},
		Quotas: report.Quotas{UsedUp: 1, List: report.List[report.Quota]{Total: 2, Items: []report.Quota{
			{Namespace: "payments", KeyID: "key_06f5x2m8w1c5j9r3n7t0q4v6bd", Name: "monthly", Used: 1_000_000, Limit: 1_000_000, RefillsAt: day0.AddDate(0, 0, 28)},
			{Namespace: "payments", Owner: "team-payments", Name: "daily", Used: 8700, Limit: 10_000, RefillsAt: day0.AddDate(0, 0, 8)},
		}}},
		Anomalies: report.Anomalies{Open: 3, Urgent: 1, List: report.List[report.Anomaly]{Total: 3, Items: []report.Anomaly{
			{ID: "ano_1", Type: "brute_force", Severity: "critical", State: "open", Subject: "address:203.0.113.9", Message: "288,120 unknown keys from one address in an hour; 20 are usual.", LastAt: day0.Add(30 * time.Hour)},
			{ID: "ano_2", Type: "new_network", Severity: "medium", State: "acknowledged", Subject: "key:key_06f5x2m8w1c5j9r3n7t0q4v6bd", Message: "First use from 198.51.100.0/24.", LastAt: day0.Add(90 * time.Hour), Done: "token:tok_1: asked the team"},
		}}},
		Blacklist: report.BlacklistChange{Rules: 412, Added: 3, Removed: 1, Changes: []report.RuleLine{
			{At: day0.Add(31 * time.Hour), Action: "added", Network: "203.0.113.0/24", Reason: "key scan", By: "token:tok_1"},
		}},
		Audit: report.Audit{Entries: 96, Kinds: 3, Actions: []report.Count{{Name: "key.create", Times: 61}, {Name: "key.revoke", Times: 20}, {Name: "blacklist.add", Times: 3}}},
	}
	for i := range 168 {
		n := int64(60_000 + 40_000*((i%24)/6) + 1000*(i%7))
		p := report.Point{Start: day0.Add(time.Duration(i) * time.Hour), Requests: n, Denied: n / 90}
		if i == 30 {
			p.Requests, p.Denied = n+288_120, 288_120
		}
		r.Usage.Course = append(r.Usage.Course, p)
	}
	for i, name := range []string{"orders", "checkout", "nightly export", "mobile app", "partner feed"} {
		n := int64(5_000_000 / (i + 1))
		s := report.Sum{ID: "key_06f5x2m8w1c5j9r3n7t0q4v6b" + string(rune('a'+i)), Name: name, Namespace: "payments", Owner: "team-payments", Requests: n, Denied: n / int64(100*(i+1)), Addresses: int64(9 * (i + 1)), Mean: 40 * time.Microsecond}
		r.TopKeys, r.TopDenied = append(r.TopKeys, s), append(r.TopDenied, s)
	}
	r.Limited = r.TopDenied[:2]
	line := report.KeyLine{KeyID: "key_06f5x2m8w1c5j9r3n7t0q4v6bd", Name: "orders", Namespace: "payments", Owner: "team-payments", KeyType: "service", At: day0.AddDate(0, 0, 20)}
	r.Expiring = report.List[report.KeyLine]{Items: []report.KeyLine{line}, Total: 12}
	r.RotationsDue = report.List[report.KeyLine]{Items: []report.KeyLine{line}, Total: 1}
	unused := line
	unused.At = time.Time{}
	r.Unused = report.List[report.KeyLine]{Items: []report.KeyLine{unused}, Total: 1}
	broken := line
	broken.At, broken.Note = time.Time{}, "expires_at: lives for 400 days; at most 90 days"
	r.Breaches = report.List[report.KeyLine]{Items: []report.KeyLine{broken}, Total: 1, More: true}
	r.Outside = outside()
	return r
}

// outside are credentials of other systems, one for each reason to look at it.
func outside() report.Outside {
	o := report.Outside{Held: 40, Counts: map[string]int{}}
	for i, reason := range report.OutsideReasons() {
		system, name := "gitea", "ci-bot-7f3a9c2e51d0"
		if i%2 == 1 {
			system, name = "n8n", "flows-0b1c2d3e4f5a"
		}
		o.Items = append(o.Items, report.OutsideLine{
			System: system, ID: "out_06f5x9v3q7b2n6c0m4k8d1w5t" + string(rune('a'+i)), Name: name, Namespace: "payments", Login: "ci-bot",
			Owner: "team-payments", Reasons: []string{reason}, At: day0.AddDate(0, 0, i),
		})
		o.Counts[reason] = 1 + i%2
	}
	o.Items[0].Reasons = append(o.Items[0].Reasons, report.OutsideEnding)
	o.Total = 30
	return o
}

// hostile is a week in which strangers chose every text that they can.
func hostile(evil string) *report.Report {
	r := week()
	for _, sums := range [][]report.Sum{r.Reasons, r.TopKeys, r.TopDenied, r.TopOwners, r.TopRoutes, r.TopNamespaces, r.Limited} {
		for i := range sums {
			sums[i].ID, sums[i].Name, sums[i].Owner, sums[i].Namespace = evil, evil, evil, evil
		}
	}
	for _, lines := range [][]report.KeyLine{r.Expiring.Items, r.Unused.Items, r.Breaches.Items, r.RotationsDue.Items} {
		for i := range lines {
			lines[i].KeyID, lines[i].Name, lines[i].Owner, lines[i].Namespace, lines[i].KeyType, lines[i].Note = evil, evil, evil, evil, evil, evil
		}
	}
	for i := range r.Outside.Items {
		o := &r.Outside.Items[i]
		o.System, o.ID, o.Name, o.Namespace, o.Login, o.Owner, o.Reasons = evil, evil, evil, evil, evil, evil, []string{evil, evil}
	}
	for i := range r.Addresses {
		r.Addresses[i].Address, r.Addresses[i].Reason = evil, evil
	}
	for i := range r.Quotas.Items {
		r.Quotas.Items[i].Name, r.Quotas.Items[i].Owner, r.Quotas.Items[i].KeyID = evil, evil, evil
	}
	for i := range r.Anomalies.Items {
		a := &r.Anomalies.Items[i]
		a.Severity, a.Message, a.Subject, a.State, a.Done, a.Type = evil, evil, evil, evil, evil, evil
	}
	for i := range r.Blacklist.Changes {
		c := &r.Blacklist.Changes[i]
		c.Action, c.Network, c.Reason, c.By = evil, evil, evil, evil
	}
	for i := range r.Audit.Actions {
		r.Audit.Actions[i].Name = evil
	}
	r.Namespace, r.MadeBy, r.ID, r.Span, r.Usage.Step = "", evil, evil, evil, evil
	return r
}

func rendered(t *testing.T, r *report.Report, f report.Format) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Render(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestAReportLooksAsItDid in every format. Run with -update after a change, and
// look at the files.
func TestAReportLooksAsItDid(t *testing.T) {
	for _, f := range report.Formats() {
		got, file := rendered(t, week(), f), filepath.Join("testdata", "week."+f.Ending())
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s is not as it was; go test ./management/report -update writes it anew", file)
		}
	}
}

// elements answers every element of a page, with its attributes.
func elements(t *testing.T, page string) (all []*html.Node) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			all = append(all, n)
		}
	}
	return all
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

const evilMarkup = `"><script>alert(1)</script><img src=x onerror=alert(2)><a href="javascript:alert(3)">x</a>`

func TestAPageRunsAndLoadsNothingWhateverItsTextsSay(t *testing.T) {
	harmless := elements(t, rendered(t, hostile("harmless"), report.HTML))
	for name, r := range map[string]*report.Report{"calm": week(), "hostile": hostile(evilMarkup), "empty": {Version: 1}} {
		t.Run(name, func(t *testing.T) {
			page := rendered(t, r, report.HTML)
			ids, links := map[string]bool{}, []string{}
			tables := 0
			for _, n := range elements(t, page) {
				switch n.Data {
				case "script", "img", "iframe", "object", "embed", "link", "form", "base", "foreignobject", "use", "image", "animate":
					t.Errorf("there is a <%s>", n.Data)
				case "table":
					tables++
				}
				for _, a := range n.Attr {
					switch {
					case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "src", a.Key == "srcset":
						t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
					case a.Key == "href":
						links = append(links, a.Val)
					case a.Key == "id":
						if ids[a.Val] {
							t.Errorf("id %q is there twice", a.Val)
						}
						ids[a.Val] = true
					}
				}
			}
			for _, link := range links {
				if !strings.HasPrefix(link, "#") || !ids[link[1:]] {
					t.Errorf("link to %q", link)
				}
			}
			if !strings.Contains(page, "default-src &#39;none&#39;") {
				t.Error("the page names no policy")
			}
			if name == "hostile" && (tables < 15 || len(elements(t, page)) != len(harmless)) {
				t.Errorf("%d tables, %d elements of %d: a text became markup", tables, len(elements(t, page)), len(harmless))
			}
		})
	}
}

func TestTheDrawingStaysWithinItsFrame(t *testing.T) {
	r := week()
	for _, n := range []int64{0, 1, 3, 7, 99, 100, 101, 4999, 1 << 40} {
		for i := range r.Usage.Course {
			r.Usage.Course[i].Requests, r.Usage.Course[i].Denied = n, n/2
		}
		columns := 0
		for _, e := range elements(t, rendered(t, r, report.HTML)) {
			if e.Data != "rect" || e.Parent.Data != "g" {
				continue
			}
			columns++
			for _, name := range []string{"x", "y", "width", "height"} {
				if v := attribute(e, name); !regexp.MustCompile(`^\d+(\.\d+)?$`).MatchString(v) {
					t.Fatalf("%d requests: %s is %q", n, name, v)
				}
			}
		}
		if columns != 3*len(r.Usage.Course) {
			t.Errorf("%d rectangles for %d times", columns, len(r.Usage.Course))
		}
	}
}

func TestASpreadsheetRunsNothingOfAReport(t *testing.T) {
	for _, evil := range []string{`=cmd|' /C calc'!A0`, "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "a\"b,c\nd"} {
		rows, err := csv.NewReader(strings.NewReader(rendered(t, hostile(evil), report.CSV))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
					t.Errorf("a cell is %q", cell)
				}
				if strings.Contains(cell, strings.TrimSpace(evil)) {
					found++
				}
			}
		}
		if found < 20 {
			t.Errorf("%q is in %d cells: it was lost", evil, found)
		}
	}
}

func TestMarkdownKeepsTextsFromBeingMarkup(t *testing.T) {
	evil := "<script>x</script> | [a](javascript:b) ![i](http://c/d) `code` *b* http://evil.example www.evil.example a@b.example\n# head"
	page := rendered(t, hostile(evil), report.Markdown)
	active := regexp.MustCompile(`\\[[:punct:]]`).ReplaceAllString(page, "")
	for _, bad := range []string{"<script", " | [", "](", "http://", "www.evil", "a@b", "`code`", "\n# head"} {
		if strings.Contains(active, bad) {
			t.Errorf("%q is there unescaped", bad)
		}
	}
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "|") && !strings.HasSuffix(line, "|\n") {
			t.Errorf("a row breaks: %q", line)
		}
	}
}

func TestWhatIsKeptReadsAsItWasAndNothingNewerIsGuessedAt(t *testing.T) {
	raw, err := week().Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := report.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if rendered(t, back, report.HTML) != rendered(t, week(), report.HTML) {
		t.Error("it looks different")
	}
	for _, bad := range []string{`{"version":2}`, `{}`, `{`, `[]`} {
		if _, err := report.Decode([]byte(bad)); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
	if err := week().Render(&bytes.Buffer{}, "pdf"); err == nil {
		t.Error("an unknown format is written")
	}
}

func TestAQuietWeekNeedsNobodysAttention(t *testing.T) {
	quiet := &report.Report{Version: 1, Namespace: "payments", Span: "daily", Since: day0, Until: day0.AddDate(0, 0, 1)}
	page := rendered(t, quiet, report.Markdown)
	for _, want := range []string{"# Daily report, namespace payments", "2026-11-02 (UTC)", "Nothing needs your attention", "Nothing was found.", "No quota is close to its end."} {
		if !strings.Contains(page, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	for _, other := range []string{"Addresses refused most", "## Namespaces"} {
		if strings.Contains(page, other) {
			t.Errorf("a report of one namespace says %q", other)
		}
	}
}
