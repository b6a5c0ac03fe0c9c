// Package outgoing is the one way from the control plane to addresses that
// somebody else has named: OIDC issuers, webhooks, connections. It keeps a name
// in a form from reaching what only this machine or this network can reach.
//
// # What it promises
//
//   - The address that is connected to is judged, not the name: a name that
//     resolves to something else a moment later (DNS rebinding) gains nothing.
//   - Private and loopback addresses are reached only from the allow list: by
//     network, or by the host and port that a URL names.
//     Link-local addresses, where clouds keep the credentials of a machine, and
//     the other well-known addresses of such services are never reached.
//   - An IPv4 address in IPv6 clothes (mapped, NAT64, 6to4) is judged as both.
//   - No redirect is followed and no proxy of the environment is used.
//   - A call ends within its time, and an answer that is longer than its bound
//     is an error, not a shorter answer.
//
// # What happens when things fail
//
// A refused address is [ErrRefused], an answer over the bound [ErrTooLarge];
// both name what would be right. All else is what net/http says.
//
// # Who may import it
//
// Whoever calls out of the control plane is given the client that package main
// made here.
package outgoing
