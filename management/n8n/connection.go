package n8n

import (
	"slices"
	"strings"

	"credence/management/remote"
	"credence/store"
)

// Examine answers what is wrong with a connection to an n8n. Keys are those of
// its account, which is the one login that it may be used for.
func (*Client) Examine(c *store.Connection) []remote.Problem {
	var found []remote.Problem
	add := func(field, problem, remedy string) {
		found = append(found, remote.Problem{Field: field, Problem: problem, Remedy: remedy})
	}
	if !isEmail(c.Account) {
		add("account", "is no e-mail address", "give the e-mail of a local account: that of the owner, or of an admin for this alone")
	}
	if len(c.Logins) > 0 && !slices.Equal(c.Logins, []string{c.Account}) {
		add("logins", "name others than the account", "leave them out: n8n makes keys for the account of the connection and nobody else")
	}
	if len(c.Scopes) == 0 {
		add("scopes", "is empty", "name the widest scopes that a key may have, such as workflow:read")
	}
	for _, s := range c.Scopes {
		if !IsScope(s) {
			add("scopes", "holds "+s+", which is no scope of n8n", "write them as workflow:read; check lists those that the account may give")
		}
	}
	for name, value := range c.Settings {
		if name != SettingRESTPath && name != SettingAPIPath {
			add("settings", "holds "+name, "use "+SettingRESTPath+" and "+SettingAPIPath+", where the instance has other paths than rest and api")
		} else if !isPath(value) {
			add("settings", "holds a "+name+" that is no path", "use words of a-z A-Z 0-9 - _ . with / between them")
		}
	}
	c.Logins, c.Scopes = []string{c.Account}, Normalize(c.Scopes)
	return found
}

// isEmail reports whether the text can be the account of a connection.
func isEmail(text string) bool {
	name, host, found := strings.Cut(text, "@")
	return found && name != "" && host != "" && !strings.ContainsAny(text, " \t\r\n")
}

// IsScope reports whether the text has the form of a scope. Which there are
// grows with the releases of n8n.
func IsScope(text string) bool {
	object, verb, found := strings.Cut(text, ":")
	return found && isWord(object) && isWord(verb) && len(text) <= 64
}

func isPath(text string) bool {
	for segment := range strings.SplitSeq(strings.Trim(text, "/"), "/") {
		if !isWord(strings.ReplaceAll(segment, ".", "-")) || segment == "." || segment == ".." {
			return false
		}
	}
	return len(text) <= 200
}

// isWord reports whether the text is of letters, digits, dashes and lines.
func isWord(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}
