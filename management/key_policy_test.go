package management_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"credence/management"
	"credence/store"
)

// keyPolicy changes the policy of user keys, or of the type that it names.
func (f *fixture) keyPolicy(in management.KeyPolicySet) store.KeyPolicy {
	f.t.Helper()
	in.KeyType = cmpOr(in.KeyType, "user")
	before, err := f.KeyPolicyRead(f.t.Context(), global, in.Namespace, in.KeyType)
	must(f.t, err)
	in.Version = before.Version
	after, err := f.KeyPolicySet(f.t.Context(), global, in)
	must(f.t, err)
	return after
}

func TestEmergencyKeysLiveForHoursAndSayWhatForUnlessThePolicySaysOtherwise(t *testing.T) {
	f := newFixture(t)
	in := management.KeyCreate{Namespace: "a", Name: "break glass", KeyType: "emergency"}
	_, err := f.KeyCreate(t.Context(), global, in)
	blames(t, err, "reason")
	in.Reason = "the pager went off"
	made := f.key(in).Key
	if !made.ExpiresAt.Equal(start.Add(4*time.Hour)) || made.StatusReason != in.Reason {
		t.Errorf("made %+v", made)
	}
	in.ExpiresIn = "13h"
	_, err = f.KeyCreate(t.Context(), global, in)
	blames(t, err, "expires_at")
	f.keyPolicy(management.KeyPolicySet{
		KeyType: "emergency", LongestLife: management.Set("13h"), DefaultLife: management.Null[string](), ReasonRequired: management.Set(false),
	})
	in.Reason = ""
	f.key(in)
	in.ExpiresIn = ""
	_, err = f.KeyCreate(t.Context(), global, in)
	blames(t, err, "expires_at")
}

func TestEveryRuleOfAPolicyIsKeptWhenKeysAreMadeChangedAndRotated(t *testing.T) {
	f := newFixture(t)
	old := f.key(management.KeyCreate{Namespace: "a", KeyType: "user"}).Key
	f.keyPolicy(management.KeyPolicySet{
		Namespace: "a", LongestLife: management.Set("48h"), ScopesRequired: management.Set(true), ReasonRequired: management.Set(true),
	})
	_, err := f.KeyCreate(t.Context(), global, management.KeyCreate{Namespace: "a", Name: "x", KeyType: "user"})
	e := refused(t, err, management.CodeInvalidInput)
	var fields []string
	for _, p := range e.Fields {
		fields = append(fields, p.Field)
	}
	if got := strings.Join(fields, " "); got != "expires_at scopes reason" {
		t.Errorf("blames %s", got)
	}
	f.key(management.KeyCreate{Namespace: "b", KeyType: "user"}) // where it does not hold
	good := f.key(management.KeyCreate{Namespace: "a", KeyType: "user", Scopes: []string{"x"}, Reason: "r", ExpiresIn: "48h"}).Key

	update := func(k store.Key, in management.KeyUpdate) error {
		in.KeyID, in.Version = k.KeyID, f.read(k.KeyID).Version
		_, err := f.KeyUpdate(t.Context(), global, in)
		return err
	}
	blames(t, update(good, management.KeyUpdate{ExpiresIn: management.Set("49h")}), "expires_at")
	blames(t, update(good, management.KeyUpdate{ExpiresAt: management.Null[time.Time]()}), "expires_at")
	blames(t, update(good, management.KeyUpdate{Scopes: management.Null[[]string]()}), "scopes")
	// A key from before keeps what it breaks, and can be made better one by one.
	must(t, update(old, management.KeyUpdate{Name: management.Set("renamed")}))
	blames(t, update(old, management.KeyUpdate{ExpiresIn: management.Set("72h")}), "expires_at")
	must(t, update(old, management.KeyUpdate{ExpiresIn: management.Set("24h")}))

	_, err = f.KeyRotate(t.Context(), global, management.KeyRotate{KeyID: good.KeyID})
	blames(t, err, "reason")
	_, err = f.KeyRotate(t.Context(), global, management.KeyRotate{KeyID: good.KeyID, Reason: "r", ExpiresIn: "never"})
	blames(t, err, "expires_at")
	_, err = f.KeyRotate(t.Context(), global, management.KeyRotate{KeyID: good.KeyID, Reason: "quarterly"})
	must(t, err)
}

func TestAKeyWithoutAnEndGetsTheDefaultLife(t *testing.T) {
	f := newFixture(t)
	old := f.key(management.KeyCreate{Namespace: "a", KeyType: "user"}).Key
	f.keyPolicy(management.KeyPolicySet{DefaultLife: management.Set("720h")})
	if k := f.key(management.KeyCreate{Namespace: "a", KeyType: "user"}).Key; !k.ExpiresAt.Equal(start.Add(720 * time.Hour)) {
		t.Errorf("ends at %v", k.ExpiresAt)
	}
	if k := f.key(management.KeyCreate{Namespace: "a", KeyType: "user", ExpiresIn: "1h"}).Key; !k.ExpiresAt.Equal(start.Add(time.Hour)) {
		t.Errorf("ends at %v", k.ExpiresAt)
	}
	made, err := f.KeyRotate(t.Context(), global, management.KeyRotate{KeyID: old.KeyID})
	must(t, err)
	if !made.Key.ExpiresAt.Equal(start.Add(720 * time.Hour)) {
		t.Errorf("the successor of a key without an end ends at %v", made.Key.ExpiresAt)
	}
}

func TestAPolicyIsChangedByThoseWhoMayAndOnWhatTheyRead(t *testing.T) {
	f := newFixture(t)
	_, err := f.KeyPolicySet(t.Context(), onlyA, management.KeyPolicySet{KeyType: "user", Version: 1, ExpiryRequired: management.Set(true)})
	refused(t, err, management.CodeForbidden)
	for field, in := range map[string]management.KeyPolicySet{
		"longest_life": {LongestLife: management.Set("soon")},
		"default_life": {LongestLife: management.Set("1h"), DefaultLife: management.Set("2h")},
		"rotate_every": {RotateEvery: management.Set("-1h")},
		"warn_before":  {WarnBefore: management.Set("9999999h")},
	} {
		in.KeyType, in.Version = "user", 1
		_, err := f.KeyPolicySet(t.Context(), global, in)
		blames(t, err, field)
	}
	in := management.KeyPolicySet{Namespace: "a", KeyType: "user", Version: 1, ExpiryRequired: management.Set(true)}
	own, err := f.KeyPolicySet(t.Context(), onlyA, in)
	must(t, err)
	if own.Namespace != "a" || !own.ExpiryRequired || own.WarnBefore != 168*time.Hour {
		t.Errorf("its own is %+v", own)
	}
	// Who had read the one of all has not read this one.
	_, err = f.KeyPolicySet(t.Context(), onlyA, in)
	refused(t, err, management.CodeStaleVersion)
	in.Version = 0
	_, err = f.KeyPolicySet(t.Context(), onlyA, in)
	refused(t, err, management.CodePreconditionRequired)
	entry, d := f.last("a")
	if entry.Action != "key_policy.set" || entry.Object != "key_policy:user" || fmt.Sprint(d.After["expiry_required"]) != "true" {
		t.Errorf("audit entry %+v %+v", entry, d)
	}
	in.Version = own.Version
	same, err := f.KeyPolicySet(t.Context(), onlyA, in)
	must(t, err)
	if same.Version != own.Version {
		t.Error("a change to what is already there made a version")
	}
	must(t, f.KeyPolicyReset(t.Context(), onlyA, management.KeyPolicyReset{Namespace: "a", KeyType: "user", Version: own.Version}))
	refused(t, f.KeyPolicyReset(t.Context(), onlyA, management.KeyPolicyReset{Namespace: "a", KeyType: "user"}), management.CodeNotFound)
	refused(t, f.KeyPolicyReset(t.Context(), global, management.KeyPolicyReset{KeyType: "user"}), management.CodeConflict)
	_, err = f.KeyPolicyRead(t.Context(), global, "a", "robot")
	refused(t, err, management.CodeNotFound)
}

func TestKeysThatBreakTheirPolicyOrAreToBeRotatedAreListed(t *testing.T) {
	f := newFixture(t)
	keys := map[string]string{"service": f.key(management.KeyCreate{Namespace: "b", Name: "service"}).Key.KeyID}
	for _, name := range []string{"breaks", "revoked", "fine", "rotated"} {
		f.advance(time.Millisecond) // keys made in one millisecond are in no order
		keys[name] = f.key(management.KeyCreate{Namespace: "a", Name: name, KeyType: "user"}).Key.KeyID
	}
	_, err := f.KeyRevoke(t.Context(), global, management.KeyStatusChange{KeyID: keys["revoked"]})
	must(t, err)
	_, err = f.KeyUpdate(t.Context(), global, management.KeyUpdate{KeyID: keys["fine"], Version: 1, ExpiresIn: management.Set("100h")})
	must(t, err)
	check := func(in management.KeyPolicyCheck) (found []string) {
		for {
			page, err := f.KeyPolicyCheck(t.Context(), global, in)
			must(t, err)
			for _, b := range page.Items {
				var text strings.Builder
				text.WriteString(b.Key.Name)
				for _, p := range b.Breaches {
					text.WriteString(" " + p.Field)
				}
				if !b.RotateBy.IsZero() {
					text.WriteString(" " + b.RotateBy.Sub(start).String())
				}
				found = append(found, text.String())
			}
			if page.Next == "" {
				return found
			}
			in.Page.Cursor = page.Next
		}
	}
	if found := check(management.KeyPolicyCheck{}); len(found) != 0 {
		t.Errorf("without a policy: %q", found)
	}
	f.keyPolicy(management.KeyPolicySet{ExpiryRequired: management.Set(true)})
	f.keyPolicy(management.KeyPolicySet{KeyType: "service", RotateEvery: management.Set("240h"), WarnBefore: management.Set("24h")})
	for _, c := range []struct {
		in   management.KeyPolicyCheck
		want string
	}{
		{management.KeyPolicyCheck{}, "rotated expires_at, breaks expires_at"},
		{management.KeyPolicyCheck{Page: management.PageInput{Limit: 1}}, "rotated expires_at, breaks expires_at"},
		{management.KeyPolicyCheck{Namespace: "b"}, ""},
		{management.KeyPolicyCheck{KeyType: "service"}, ""},
	} {
		if got := strings.Join(check(c.in), ", "); got != c.want {
			t.Errorf("%+v: %s, want %s", c.in, got, c.want)
		}
	}
	f.advance(216 * time.Hour) // a day before
	if got := strings.Join(check(management.KeyPolicyCheck{KeyType: "service"}), ", "); got != "service 240h0m0s" {
		t.Errorf("a day before the rotation: %s", got)
	}
	_, err = f.KeyRotate(t.Context(), global, management.KeyRotate{KeyID: keys["service"]})
	must(t, err)
	if got := check(management.KeyPolicyCheck{KeyType: "service"}); len(got) != 0 {
		t.Errorf("after the rotation: %s", got)
	}
}

func TestTheGlobalPolicyIsAFloorForAdminsOfANamespace(t *testing.T) {
	f := newFixture(t)
	f.keyPolicy(management.KeyPolicySet{
		KeyType: "user", LongestLife: management.Set("24h"), RotateEvery: management.Set("12h"), ExpiryRequired: management.Set(true),
	})
	read := func() management.KeyPolicySet {
		now, err := f.KeyPolicyRead(t.Context(), onlyA, "a", "user")
		must(t, err)
		return management.KeyPolicySet{Namespace: "a", KeyType: "user", Version: now.Version}
	}
	for field, loosen := range map[string]func(*management.KeyPolicySet){
		"longest_life":    func(in *management.KeyPolicySet) { in.LongestLife = management.Set("25h") },
		"rotate_every":    func(in *management.KeyPolicySet) { in.RotateEvery = management.Set("0s") },
		"expiry_required": func(in *management.KeyPolicySet) { in.ExpiryRequired = management.Set(false) },
	} {
		in := read()
		loosen(&in)
		_, err := f.KeyPolicySet(t.Context(), onlyA, in)
		blames(t, err, field)
	}
	stricter := read()
	stricter.LongestLife = management.Set("1h")
	_, err := f.KeyPolicySet(t.Context(), onlyA, stricter)
	must(t, err)
	exception := read()
	exception.LongestLife = management.Set("48h")
	_, err = f.KeyPolicySet(t.Context(), global, exception)
	must(t, err)
	other := read() // leaves the exception as it is
	other.ScopesRequired = management.Set(true)
	_, err = f.KeyPolicySet(t.Context(), onlyA, other)
	must(t, err)
}
