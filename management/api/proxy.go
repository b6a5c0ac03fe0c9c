package api

import (
	"net/http"
	"net/netip"
	"strings"
)

// fromProxy takes the client's address from X-Forwarded-For, as far as proxies
// that the operator trusts have written it: from the end, the first address
// that is none of theirs. Whatever stands before it the client may have made
// up. From anybody else the header means nothing.
func fromProxy(r *http.Request, trusted []netip.Prefix) *http.Request {
	is := func(a netip.Addr) bool {
		for _, network := range trusted {
			if network.Contains(a) {
				return true
			}
		}
		return false
	}
	client := peer(r)
	if !is(client) {
		return r
	}
	said := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(said) - 1; i >= 0 && is(client); i-- {
		before, err := netip.ParseAddr(strings.TrimSpace(said[i]))
		if err != nil {
			break
		}
		client = before.Unmap().WithZone("")
	}
	out := r.Clone(r.Context())
	out.RemoteAddr = netip.AddrPortFrom(client, 0).String()
	return out
}
