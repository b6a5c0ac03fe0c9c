package doctor

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"credence/extauthz/pipeline"
	"credence/extauthz/probe"
)

const (
	// fewChecks are too few to say that all of them ended the same way.
	fewChecks = 5
	// maxFeedAge is longer than a replica may be told to wait between two
	// reads of the change feed.
	maxFeedAge = 90 * time.Second
)

// counts are the numbers of a process by name and labels, as /metrics has
// them: name{label="value",...}.
type counts map[string]float64

// readCounts reads the Prometheus text format as far as our own names need it:
// comments, timestamps and lines of others are left out. It never fails; what
// it cannot read is not there.
func readCounts(body []byte) counts {
	c := counts{}
	lines := bufio.NewScanner(bytes.NewReader(body))
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, "credence_") {
			continue
		}
		name, value := line, ""
		if end := strings.LastIndexByte(line, '}'); end >= 0 {
			name, value = line[:end+1], line[end+1:]
		} else if end := strings.IndexByte(line, ' '); end >= 0 {
			name, value = line[:end], line[end:]
		}
		if fields := strings.Fields(value); len(fields) > 0 {
			if n, err := strconv.ParseFloat(fields[0], 64); err == nil {
				c[name] = n
			}
		}
	}
	return c
}

func (c counts) has(name string) bool { _, ok := c[name]; return ok }

// sum adds what has the name, whatever its labels.
func (c counts) sum(name string) float64 {
	total := c[name]
	for n, v := range c {
		if strings.HasPrefix(n, name+"{") {
			total += v
		}
	}
	return total
}

// reasons are the Checks by reason, whatever was decided.
func (c counts) reasons() (by map[string]float64, total float64) {
	by = map[string]float64{}
	for n, v := range c {
		labels, ok := strings.CutPrefix(n, "credence_checks_total{")
		_, after, found := strings.Cut(labels, `reason="`)
		reason, _, closed := strings.Cut(after, `"`)
		if ok && found && closed && v > 0 {
			by[reason] += v
			total += v
		}
	}
	return by, total
}

// findings is what the numbers say about the Checks so far and about the feed.
func (c counts) findings() []Finding {
	if !c.has("credence_checks_in_flight") {
		return []Finding{{Step: "status", Level: Note, Code: "no_data_plane", Observed: "this process answers no Checks", Remedy: "Give the status address of the data plane."}}
	}
	all := []Finding{c.checks()}
	for _, find := range []func() (Finding, bool){c.strays, c.handshakes, c.notHTTP2, c.feed} {
		if f, ok := find(); ok {
			all = append(all, f)
		}
	}
	return all
}

// checks says what became of the Checks so far.
func (c counts) checks() Finding {
	by, total := c.reasons()
	if total == 0 {
		return Finding{
			Step: "status", Level: Note, Code: "no_checks", Observed: "no Check was answered since the process started",
			Why:    "If requests go through Envoy, it does not ask this process: its cluster leads elsewhere or has no HTTP/2, or the ext_authz filter is missing, comes after the router, or is disabled for the route.",
			Remedy: "Look at Envoy's counters cluster.credence.upstream_rq_total and http.*.ext_authz.*, and see that the cluster has these lines.",
			Envoy:  envoyHTTP2,
		}
	}
	// A request that was let in without a key did not bring one either.
	if lacking := by[pipeline.ReasonMissingKey.String()]; lacking >= fewChecks && lacking+by[pipeline.ReasonAllowedAnonymous.String()] == total {
		return allEnded(pipeline.ReasonMissingKey.String(), total)
	}
	for reason, n := range by {
		if n == total && n >= fewChecks && !allowed(reason) {
			return allEnded(reason, n)
		}
	}
	return Finding{Step: "status", Level: OK, Code: "checks", Observed: countOf(int(total), "Check", "Checks") + " answered since the process started"}
}

// allowed reports whether the reason lets a request in.
func allowed(reason string) bool {
	return reason == pipeline.ReasonAllowed.String() || reason == pipeline.ReasonAllowedAnonymous.String()
}

// allEnded is about Checks that had one reason, all of them.
func allEnded(reason string, n float64) Finding {
	f := Finding{
		Step: "status", Level: Problem, Code: "all_" + reason,
		Observed: fmt.Sprintf("all %.0f Checks since the process started ended as %s", n, reason),
		Why:      probe.Explanation(reason) + ".",
		Remedy:   "What all requests have in common is in front of Credence: look at Envoy's configuration.",
	}
	switch reason {
	case pipeline.ReasonMissingKey.String():
		f.Code, f.Observed = "no_credential", fmt.Sprintf("all %.0f Checks since the process started came without a credential", n)
		f.Why = "Envoy asks, but what callers send never arrives."
		f.Remedy = "One of these: the ext_authz filter has allowed_headers without the header (take the list away, or have at least the lines below), or disallowed_headers with it; " +
			"callers use another place than --key-sources names; a filter before ext_authz, such as jwt_authn or oauth2 with forwarding off, or a proxy before Envoy removes it."
		f.Envoy = envoyAllowedHeaders
	case pipeline.ReasonBadClientAddress.String():
		f.Remedy = "With --client-source header:NAME, Envoy must set that header before the ext_authz filter; with xff, the number of hops must be true."
		f.Envoy = envoyClientAddress
	case pipeline.ReasonMalformedKey.String():
		f.Remedy = "Either something before Credence changes the text, or the keys were minted with other secrets: compare secrets.json of both planes."
	}
	return f
}

// strays are calls without the call secret.
func (c counts) strays() (Finding, bool) {
	n := c.sum("credence_check_refused_calls_total")
	_, answered := c.reasons()
	f := Finding{
		Step: "status", Level: Note, Code: "calls_without_secret",
		Observed: fmt.Sprintf("%.0f calls were turned away because they lacked the call secret or had another", n),
		Why:      "A proxy of yours that does so lets nobody through; anybody else is to be turned away.",
		Remedy:   "The log names the callers. The secret in Envoy must be one of the lines in the server's --call-secret-file.",
		Envoy:    envoyStray,
	}
	if answered == 0 {
		f.Level = Problem
	}
	return f, n > 0
}

// handshakes are clients that TLS turned away.
func (c counts) handshakes() (Finding, bool) {
	n := c.sum("credence_check_tls_refused_total")
	_, answered := c.reasons()
	f := Finding{
		Step: "status", Level: Note, Code: "tls_refused_clients",
		Observed: countOf(int(n), "connection", "connections") + " ended in the TLS handshake",
		Why:      "To an Envoy without the right certificate, or without TLS, the server is only unreachable.",
		Remedy:   "The log says who and why. Envoy's cluster needs a transport_socket, with a certificate of its own if --check-tls-client-ca is set.",
		Envoy:    envoyClientCertificate,
	}
	if answered == 0 {
		f.Level = Problem
	}
	return f, n > 0
}

// notHTTP2 are connections that did not begin as HTTP/2 does.
func (c counts) notHTTP2() (Finding, bool) {
	n := c.sum("credence_check_not_http2_total")
	_, answered := c.reasons()
	f := Finding{
		Step: "status", Level: Note, Code: "http1_to_grpc",
		Observed: fmt.Sprintf("%.0f connections did not speak HTTP/2: %.0f HTTP/1, %.0f TLS where there is none",
			n, c[`credence_check_not_http2_total{spoken="http1"}`], c[`credence_check_not_http2_total{spoken="tls"}`]),
		Why:    "Checks are gRPC, which needs HTTP/2. An Envoy whose cluster lacks it speaks HTTP/1, and every Check fails with a reset.",
		Remedy: "Give Envoy's cluster of Credence these lines; a port check of a load balancer should only connect, or ask gRPC's health service. For TLS, give the server a certificate or take the transport_socket away.",
		Envoy:  envoyHTTP2,
	}
	if answered == 0 {
		f.Level = Problem
	}
	return f, n > 0
}

// feed says whether the process reads the change feed.
func (c counts) feed() (Finding, bool) {
	if !c.has("credence_feed_age_seconds") {
		return Finding{}, false
	}
	age := time.Duration(c["credence_feed_age_seconds"] * float64(time.Second))
	limit, ceiling := maxFeedAge, time.Duration(c["credence_ceiling_seconds"]*float64(time.Second))
	if ceiling > 0 {
		limit = min(limit, ceiling/2)
	}
	f := Finding{
		Step: "status", Level: Problem, Code: "feed_silent",
		Observed: fmt.Sprintf("has not read the change feed for %s", age.Round(time.Second)),
		Why:      fmt.Sprintf("It does not learn of revocations, and refuses every Check once that is %s (the ceiling).", ceiling),
		Remedy:   "See whether it reaches its database: its log says why not, and `credence replicas list` whether others do.",
	}
	if ceiling > 0 && age >= ceiling {
		f.Code, f.Why = "ceiling_reached", "That is longer than its ceiling, so it refuses every Check."
	}
	return f, age > limit
}
