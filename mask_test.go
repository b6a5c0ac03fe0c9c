package main

import (
	"strings"
	"testing"
)

func TestNoSecretOfAnAddressIsShown(t *testing.T) {
	for value, want := range map[string]string{
		"postgres://credence:hunter2@db/credence":               "postgres://credence:[masked]@db/credence",
		"postgres://credence@db:5432,db2:5432/credence":         "postgres://credence@db:5432,db2:5432/credence",
		"postgres://u:hunter2@db,db2:5433/c":                    "postgres://u:[masked]@db,db2:5433/c",
		"postgres://u:hun@ter2@db/c":                            "postgres://u:[masked]@db/c",
		"postgres://u:hunter2/x#y@db/c":                         "postgres://u:[masked]@db/c",
		"postgres://u:hunter2?x@db/c":                           "postgres://u:[masked]@db/c",
		"postgres://db/c?user=u&password=hunter2":               "postgres://db/c?user=u&password=[masked]",
		"postgres://db/c?user=u@x&password=hunter2":             "postgres://[masked]@x&password=[masked]",
		"postgres://db/c?pass%77ord=hunter2&sslmode=require":    "postgres://db/c?pass%77ord=[masked]&sslmode=require",
		"postgres://u:hunter2@db/c?sslpassword=hunter2&pool=3":  "postgres://u:[masked]@db/c?sslpassword=[masked]&pool=3",
		"postgres://db/c?%zz=hunter2":                           "postgres://db/c?%zz=[masked]",
		"host=db user=u password=hunter2 dbname=c":              "host=db user=u password=[masked] dbname=c",
		`host=db password='hunt\'er2 x' dbname=c`:               "host=db password=[masked] dbname=c",
		"redis://:hunter2@redis:6379/0":                         "redis://:[masked]@redis:6379/0",
		"redis://hunter2@redis:6379/0":                          "redis://[masked]@redis:6379/0",
		"redis+sentinel://u:hunter2@one:26379,two:26379/master": "redis+sentinel://u:[masked]@one:26379,two:26379/master",
		"u:hunter2@redis:6379":                                  "u:[masked]@redis:6379",
		"redis:6379":                                            "redis:6379",
		"sqlite:/srv/a:b@c/credence.db":                         "sqlite:/srv/a:b@c/credence.db",
		"unix:/run/a@b":                                         "unix:/run/a@b",
		"header:x-api-key,bearer":                               "header:x-api-key,bearer",
		"":                                                      "",
	} {
		got := maskURL(value)
		if got != want {
			t.Errorf("%q is shown as %q, want %q", value, got, want)
		}
		if strings.Contains(got, "ter2") {
			t.Errorf("%q shows its password: %q", value, got)
		}
	}
}
