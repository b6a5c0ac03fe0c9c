// Package extauthz is the data plane's door: the gRPC server that Envoy's
// ext_authz filter asks about every request, around the decision in package
// extauthz/pipeline. Envoy's types stop here; package main wires it.
//
// # The path of a Check
//
// Each step is the file of its name, from top to bottom:
//
//	listener.go   a TCP or Unix socket; HTTP/2 settings that Envoy needs
//	handshake.go  TLS, where the operator has given it certificates
//	unary/        HTTP/2, and native.go between it and the rest; or grpc-go,
//	codec.go      which hands the bytes on as they are, no generated types
//	callers.go    whether the caller is one of our proxies
//	ahead.go      of the Checks of one read: what they will need is fetched
//	server.go     run: read > decide > answer > finish, on one screen
//	request.go    the bytes as a pipeline.Request that aliases them,
//	walk.go       field by field; shape.go checks what is not looked at
//	pipeline/     Decide: the decision and its one reason
//	answer.go     the table reason > code; allow or denial, encoded (wire.go):
//	headers.go    what the upstream is told, and what is taken away,
//	denial.go     what the client is told,
//	ratelimit.go  how much is left of the limits,
//	metadata.go   what Envoy's logs and filters are told
//	metrics.go    counted by decision and reason,
//	usage/        and by key and minute, for the control plane
//	record.go     logged, where the operator wants it
//
// Beside it: health.go (grpc.health.v1, by way of others.go where the transport
// is unary), status.go (metrics and readiness over
// HTTP). `credence check` is in extauthz/probe.
//
// # What is promised
//
//   - Every answer carries an explicit status. An empty CheckResponse would
//     mean "allow" to Envoy, so the last line before the wire (check.answered)
//     refuses to send one.
//   - Nothing that a request contains fails the RPC: a failed RPC could be let
//     pass by an Envoy with failure_mode_allow, a denial cannot. Bytes that
//     are no CheckRequest are a denial too.
//   - What the generated types refuse is refused here; what they accept is
//     read the same, up to the bounds in walk.go. Strings need not be UTF-8.
//   - On every allow, each identity header is overwritten or removed, and so
//     is whatever a client could spell to look like one.
//   - After the caller's deadline there is only an error, never an allow.
//   - A Check allocates nothing here; over grpc-go the list of one buffer that
//     gRPC wants. What a Check holds is valid until its answer is written.
//   - Over package unary, Checks of one connection are decided one after the
//     other, where they were read. Whatever waits (for the store, for Redis) says
//     so before (pipeline.Waits), and holds up nobody but itself.
//   - Key text and call secrets are in no answer, log, metric or error.
//
// # Who may call
//
// Who can call can try keys, so a listener that others reach wants TLS with
// client certificates (Options.Transport.TLS), the call secret
// (Options.CallSecrets), or both. Both fail the call itself, health excepted:
// a decision for a caller nobody knows would tell him whether a key is good.
// To a proxy of ours that shows the wrong one the service is then as good as
// gone: closed, unless failure_mode_allow opens it.
//
// # When something fails
//
// "503" is a denial with status 503 and Retry-After, which cannot fail open;
// "error" is a failed RPC, for which Envoy sends status_on_error (503 as
// shipped), or lets the request pass if the operator set failure_mode_allow.
// The metrics begin with credence_; unavailable, for instance, is
// credence_checks_total{decision="deny",reason="unavailable"}. On a watching
// (shadow) route a 503 is an allow with decision shadow_deny.
//
//	what                      Envoy gets                 for how long                  metric                        test
//	------------------------  -------------------------  ----------------------------  ----------------------------  ------------------------------------------
//	store gone, known key     as before                  up to the ceiling             feed_age_seconds              TestStoreGone
//	store gone, past ceiling  503 for every key          until the feed is read again  unavailable, feed_age_seconds TestStoreGone
//	store gone, unknown key   503                        until the store answers       unavailable                   TestStoreGone
//	store gone, revoked key   401                        up to the ceiling, then 503   revoked                       TestStoreGone
//	store gone, quota         as reserved, then 503      until the store answers       unavailable                   TestQuotaStoreGone
//	store gone, rates         as before                  no end                        rate_limited                  TestQuotaStoreGone
//	store gone, blacklist     403 as before              no end                        blacklisted                   TestBlacklistWhileTheStoreIsGone
//	store gone, process too   as before; 503 for a key   up to the ceiling of the      snapshot_serving              TestAReplicaThatIsRestartedWhileTheDatabaseIsGoneServesFromItsSnapshot,
//	                          not in its snapshot        process before, then 503                                    TestAReplicaOnItsSnapshotStopsAtTheCeilingOfTheProcessBeforeIt
//	the same, revoked key     401 or 503                 for good                      snapshot_serving              TestAKeyIsNotAcceptedAfterACompleteReceiptByAReplicaThatIsKilledThen
//	the same, bad snapshot    503; health NOT_SERVING    until the store answers       snapshot_refused_total        TestASnapshotThatIsRefusedLeavesTheProcessWaitingForTheDatabase
//	the same, store restored  503 when it is back        until all is loaded anew      snapshot_refused_total        TestASnapshotAheadOfTheDatabaseIsGivenUpWhenTheDatabaseIsBack
//	the same, quota           503                        until the store answers       unavailable                   TestQuotaStoreGone
//	snapshot not writable     as before                  while it lasts                snapshot_failures_total       TestNothingIsConfirmedWhileASnapshotThatIsOutOfStepCannotBeRemoved
//	a drill of the store      as store gone, here only   as ordered                    drill_active                  TestADrillOfTheStoreIsAnOutageThatEndsByItself
//	store restarted, silent,  as before; 503 for a key   until it is back              unavailable                   TestUnderLoadAnOutageOfPostgreSQLIsTheRungThatTheTableSays,
//	slow, or a standby        not in memory                                                                          TestBehindAPoolerUnderLoadNothingIsLostWhenItsServerIsRestarted
//	one replica cut off       as before                  up to the ceiling, then 503   feed_age_seconds              TestAReplicaThatIsCutOffFromPostgreSQLStopsAtItsCeiling
//	Redis gone, limits        by each replica's share    until it answers twice        limits_judged_total           TestWithBudgetsAwayEachReplicaKeepsToItsShareAndNobodyWaitsLong
//	Redis forgets limits      one burst more of each     every time                    none                          TestBudgetsThatForgetCostAtMostOneMoreBurst
//	Redis lies about limits   bounded for each replica   while it lasts                limits_redis_nonsense_total   TestBudgetsThatLieLoosenALimitAtMostThisFar
//	store hangs, known key    as before, once a second   up to the ceiling             check_duration_seconds        TestAStoreThatHangsHoldsAKnownKeyUpOnceAndShortly
//	                          after 50 ms
//	store hangs, unknown key  503 after 2 s, or error    until the store answers       unavailable,                  TestLateAllowIsSuppressed,
//	                          when Envoy waits less                                    check_late_answers_total      TestUnderLoadAnOutageOfPostgreSQLIsTheRungThatTheTableSays
//	flood of unknown keys     503 over the bound on      while it lasts                unavailable                   TestLookUpsAtTheStoreAreBounded
//	                          look-ups; known keys
//	                          as before
//	redis gone or slow        as before; limits by the    until it takes writes again   none here; redis_up, and a    TestRedisGoneIsNoticedInMetricsOnly
//	                          replica's share                                           note in /readyz
//	redis hangs               as before, at most          three calls, then nobody      none here; redis_failures_    TestACallEndsWithItsBudgetWhateverHangs
//	                          redis-budget later          waits                         total
//	redis empty               as before                   once                          none here; redis_losses_total TestARedisThatComesBackEmptyIsUsedAgain
//	redis fails over          as redis gone               until there is a new primary  none here; redis_up           TestTheClientFollowsASentinelFailover,
//	                                                                                                                  TestTheClientFollowsSlotsAndPrimariesOfACluster
//	redis cut off from one    as redis gone, there only   while it lasts                none here; redis_up           TestAReplicaThatIsCutOffIsAloneInThat
//	redis answers nonsense    as redis gone               while it lasts                none here; redis_up           TestAHostileServerIsAsGoodAsNone
//	redis replays or forges   as before; the store is     each                          none here; shared_key_        TestNothingThatRedisAnswersIsOlderThanWhatTheReplicaHasApplied
//	                          asked                                                     lookups_total
//	redis floods with pushes  as before; a read of the    while it lasts                none here; redis_push_wakes_  TestAFloodOfForgedPushesBecomesNoFloodOfPolls
//	                          feed a second                                             total
//	feed not read             as before                  up to the ceiling, then 503   feed_age_seconds              TestNothingIsAnsweredAfterTheCeiling
//	store cannot be written   as before                  a minute and the ceiling,     feed_age_seconds              TestReadsCountOnlyWhileReportsAreStored
//	                                                     then 503
//	store full or read-only   as before, all keys        as above                      feed_age_seconds              TestUnderLoadAnOutageOfPostgreSQLIsTheRungThatTheTableSays
//	the same, at the start    503; health NOT_SERVING    until it can be written       unavailable                   TestAReplicaThatStartsWhileNothingCanBeWrittenWaitsAndSaysWhy
//	store refuses the process nothing: it ends at once   until the error it tells      none here; the log            TestAtTheStartTroubleWithPostgreSQLIsAnErrorWithItsRemedy,
//	                                                     is mended                                                   TestAnExpiredCertificateOfPostgreSQLIsSaidAtTheStart
//	store has a newer schema  as before; nothing starts  until replaced                none here; the log            TestANewerSchemaIsRefusedAtTheStartAndServedByWhatRuns
//	feed has a gap            503                        until all is loaded anew      unavailable                   TestAGapRestartsAndLoadsEverybody
//	no snapshot yet           503; health NOT_SERVING    until it is loaded            unavailable                   TestHealthFollowsReadiness
//	route policy is wrong     503                        until it is mended            bad_route_policy              TestPolicyThatMakesNoSenseDenies
//	stored policy is unknown  503                        until it is stored            bad_route_policy              TestAPolicyThatIsNotStoredDeniesAlsoWhereTheRouteWatches
//	request is unclear to the 403                        each                          route_not_allowed             TestRulesDecideWhereTheRouteSaysNothing
//	rules of stored policies
//	store gone, past ceiling, 503                        until the feed is read again  unavailable                   TestPastTheCeilingNoStoredPolicyLeavesARouteOpen
//	route open without a key
//	no client address         400 where one is needed    until the source is mended    bad_client_address            TestClientWithoutAddressPassesOnlyWhereNothingAsksForOne
//	no HTTP request (L4)      denial; Envoy closes       each                          bad_request                   TestRequestContentNeverFailsTheRPC
//	bytes are no CheckRequest 400                        each                          check_malformed_total         TestRequestContentNeverFailsTheRPC
//	Check over the size cap   error                      each                          check_unreadable_total        TestMessageOverTheCapFailsTheRPC
//	call's metadata over 64K  error                      each                          none                          TestMetadataOverTheBoundFailsTheCallAlone
//	too many connections      connection is closed       until others are closed       check_turned_away_total       TestConnectionsBeyondTheBoundAreClosedAndOthersGoOn
//	answers are not read      error for more than        until they are                none; Envoy's error           TestACallerWhoReadsNoAnswersIsBoundedAndAlone
//	                          16384 at once
//	hostile bytes             connection is closed       each                          check_not_http2_total,        TestHostileBytesOnThePortEndTheirConnectionAlone,
//	                                                                                   check_violations_total        TestClientsThatBreakHTTP2AreCountedAndLogged
//	call secret is wrong      error                      until the proxy sends it      check_refused_calls_total     TestCallsWithoutTheSecretFailAndLearnNothing
//	TLS knows no such client  error; no connection       until it shows another one    check_tls_refused_total       TestClientsThatTLSDoesNotKnowAreTurnedAway
//	new TLS files are wrong   as before                  until the old one ends        none here; tls_reload_        TestACertificateIsExchangedUnderLoad
//	                                                                                   failures_total
//	caller gave up            its own error              each                          check_late_answers_total      TestLateAllowIsSuppressed
//	usage cannot be delivered as before                  no end                        usage_lag_seconds             TestAnHourWithoutItsSinkUnderLoadCostsBoundedMemoryAndNoCount
//	nobody takes usage out    as before                  no end                        usage_lag_seconds             TestAFullStreamRefusesAndPushesNothingOut
//	Redis forges usage        as before                  each entry                    usage_forged_total            TestForgedAndCorruptUsageIsDroppedAndCounted
//	more keys than counters   as before                  while it lasts                usage_other_checks_total      TestKeysBeyondTheBoundAreCountedTogether
//	a panic                   error                      each                          check_panics_total            TestPanicFailsTheRPCWithoutASecret
//	an answer without status  error                      each                          check_no_status_total         TestAnswerWithoutStatusIsRefused
//	decision never made       503                        each                          internal                      TestZeroDecisionIsDenied
//	process stops             every answer; health       up to the drain timeout       checks_in_flight              TestGracefulStopUnderLoadLosesNothing
//	                          NOT_SERVING, GOAWAY
//	a Check that never ends   error at the drain's end   once                          checks_in_flight              TestStopCutsOffWhatDoesNotFinish
//	process killed            error                      until it is back              none here; Envoy's error      TestWithTheServiceKilledNothingPassesAndItRecovers
//	process stuck             error at Envoy's timeout   while it lasts                none here; Envoy's error      TestWithTheServiceStuckNothingPassesAndItRecovers
//	pings of idle Envoys      the connection stays       no end                        none                          TestKeepalivePingsSurvive
package extauthz
