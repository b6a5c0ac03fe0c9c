package management_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"credence/management"
)

// lineStates is what came of each line.
func lineStates(lines []management.BlacklistImportLine) []string {
	var all []string
	for i := range lines {
		l := &lines[i]
		var text strings.Builder
		fmt.Fprintf(&text, "%d %s", l.Line, l.State)
		for _, f := range l.Fields {
			text.WriteString(" " + f.Field)
		}
		all = append(all, text.String())
	}
	return all
}

func TestAListIsAddedLineByLineAndRecognisedWhenRepeated(t *testing.T) {
	f := newFixture(t)
	f.rule(management.BlacklistAdd{Namespace: "a", Network: "192.0.2.7", For: "1m"})
	kept := f.rule(management.BlacklistAdd{Namespace: "a", Network: "192.0.2.8"})
	f.advance(time.Hour)
	in := management.BlacklistImport{
		Namespace: "a", Reason: "feed", Source: "drop", For: "24h",
		Rules: []management.BlacklistImportRow{
			{Line: 3, Network: "198.51.100.0/24"},
			{Line: 4, Network: "198.51.100.7/24"},
			{Line: 5, Network: "nonsense"},
			{Line: 6, Network: "0.0.0.0/0"},
			{Line: 7, Network: "192.0.2.7", Reason: "its own"},
			{Line: 8, Network: "192.0.2.8"},
			{Line: 9, Network: "198.51.100.0/24"},
			{Line: 10, Network: "2001:db8::/32", Reason: "a\nb"},
		},
	}
	want := []string{"3 created", "4 failed network", "5 failed network", "6 failed network", "7 created", "8 present", "9 present", "10 failed reason"}
	in.DryRun = true
	before := f.dump()
	tried, err := f.BlacklistImport(t.Context(), onlyA, in)
	must(t, err)
	if diff := cmp.Diff(want, lineStates(tried.Lines)); diff != "" {
		t.Errorf("dry run: %s", diff)
	}
	if after := f.dump(); after != before {
		t.Error("a dry run changed something")
	}
	in.DryRun = false
	done, err := f.BlacklistImport(t.Context(), onlyA, in)
	must(t, err)
	if diff := cmp.Diff(want, lineStates(done.Lines)); diff != "" {
		t.Error(diff)
	}
	if done.Lines[5].ID != kept.ID || done.Lines[6].ID != done.Lines[0].ID {
		t.Error("a line that was there before does not name its rule")
	}
	rule, err := f.BlacklistRead(t.Context(), onlyA, done.Lines[4].ID)
	must(t, err)
	if rule.Reason != "its own" || rule.Source != "drop" || !rule.EndsAt.Equal(f.clock().Add(24*time.Hour)) {
		t.Errorf("rule is %+v", rule)
	}
	if first, err := f.BlacklistRead(t.Context(), onlyA, done.Lines[0].ID); err != nil || first.Reason != "feed" {
		t.Errorf("rule is %+v, %v", first, err)
	}
	if jobs := table(f.dump(), "river_job"); len(jobs) != 3 {
		t.Errorf("%d jobs end rules, want 1 of before and 2", len(jobs))
	}
	again, err := f.BlacklistImport(t.Context(), onlyA, in)
	must(t, err)
	for i, l := range again.Lines {
		if l.State == management.ImportCreated {
			t.Errorf("line %d was added twice", in.Rules[i].Line)
		}
	}
}

func TestAListNamesWhatIsWrongWithAllOfIt(t *testing.T) {
	f := newFixture(t)
	ok := management.BlacklistImport{Reason: "r", Rules: []management.BlacklistImportRow{{Network: "192.0.2.7"}}}
	for field, change := range map[string]func(in *management.BlacklistImport){
		"rules":     func(in *management.BlacklistImport) { in.Rules = nil },
		"source":    func(in *management.BlacklistImport) { in.Source = strings.Repeat("x", 129) },
		"reason":    func(in *management.BlacklistImport) { in.Reason = "a\nb" },
		"for":       func(in *management.BlacklistImport) { in.For = "soon" },
		"namespace": func(in *management.BlacklistImport) { in.Namespace = "nowhere" },
		"ends_at":   func(in *management.BlacklistImport) { in.EndsAt = start.Add(-time.Hour) },
	} {
		in := ok
		change(&in)
		_, err := f.BlacklistImport(t.Context(), global, in)
		blames(t, err, field)
	}
	ok.Rules = make([]management.BlacklistImportRow, management.MaxBlacklistImport+1)
	_, err := f.BlacklistImport(t.Context(), global, ok)
	blames(t, err, "rules")
}

func TestManyRulesAreRemovedAfterADryRun(t *testing.T) {
	f := newFixture(t)
	in := management.BlacklistImport{Reason: "r", Source: "drop"}
	for i := range 500 {
		in.Rules = append(in.Rules, management.BlacklistImportRow{Network: fmt.Sprintf("198.51.%d.%d", 100+i/250, i%250)})
	}
	_, err := f.BlacklistImport(t.Context(), global, in)
	must(t, err)
	for i := range in.Rules {
		in.Rules[i].Network = fmt.Sprintf("203.0.%d.%d", 100+i/250, i%250)
	}
	_, err = f.BlacklistImport(t.Context(), global, in)
	must(t, err)
	stays := f.rule(management.BlacklistAdd{Network: "192.0.2.7", Source: "by hand"})
	inA := f.rule(management.BlacklistAdd{Namespace: "a", Network: "192.0.2.0/24", Source: "drop"})

	filter := management.BlacklistRulesRemove{Source: "drop", Global: true, DryRun: true}
	before := f.dump()
	tried, err := f.BlacklistRulesRemove(t.Context(), global, filter)
	must(t, err)
	if tried.Matched != 1000 || len(tried.Sample) != 20 || tried.Removed != 0 || f.dump() != before {
		t.Errorf("dry run matched %d, shows %d, removed %d", tried.Matched, len(tried.Sample), tried.Removed)
	}
	filter.DryRun = false
	for call, want := range []int{500, 500, 0} {
		done, err := f.BlacklistRulesRemove(t.Context(), global, filter)
		must(t, err)
		if done.Removed != want || done.Done != (call > 0) {
			t.Errorf("call %d removed %d, done %v", call, done.Removed, done.Done)
		}
	}
	for title, c := range map[string]struct {
		actor management.Actor
		in    management.BlacklistRulesRemove
		want  int
	}{
		"within nothing":        {global, management.BlacklistRulesRemove{Within: "192.0.2.0/30"}, 0},
		"within, wider than it": {global, management.BlacklistRulesRemove{Within: "192.0.2.0/25"}, 1},
		"exactly":               {global, management.BlacklistRulesRemove{Networks: []string{"192.0.2.0/24"}}, 1},
		"another namespace":     {onlyA, management.BlacklistRulesRemove{Namespace: "b", Everything: true}, 0},
		"limited":               {onlyA, management.BlacklistRulesRemove{Everything: true}, 1},
		"all":                   {global, management.BlacklistRulesRemove{Everything: true}, 2},
	} {
		c.in.DryRun = true
		got, err := f.BlacklistRulesRemove(t.Context(), c.actor, c.in)
		must(t, err)
		if got.Matched != c.want {
			t.Errorf("%s: matched %d, want %d", title, got.Matched, c.want)
		}
	}
	for _, id := range []string{stays.ID, inA.ID} {
		if _, err := f.BlacklistRead(t.Context(), global, id); err != nil {
			t.Errorf("a rule that was not meant is gone: %v", err)
		}
	}
	_, err = f.BlacklistRulesRemove(t.Context(), global, management.BlacklistRulesRemove{})
	blames(t, err, "source")
	_, err = f.BlacklistRulesRemove(t.Context(), global, management.BlacklistRulesRemove{Within: "x"})
	blames(t, err, "within")
}

func TestAListThatIsTooLongForANamespaceIsRefusedWhole(t *testing.T) {
	f := newFixture(t)
	f.flood("a", 9_999)
	_, err := f.BlacklistImport(t.Context(), onlyA, management.BlacklistImport{
		Namespace: "a", Reason: "r", Rules: []management.BlacklistImportRow{{Network: "203.0.113.1"}, {Network: "203.0.113.2"}},
	})
	refused(t, err, management.CodeConflict)
	_, err = f.BlacklistImport(t.Context(), onlyA, management.BlacklistImport{
		Namespace: "a", Reason: "r", Rules: []management.BlacklistImportRow{{Network: "203.0.113.1"}},
	})
	must(t, err)
}
