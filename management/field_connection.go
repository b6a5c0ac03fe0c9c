package management

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"credence/management/outgoing"
	"credence/store"
	"credence/store/credential"
)

// The bounds of connections.
const (
	maxConnections = 200 // of a kind
	maxAccount     = 255
	maxCredential  = 4096
	maxAuthorities = 64 << 10
	maxServerName  = 253
	maxLogins      = 200
	maxLogin       = 255
	maxWidest      = 200
	maxScopeText   = 100
	maxSettings    = 20
	maxSetting     = 512
)

// baseURL checks where another program is. The address behind a name is judged
// at each call; what is written out is judged here, too.
func (p *problems) baseURL(o outgoing.Options, value string) string {
	before := len(p.fields)
	p.webhookURL(o, value)
	if u, err := url.Parse(value); len(p.fields) == before && err == nil && (u.RawQuery != "" || u.ForceQuery) {
		p.add("url", "has a query (?...)", "give the base URL, such as https://git.example.com or https://example.com/git")
	}
	return value
}

// account checks who a credential belongs to; the kind says whether it is
// needed, and in which form.
func (p *problems) account(value string) string { return p.text("account", value, 0, maxAccount) }

func (p *problems) credential(text credential.Text) {
	value := text.Reveal()
	switch {
	case value == "":
		p.add("credential", "is missing", "give what the account proves itself by")
	case len(value) > maxCredential:
		p.add("credential", fmt.Sprintf("is %d bytes long", len(value)), "give at most "+strconv.Itoa(maxCredential))
	}
}

func (p *problems) authorities(value string) string {
	switch {
	case len(value) > maxAuthorities:
		p.add("ca", fmt.Sprintf("is %d bytes long", len(value)), "give at most "+strconv.Itoa(maxAuthorities))
	case value != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(value)):
		p.add("ca", "holds no certificate", "give certificates of authorities in PEM")
	}
	return value
}

func (p *problems) serverName(value string) string {
	if len(value) > maxServerName || !visible(value) {
		p.add("server_name", quoted(value)+" is no name of a host", "give the name that the certificate bears, such as git.internal")
	}
	return value
}

func (p *problems) logins(values []string) []string {
	return p.visibleWords("logins", values, maxLogins, maxLogin)
}

func (p *problems) widestScopes(values []string) []string {
	return p.visibleWords("scopes", values, maxWidest, maxScopeText)
}

// visibleWords checks a list of words that another program gives a meaning.
func (p *problems) visibleWords(field string, values []string, most, longest int) []string {
	for i, v := range atMost(p, field, values, most) {
		if v == "" || len(v) > longest || !visible(v) {
			p.add(at(field, i), quoted(v)+" is empty, too long or holds other than visible ASCII", "use 1 to "+strconv.Itoa(longest)+" visible ASCII characters")
		}
	}
	p.unique(field, values)
	return slices.Clone(values)
}

func (p *problems) settings(values map[string]string) map[string]string {
	if len(values) > maxSettings {
		p.add("settings", "has "+strconv.Itoa(len(values))+" elements", "at most "+strconv.Itoa(maxSettings)+" are allowed")
		return nil
	}
	var out map[string]string
	for name, value := range values {
		if name == "" || len(name) > maxScopeText || !visible(name) || len(value) > maxSetting || !visible(value) {
			p.add("settings", quoted(name)+" or its value is too long or holds other than visible ASCII", "use the settings that the documentation of the kind lists")
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[name] = value
	}
	return out
}

// examined adds what the kind itself says of a connection.
func (p *problems) examined(system System, c *store.Connection) {
	if len(p.fields) > 0 { // it would be told values that are not to be used
		return
	}
	for _, found := range system.Examine(c) {
		p.add(found.Field, found.Problem, found.Remedy)
	}
}
