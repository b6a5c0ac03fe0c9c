package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// names are what a certificate is for.
func names(c *x509.Certificate) []string {
	all := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	for _, u := range c.URIs {
		all = append(all, u.String())
	}
	if len(all) == 0 {
		return []string{"nobody"}
	}
	return all
}

// untrusted says why a certificate was not accepted.
func untrusted(bad *tls.CertificateVerificationError, name string, now time.Time) Finding {
	f := Finding{
		Step: "transport", Level: Problem, Code: "certificate_invalid", Observed: bad.Err.Error(),
		Why:    "An Envoy that verifies the server, as it should, refuses the connection and answers its status_on_error.",
		Remedy: "Have the server's certificate made anew.",
	}
	leaf := bad.UnverifiedCertificates[0]
	f.Observed += fmt.Sprintf(" (certificate of %s, by %q)", few(names(leaf)), leaf.Issuer.CommonName)
	if _, ok := errors.AsType[x509.UnknownAuthorityError](bad.Err); ok {
		f.Code = "certificate_untrusted"
		f.Observed = fmt.Sprintf("the certificate of %s is by %q, who is not trusted", few(names(leaf)), leaf.Issuer.CommonName)
		f.Remedy = "Name the authority's certificate with --tls-ca, and in Envoy's cluster (trusted_ca). The server must send the intermediate certificates with its own."
		f.Envoy = envoyTLS
	}
	if _, ok := errors.AsType[x509.HostnameError](bad.Err); ok {
		f.Code = "certificate_wrong_name"
		f.Observed = fmt.Sprintf("the certificate is of %s, not of %q", few(names(leaf)), name)
		f.Remedy = "Call the server by a name in its certificate, or say which to expect with --tls-server-name, and in Envoy's cluster (sni, match_typed_subject_alt_names)."
		f.Envoy = envoyTLS
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](bad.Err); ok && e.Reason == x509.Expired {
		return outOfTime(f, e.Cert, now)
	}
	return f
}

func outOfTime(f Finding, c *x509.Certificate, now time.Time) Finding {
	f.Code = "certificate_expired"
	f.Observed = fmt.Sprintf("the certificate of %s ended at %s; here it is %s", few(names(c)), c.NotAfter.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	f.Remedy = "Renew it: the server reads the files again when they change, without a restart. If it is not late, a clock is wrong."
	if now.Before(c.NotBefore) {
		f.Code = "certificate_not_yet_valid"
		f.Observed = fmt.Sprintf("the certificate of %s begins at %s; here it is %s", few(names(c)), c.NotBefore.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
		f.Remedy = "A clock is wrong: that of this host, or that of the host that made the certificate."
	}
	return f
}
