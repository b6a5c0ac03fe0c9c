// Package forward answers the same question as package extauthz, asked over
// HTTP: for proxies that know no gRPC but can send a subrequest first (Envoy's
// http_service, nginx auth_request, Caddy forward_auth, Traefik ForwardAuth).
// It turns the subrequest into a [pipeline.Request], lets [extauthz.Server]
// decide, and carries the answer out as far as HTTP and the proxy can. It
// decides nothing itself.
//
// # Endpoints
//
// The path of the subrequest says who asks, and after that which policy holds:
//
//	path                                    profile        the client's request is in
//	/envoy... and /envoy:POLICY...          envoy          method, Host, and the rest of the path
//	/auth     and /auth/POLICY              forward-auth   X-Forwarded-Method, -Host, -Uri
//	/auth-request and /auth-request/POLICY  auth-request   X-Original-Method, -Host, -URI
//	/readyz                                 none           (200 while the process is ready)
//
// Envoy appends the client's path to its path_prefix, so profile and policy are
// one segment there: whatever the client's path is, it begins with a slash and
// can change neither. A policy is what the operator wrote under that name
// ([NewPolicies]), and says what context extensions say over gRPC; a name that
// he did not write is that of a stored route policy (credence.policy). No name
// is a route that says nothing: the rules of stored policies decide by host,
// path and method or, where none speaks of the request, keys of namespace
// "default" are accepted. A name that nobody wrote or stored is denied with
// 503 (bad_route_policy) and logged.
//
// # What is believed
//
// Whoever reaches this listener can claim any request, so it belongs on
// loopback, or behind TLS that asks for certificates, or behind the call
// secret in the header [extauthz.CallSecretHeader]. A caller without the
// secret is answered 503 and learns nothing about keys.
//
// Each header that says what the client asked for must stand exactly once: a
// proxy that adds its own beside a forged one is denied, not guessed at. There
// is no peer address over HTTP; the client's comes from the header that the
// proxy overwrites (--client-source header:NAME), and from nothing else.
// Headers of the connection are not the client's and are dropped; a request in
// which Connection names others is refused. Duplicates are never joined. What net/http does not
// take for a request (a broken escape in the path Envoy appends, a control
// character) it answers 400 itself.
//
// # Answers
//
//	decision      envoy                   forward-auth            auth-request
//	------------  ----------------------  ----------------------  --------------------------------
//	allow         200                     200                     200
//	400           400                     400                     403, x-credence-status: 400
//	401           401                     401                     401
//	403           403                     403                     403, x-credence-status: 403
//	429           429                     429                     403, x-credence-status: 429
//	503           503                     503                     503, which nginx makes a 500
//
// Headers and body are those of the gRPC answer. An allow names every header
// that the upstream must not see as the client sent it, with its value or
// empty; for Envoy those without a value stand in x-envoy-auth-headers-to-remove
// too. A denial carries none of them. No answer repeats a path or a query, is
// compressed, redirects, or may be cached.
//
// HTTP has no words for two things that gRPC can: a proxy other than Envoy
// removes only headers that its configuration names, so a request in which an
// identity header is spelled with _ or . is denied (400) there; and none of
// them takes a parameter out of the query, so with keys in the query the
// proxy's configuration has to.
//
// # When something fails
//
//	what                       the proxy gets            metric                                    test
//	-------------------------  ------------------------  ----------------------------------------  -------------------------------------------
//	no decision (panic, late)  503                       those of extauthz                         TestWhatCannotBeDecidedIsDenied
//	store gone, unknown key    503                       reason unavailable                        TestEveryProxyDeniesWhileTheStoreIsAway
//	no snapshot yet            503; /readyz 503          reason unavailable                        TestNotReadyMeansDenied
//	unknown policy             503                       reason bad_route_policy                   TestAPolicyThatNobodyWroteIsDenied
//	unknown endpoint           503                       credence_forward_answers_total{none,503}  TestOnlyEndpointsOfTheTableAreAnswered
//	call secret is wrong       503                       check_refused_calls_total                 TestCallersWithoutTheSecretLearnNothing
//	request cannot be read     400 (403 to nginx)        reason bad_request                        TestTheOriginalRequestMustBeSaidExactlyOnce
//	too many connections       the new one is closed     credence_forward_turned_away_total        TestTheListenersThatSpeakHTTPAreBounded
//	process stops              every answer; /readyz     none                                      TestADrainLosesNoAnswer
//	                           503; then closed
package forward
