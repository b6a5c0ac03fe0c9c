package management

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"credence/management/event"
	"credence/management/outgoing"
)

// The bounds of webhooks.
const (
	maxWebhooks    = 20 // of one namespace, and as many of all
	maxURL         = 2048
	maxEvents      = 64
	maxWebhookRate = 100
	webhookRate    = 10 // unless said otherwise
)

// webhookURL checks where a webhook is called. The address behind a name is
// judged at each call; what is written out is judged here, too.
func (p *problems) webhookURL(o outgoing.Options, value string) string {
	if value == "" || len(value) > maxURL {
		p.add("url", fmt.Sprintf("is %d characters long", len(value)), fmt.Sprintf("give a URL of 1 to %d", maxURL))
		return value
	}
	u, err := url.Parse(value)
	switch {
	// The URL is not repeated: it may hold a secret.
	case err != nil || u.Host == "" || u.Opaque != "" || u.Scheme != "https" && u.Scheme != "http":
		p.add("url", "is no URL of a web server", "write it like https://example.com/hooks")
	case u.User != nil:
		p.add("url", "holds a user or password", "leave it out: receivers verify the signature")
	case u.Fragment != "":
		p.add("url", "has a fragment (#...), which is never sent", "leave it out")
	default:
		p.webhookTarget(o, u)
	}
	return value
}

func (p *problems) webhookTarget(o outgoing.Options, u *url.URL) {
	port := uint64(443)
	if u.Scheme == "http" {
		port = 80
	}
	if text := u.Port(); text != "" || strings.HasSuffix(u.Host, ":") {
		var err error
		if port, err = strconv.ParseUint(text, 10, 16); err != nil || port == 0 {
			p.add("url", "has no port from 1 to 65535 behind the colon", "write it like https://example.com:8443/hooks")
			return
		}
	}
	o.Ports = outgoing.WebPorts
	if err := o.Judge(u.Hostname(), uint16(port)); err != nil {
		p.add("url", "points to what is not called: "+err.Error(), "name a public address, or ask the operator of Credence to allow it")
		return
	}
	if u.Scheme == "http" && !o.Allow.Names(u.Hostname(), uint16(port)) {
		p.add("url", "is not https", "use https; plain http is only for "+net.JoinHostPort(u.Hostname(), strconv.FormatUint(port, 10))+
			" on the allow list of the server (--outgoing-allow)")
	}
}

// eventFilters checks what a webhook wants to know.
func (p *problems) eventFilters(values []string) []string {
	if n := len(values); n == 0 || n > maxEvents {
		p.add("events", "has "+strconv.Itoa(n)+" elements", fmt.Sprintf("give 1 to %d, or only *", maxEvents))
	}
	for i, v := range values {
		if !event.ValidFilter(v) {
			p.add(at("events", i), quoted(v)+" matches no event", "use a type such as key.revoked, a family such as key.*, or *; docs/events.md lists them")
		}
	}
	p.unique("events", values)
	return slices.Clone(values)
}

func (p *problems) webhookRate(value int) int {
	if value < 0 || value > maxWebhookRate {
		p.add("rate", strconv.Itoa(value)+" is out of range", fmt.Sprintf("use 1 to %d deliveries in a second", maxWebhookRate))
	}
	if value == 0 {
		return webhookRate
	}
	return value
}
