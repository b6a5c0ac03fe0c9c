package browser_test

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"credence/management/report"
)

var folder = flag.String("paper", "", "folder to write the printed reports to, for people")

// week is the report that package report keeps as its example.
func week(t *testing.T) *report.Report {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "management", "report", "testdata", "week.json"))
	must(t, err)
	r, err := report.Decode(raw)
	must(t, err)
	return r
}

// crowded is a week in which every list is full, and every text as long as it
// may be, most of them without a place to break.
func crowded(t *testing.T) *report.Report {
	t.Helper()
	r := week(t)
	long, words := strings.Repeat("averylongname", 9), strings.Repeat("words of a sentence ", 12)
	for i := range 40 {
		r.Reasons = append(r.Reasons, report.Sum{ID: fmt.Sprintf("shadow_network_not_allowed_%d", i), Requests: 1_000_000_000_000})
	}
	sum := report.Sum{
		ID: "key_06f5x2m8w1c5j9r3n7t0q4v6bd", Name: long, Owner: long, Namespace: strings.Repeat("n", 63),
		Requests: 1_234_567_890_123, Denied: 987_654_321_098, Addresses: 9_876_543, Mean: 12345 * time.Microsecond,
	}
	for _, all := range []*[]report.Sum{&r.TopKeys, &r.TopDenied, &r.TopOwners, &r.TopRoutes, &r.TopNamespaces, &r.Limited} {
		*all = nil
		for range 10 {
			*all = append(*all, sum)
		}
	}
	r.TopRoutes[0].ID, r.TopOwners[0].ID = long, long
	line := report.KeyLine{
		KeyID: sum.ID, Name: long, Namespace: sum.Namespace, Owner: long, KeyType: "integration", At: r.Since,
		Note: "labels: " + words + "; " + long,
	}
	for _, all := range []*report.List[report.KeyLine]{&r.Expiring, &r.Unused, &r.Breaches, &r.RotationsDue} {
		*all = report.List[report.KeyLine]{Total: 123_456, More: true}
		for i := range 25 {
			line.At = line.At.AddDate(0, 0, i)
			all.Items = append(all.Items, line)
		}
	}
	for len(r.Quotas.Items) < 25 {
		r.Quotas.Items = append(r.Quotas.Items, report.Quota{Owner: long, Name: long, Used: 1_234_567_890_123, Limit: 2_234_567_890_123, RefillsAt: r.Until})
	}
	for len(r.Anomalies.Items) < 25 {
		r.Anomalies.Items = append(r.Anomalies.Items, report.Anomaly{
			Type: "many_networks", Severity: "critical", State: "acknowledged", Subject: "network:2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128",
			Message: words, LastAt: r.Until, Done: "blacklist done: " + words + long,
		})
	}
	for len(r.Blacklist.Changes) < 25 {
		r.Blacklist.Changes = append(r.Blacklist.Changes, report.RuleLine{
			At: r.Since, Action: "added", Network: "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128", Reason: words + long, By: "token:tok_06f5x2m8w1c5j9r3n7t0q4v6bd",
		})
	}
	for i := range 40 {
		r.Audit.Actions = append(r.Audit.Actions, report.Count{Name: fmt.Sprintf("connection.credential_%d", i), Times: 1_234_567_890})
	}
	r.Quotas.Total, r.Anomalies.Total, r.Audit.Kinds, r.Namespace = 1000, 1000, 90, ""
	return r
}

// all are reports of every fullness.
func all(t *testing.T) map[string]*report.Report {
	t.Helper()
	empty := &report.Report{Version: report.Version, Namespace: "payments", Span: "daily", Since: week(t).Since, Until: week(t).Since.AddDate(0, 0, 1)}
	withheld := week(t)
	withheld.Withhold()
	return map[string]*report.Report{"week": week(t), "crowded": crowded(t), "empty": empty, "withheld": withheld}
}

func written(t *testing.T, r *report.Report) []byte {
	t.Helper()
	var page bytes.Buffer
	must(t, r.Render(&page, report.HTML))
	return page.Bytes()
}

// What a page is shown on: a telephone, half a screen, a screen, and the paper
// of its style, which is 182 mm wide between its margins.
var screens = []struct {
	name, media string
	width       int
}{{"telephone", "screen", 360}, {"half", "screen", 600}, {"screen", "screen", 1200}, {"paper", "print", 688}}

// beyond are the elements that end right of the page, but for those in a part
// that can be scrolled by itself, and texts that their own cell cuts.
const beyond = `(() => {
	const wide = document.documentElement.clientWidth, out = [];
	if (document.documentElement.scrollWidth > wide) out.push("the page is " + document.documentElement.scrollWidth + " of " + wide);
	for (const e of document.querySelectorAll("body *")) {
		const scroll = e.parentElement.closest(".scroll");
		if (scroll && getComputedStyle(scroll).overflowX === "auto" || e.matches(".unseen")) continue;
		if (e.getBoundingClientRect().right > wide + 0.5) out.push(e.tagName + "." + e.getAttribute("class") + " " + e.textContent.slice(0, 30));
	}
	return out;
})()`

// overlapping are cells whose text runs into the next one.
const overlapping = `[...document.querySelectorAll("td, th, .tile, .look li")].filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent.trim().slice(0, 40))`

func TestNothingOfAReportRunsOffThePage(t *testing.T) {
	c := launch(t)
	for name, r := range all(t) {
		c.open(written(t, r))
		for _, s := range screens {
			c.show(s.width, 900, s.media, "light")
			var off, over []string
			if c.eval(&off, beyond); len(off) > 0 {
				t.Errorf("%s on %s: %d elements run off the page, first %q", name, s.name, len(off), off[0])
			}
			if c.eval(&over, overlapping); len(over) > 0 {
				t.Errorf("%s on %s: %d texts run into what is beside them, first %q", name, s.name, len(over), over[0])
			}
		}
		if asked := c.happened("Network.requestWillBeSent"); len(asked) != 1 {
			t.Errorf("%s asks for %d things beside itself: %s", name, len(asked)-1, asked)
		}
		if said := append(c.happened("Log.entryAdded"), c.happened("Runtime.consoleAPICalled")...); len(said) > 0 {
			t.Errorf("%s: the browser complains: %s", name, said)
		}
	}
}

// shades counts the pixels of a picture that are nearly of a colour.
func shades(picture image.Image, red, green, blue int) (n int) {
	near := func(a uint32, b int) bool { d := int(a>>8) - b; return d > -24 && d < 24 }
	bounds := picture.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			if r, g, b, _ := picture.At(x, y).RGBA(); near(r, red) && near(g, green) && near(b, blue) {
				n++
			}
		}
	}
	return n
}

// TestAScreenshotShowsTheDrawingsAndPaperIsWhite also for those whose screen is
// dark: columns and bars in the colours of what was let through and refused.
func TestAScreenshotShowsTheDrawingsAndPaperIsWhite(t *testing.T) {
	c := launch(t)
	c.open(written(t, week(t)))
	for _, look := range []struct {
		media, scheme            string
		page, allowed, denied    [3]int
		leastAllowed, leastWhite int
	}{
		{"screen", "light", [3]int{255, 255, 255}, [3]int{0x2f, 0x6f, 0xdb}, [3]int{0xc8, 0x37, 0x2d}, 10, 60},
		{"screen", "dark", [3]int{0x1a, 0x21, 0x2b}, [3]int{0x6e, 0xa3, 0xff}, [3]int{0xff, 0x7b, 0x72}, 10, 60},
		{"print", "dark", [3]int{255, 255, 255}, [3]int{0x2f, 0x6f, 0xdb}, [3]int{0xb3, 0x26, 0x1e}, 10, 70},
	} {
		c.show(1000, 900, look.media, look.scheme)
		var box struct{ X, Y, Width, Height float64 }
		c.eval(&box, `(r => ({X: r.x + scrollX, Y: r.y + scrollY, Width: r.width, Height: r.height}))(document.querySelector("svg.course").getBoundingClientRect())`)
		picture, err := png.Decode(bytes.NewReader(c.picture()))
		must(t, err)
		part, is := picture.(interface {
			SubImage(r image.Rectangle) image.Image
		})
		if !is {
			t.Fatalf("a picture is a %T", picture)
		}
		drawing := part.SubImage(image.Rect(int(box.X), int(box.Y), int(box.X+box.Width), int(box.Y+box.Height)))
		pixels := drawing.Bounds().Dx() * drawing.Bounds().Dy()
		if box.Width < 500 || box.Height < 100 || pixels < 50_000 {
			t.Fatalf("%s, %s: the drawing is %.0f by %.0f", look.media, look.scheme, box.Width, box.Height)
		}
		if n := 100 * shades(drawing, look.allowed[0], look.allowed[1], look.allowed[2]) / pixels; n < look.leastAllowed {
			t.Errorf("%s, %s: %d %% of the drawing show what was let through", look.media, look.scheme, n)
		}
		if n := shades(drawing, look.denied[0], look.denied[1], look.denied[2]); n < 200 {
			t.Errorf("%s, %s: %d pixels of the drawing show what was refused", look.media, look.scheme, n)
		}
		whole := picture.Bounds().Dx() * picture.Bounds().Dy()
		if n := 100 * shades(picture, look.page[0], look.page[1], look.page[2]) / whole; n < look.leastWhite {
			t.Errorf("%s, %s: %d %% of the page are as paper", look.media, look.scheme, n)
		}
	}
}

// TestAPrintedReportFillsItsPages: sections follow each other, rows are whole,
// and the head of a table is on each page that it goes on to.
func TestAPrintedReportFillsItsPages(t *testing.T) {
	c := launch(t)
	for name, most := range map[string]int{"empty": 2, "week": 5, "crowded": 90} {
		c.open(written(t, all(t)[name]))
		paper := c.paper()
		if *folder != "" {
			must(t, os.WriteFile(filepath.Join(*folder, name+".pdf"), paper, 0o600))
		}
		if pages := len(regexp.MustCompile(`/Type\s*/Page\b[^s]`).FindAll(paper, -1)); pages == 0 || pages > most {
			t.Errorf("%s is %d pages, at most %d were expected", name, pages, most)
		}
		c.show(688, 900, "print", "light")
		var broken []string
		if c.eval(&broken, `[...document.querySelectorAll("tr, .tile, .look li, svg.course")].filter(e => getComputedStyle(e).breakInside !== "avoid").map(e => e.tagName)`); len(broken) > 0 {
			t.Errorf("%s: %d parts may be cut by the end of a page", name, len(broken))
		}
		if c.eval(&broken, `[...document.querySelectorAll("thead")].filter(e => getComputedStyle(e).display !== "table-header-group").map(e => e.tagName)`); len(broken) > 0 {
			t.Errorf("%s: %d heads of tables are on their first page only", name, len(broken))
		}
	}
}
