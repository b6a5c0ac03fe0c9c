package redis

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAddressesAreReadInEachForm(t *testing.T) {
	for text, want := range map[string]Options{
		"localhost":                       {Addresses: []string{"localhost:6379"}},
		"10.0.0.1:7000":                   {Addresses: []string{"10.0.0.1:7000"}},
		"redis://[::1]:7000/3":            {Addresses: []string{"[::1]:7000"}, Database: 3},
		"redis://[::1]":                   {Addresses: []string{"[::1]:6379"}},
		"redis://app:p%40ss@h":            {Addresses: []string{"h:6379"}, Username: "app", Password: "p@ss"},
		"redis://:secret@h":               {Addresses: []string{"h:6379"}, Password: "secret"},
		"a:1,b:2":                         {Addresses: []string{"a:1", "b:2"}, Cluster: true},
		"redis+cluster://u@a:1,b":         {Addresses: []string{"a:1", "b:6379"}, Cluster: true, Username: "u"},
		"redis+sentinel://a,b:1/main":     {Addresses: []string{"a:26379", "b:1"}, MasterName: "main"},
		"redis+sentinel://u:p@a/main/2":   {Addresses: []string{"a:26379"}, MasterName: "main", Database: 2, Username: "u", Password: "p"},
		"rediss://h:1":                    {Addresses: []string{"h:1"}},
		"rediss+cluster://h:1":            {Addresses: []string{"h:1"}, Cluster: true},
		"rediss+sentinel://h:1/main":      {Addresses: []string{"h:1"}, MasterName: "main"},
		"redis+cluster://only-one-to-ask": {Addresses: []string{"only-one-to-ask:6379"}, Cluster: true},
	} {
		got, secured, err := ParseAddress(text)
		if err != nil || secured != strings.HasPrefix(text, "rediss") {
			t.Errorf("%s: secured %t, error %v", text, secured, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Options{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestBadAddressesAreRefusedWithoutTheirPassword(t *testing.T) {
	for text, want := range map[string]string{
		"postgres://u:hunter2@h":          "does not begin with redis",
		"redis+magic://u:hunter2@h":       "none of the forms",
		"redis://u:hunter2@h/zero":        "is no number",
		"redis://u:hunter2@h/-1":          "is no number",
		"redis://u:hunter2%zz@h":          "percent-encode",
		"redis://u:hunter2/x@h":           "percent-encode",
		"redis://u:hunter2@":              "is not HOST:PORT",
		"redis://u:hunter2@h:0":           "is not HOST:PORT",
		"redis://u:hunter2@h:port":        "is not HOST:PORT",
		"redis://u:hunter2@1:2:3":         "is not HOST:PORT",
		"redis://u:hunter2@a,b":           "several addresses",
		"redis+sentinel://u:hunter2@a":    "no name of a master",
		"redis+cluster://u:hunter2@a:1/2": "one database",
		"":                                "is not HOST:PORT",
	} {
		if _, _, err := ParseAddress(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{"h", "redis://u:p@h:1/2", "rediss+sentinel://a,b:1/main/2", "redis+cluster://[::1]:1", "a:1,b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, _, err := ParseAddress(text)
		if err == nil && len(o.Addresses) == 0 {
			t.Errorf("%q: no address and no error", text)
		}
	})
}
