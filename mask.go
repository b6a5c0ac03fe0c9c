package main

import (
	"net/url"
	"regexp"
	"strings"
)

// masked stands where a secret stood.
const masked = "[masked]"

// keywordSecret is a password in PostgreSQL's other form of an address.
var keywordSecret = regexp.MustCompile(`(?i)((?:ssl)?password\s*=\s*)('(?:[^'\\]|\\.)*'?|[^\s&]+)`)

// maskURL hides the secrets of an address, also of one that is written wrong:
// what a log or an error shows of it must not depend on how it was meant. The
// password of the user goes (of a Redis without a user name, too), and every
// query parameter that holds one. What is no address stays as it is.
func maskURL(value string) string {
	if strings.HasPrefix(value, "sqlite:") || strings.HasPrefix(value, "unix:") {
		return value // a path, in which : and @ mean nothing
	}
	head, rest, found := strings.Cut(value, "://")
	if head += "://"; !found {
		head, rest = "", value
	}
	// A password may hold any character that somebody forgot to escape, so it
	// lasts to the last @ there is.
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		head += maskUser(head, rest[:at]) + "@"
		rest = rest[at+1:]
	}
	return head + maskParameters(rest)
}

// maskUser keeps the name before the password. Redis takes a lone word for a
// name, and people for its password.
func maskUser(scheme, user string) string {
	name, _, both := strings.Cut(user, ":")
	switch {
	case strings.ContainsAny(name, "/?#="):
		return masked // the @ is one of a parameter: nobody knows what comes before
	case both:
		return name + ":" + masked
	case strings.HasPrefix(scheme, "redis"):
		return masked
	}
	return user
}

// maskParameters hides the values of those that hold a secret.
func maskParameters(rest string) string {
	place, query, found := strings.Cut(rest, "?")
	if !found && !strings.Contains(rest, "&") {
		return keywordSecret.ReplaceAllString(rest, "${1}"+masked)
	}
	if !found {
		place, query = "", rest
	}
	parameters := strings.Split(query, "&")
	for i, parameter := range parameters {
		name, _, _ := strings.Cut(parameter, "=")
		if plain, err := url.QueryUnescape(name); err != nil || secretParameter(plain) {
			parameters[i] = name + "=" + masked
		}
	}
	if query = strings.Join(parameters, "&"); !found {
		return query
	}
	return place + "?" + query
}

func secretParameter(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "password") || strings.Contains(name, "secret") || strings.Contains(name, "token")
}
