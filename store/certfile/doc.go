// Package certfile reads certificates and private keys from PEM files, for
// both ends of TLS: [Open] for a listener, whose files are read again when they
// change, [ClientOptions] for a client.
//
// # How a change is noticed
//
// [Certificate.Run] reads the files every [Options.Poll] and compares their
// content. It neither watches them nor trusts their times: Kubernetes and
// cert-manager exchange a symbolic link to a folder, certbot writes file after
// file, and both are the same to somebody who reads. What was read is checked
// as at the start, and only then becomes, in one step, what the next connection
// is offered. Connections that are open stay as they are, also when the
// authority that had signed their client is no longer trusted: the age limit of
// connections bounds that. Sessions are not resumed, so each new connection is
// judged by the files of that moment.
//
// # What is promised
//
//   - A start with files that cannot work fails: not readable, not PEM, key of
//     another certificate, a key that everybody may read, expired, not yet
//     valid, not meant for servers, no authority. The error names the file, its
//     problem and the remedy.
//   - A running listener never gets worse by a reload: what is refused at the
//     start is refused then, the old certificate stays, the failure is logged
//     once and counted at every try. Half of an exchange (new certificate, old
//     key) is such a failure, mended by the next reading.
//   - With ClientCAFile nobody is answered who does not show a certificate of
//     one of these authorities, meant for clients, and bearing one of
//     ClientNames if there are any.
//   - TLS 1.2 or newer; in 1.2 only suites with forward secrecy and
//     authenticated encryption.
//   - No error, log or metric shows a private key.
//
// # What is not done
//
// Revocation lists and OCSP are not read: certificates for machines live
// shortly, and ClientNames or the authority can be changed without a restart.
//
// It imports package secretfile alone of this module. Both planes and package
// main use it: TLS is the one thing their listeners have in common.
package certfile
