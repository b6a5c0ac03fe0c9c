package arch_test

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// planePromises are what the data plane promises about its state and about limits,
// each with the tests that are named after it: FOLDER.TEST, or, of the
// conformance suite that every database passes, the text of the promise there.
// A test that goes or changes its name takes its row here along.
var planePromises = []struct {
	promise string
	tests   []string
}{
	// Revision, cache, receipts.
	{"a change, its audit entry, its jobs and its row in the feed are one transaction", []string{
		"store/storetest: gives the next revisions in order and random ids and answers the last",
		"management.TestEachChangeHasOneAuditEntryAndTheChainsStayWhole",
	}},
	{"a replica whose feed does not continue (restored backup, failover, pruned tail) empties its cache and starts anew", []string{
		"store/storetest: answers ErrFeedGap when the row at the position is gone",
		"store/storetest: answers ErrFeedGap when the row has another id",
		"store/storetest: answers ErrFeedGap when the head is lower",
		"extauthz/feed.TestAGapRestartsAndLoadsEverybody",
		"extauthz/cache.TestRestartEmptiesAndRefusesFillsBegunBefore",
		"store/redis.TestNeverAcceptedAfterACompleteReceiptNorAfterTheCeiling",
	}},
	{"a push only wakes: a lost one costs a poll interval, never a change", []string{
		"extauthz/feed.TestAPushIsFollowedAtOnceAndNoneIsLost",
		"store/redis.TestPushesThatAreLateRepeatedOrNonsenseWakeNobody",
		"store/redis.TestAFloodOfForgedPushesBecomesNoFloodOfPolls",
	}},
	{"behind a pooler LISTEN has a connection of its own, or the feed is polled", []string{
		"store/postgres.TestBehindAPoolerOthersAreHeardThroughTheSessionURL",
		"store/postgres.TestBehindAPoolerWithoutSessionURLChangesArePolledFor",
	}},
	{"a fill is not inserted if what it rests on has changed since it began", []string{
		"extauthz/cache.TestAFillIsNotInsertedWhenWhatItRestsOnChanged",
		"extauthz/cache.TestAFillThatBeganBeforeARevokeIsNotInserted",
		"extauthz/cache.TestAFillOlderThanTheRememberedChangesIsNotInserted",
	}},
	{"the cache is bounded, and warmed at start", []string{
		"extauthz/cache.TestGuessesDoNotPushOutKeysAndUseKeepsAnEntry",
		"extauthz/cache.TestAWarmedKeyIsAnsweredWithoutAskingTheStore",
		"extauthz/cache.TestWarmingEvictsNobodyAndEndsWhenTheCacheIsFull",
	}},
	{"expiry is judged at request time", []string{"test/e2e.TestAKeyEndsAtTheSecondOfItsExpiry"}},
	{"a receipt is complete when every replica that may still decide has applied, or partial and names the silent and when they stop", []string{
		"management.TestAReceiptIsCompleteWhenEveryReplicaThatMayStillDecideHasApplied",
		"management.TestAPartialReceiptNamesTheSilentReplicasAndWhenTheyStop",
		"test/receipt.TestClocksThatAreApartCompleteNoReceiptTooEarly",
		"test/outage.TestAPartialReceiptOnPostgreSQLNamesTheFrozenReplica",
	}},
	{"Redis cannot cause an allow", []string{
		"store/redis.TestNothingThatRedisAnswersIsOlderThanWhatTheReplicaHasApplied",
		"store/redis.TestAHostileServerIsAsGoodAsNone",
	}},
	{"the data plane's role can do what it needs and nothing else", []string{
		"store/postgres.TestTheDataPlanesRoleMayDoWhatItNeedsAndNothingElse",
		"store/postgres.TestTheDataPlanesRoleIsRefusedEverythingElse",
		"store/postgres.TestTheWholeDataPlaneRunsAsItsRole",
	}},
	{"a revoked key is refused by every live replica within a second", []string{
		"test/e2e.TestRevokeDisableAndEnableAreInForceWithinASecondWhileTrafficFlows",
	}},
	{"a revoked key is never accepted after a complete receipt", []string{
		"test/receipt.TestAKeyIsNeverAcceptedAfterACompleteReceipt",
		"test/outage.TestFiveReplicasOnPostgreSQLNeverAcceptAKeyAfterACompleteReceipt",
		"store/redis.TestNeverAcceptedAfterACompleteReceiptNorAfterTheCeiling",
		"test/chaos.TestUnderChaosPostgreSQLAloneKeepsEveryPromise",
		"test/chaos.TestUnderChaosPostgreSQLAndRedisKeepEveryPromise",
	}},
	{"and, whatever is broken, never after the ceiling, counted from the last successful read of the feed", []string{
		"extauthz/cache.TestNothingIsAnsweredAfterTheCeiling",
		"extauthz/cache.TestTheClockThatSaysMoreCounts",
		"test/outage.TestAReplicaThatIsCutOffFromPostgreSQLStopsAtItsCeiling",
	}},
	{"a snapshot carries that instant; a restart does not renew it", []string{
		"extauthz/snapshot.TestTheInstantInTheSnapshotFollowsTheFeed",
		"extauthz/snapshot.TestASnapshotOlderThanTheCeilingIsRefusedByEitherClock",
		"test/outage.TestAReplicaOnItsSnapshotStopsAtTheCeilingOfTheProcessBeforeIt",
	}},
	{"no fill, push, snapshot or Redis entry brings a revoked key back", []string{
		"extauthz/feed.TestNoFillPushOrRestartBringsARevokedKeyBack",
		"extauthz/cache.TestAKeyRevokedWhileTheCacheIsWarmedIsNotBroughtBack",
		"extauthz/snapshot.TestNoSnapshotBringsARevokedKeyBack",
		"store/redis.TestNothingThatRedisAnswersIsOlderThanWhatTheReplicaHasApplied",
	}},
	{"a created key is accepted everywhere at once", []string{
		"extauthz/cache.TestCreatedKeyIsAcceptedAtOnceAlthoughItsDigestWasNegative",
		"extauthz/cache.TestCreatedKeyIsAcceptedAtOnceUnderEveryPepperAndWithout",
		"extauthz/cache.TestALookUpOfAnUnknownKeyThatIsCreatedMeanwhileFindsIt",
		"test/e2e.TestANewKeyWorksWithItsFirstRequest",
	}},
	{"with the database gone known keys go on until the ceiling, unknown keys get 503, revoked keys stay refused", []string{
		"test/outage.TestUnderLoadAnOutageOfPostgreSQLIsTheRungThatTheTableSays",
		"test/outage.TestAReplicaThatIsRestartedWhileTheDatabaseIsGoneServesFromItsSnapshot",
		"test/e2e.TestARestartForgetsNoRevocation",
	}},

	// Limits.
	{"a key and its rotation successor share their limits", []string{
		"extauthz/pipeline.TestAKeyAndItsSuccessorsAreCountedAsOne",
		"extauthz/limiter.TestAKeyAndItsSuccessorShareRatesAndQuotas",
		"management.TestTheNextSuccessorCountsOnTheFirstKey",
	}},
	{"in any window a limit admits at most burst + rate x window", []string{
		"store/limit.TestAnyWindowAdmitsAtMostBurstPlusRate",
		"extauthz/limiter.TestInAnyWindowAllReplicasTogetherAdmitAtMostBurstPlusRate",
		"store/redis.TestReplicasShareLimitsThroughARealServerAndARealCluster",
	}},
	{"all limits of a Check are charged, or none", []string{
		"extauthz/limiter.TestAllLimitsAreChargedOrNone",
		"extauthz/limiter.TestLimitsInSeveralSlotsAreChargedTogetherOrNotAtAll",
	}},
	{"leased slices are used up, and most Checks need no round trip", []string{
		"extauthz/limiter.TestTenReplicasUseTheLimitUpAndNoMore",
		"extauthz/limiter.TestMostRequestsDoNotAskTheStore",
		"extauthz/limiter.TestWhatAStoppingReplicaHoldsIsGivenBack",
	}},
	{"without Redis, or with it away, each replica keeps to its share", []string{
		"extauthz/limiter.TestWithBudgetsAwayEachReplicaKeepsToItsShareAndNobodyWaitsLong",
		"store/limit.TestTheSharesOfAnyNumberOfReplicasAddUpToTheLimit",
		"test/receipt.TestReplicasTogetherKeepToALimit",
	}},
	{"failover, an empty restart and lies of Redis cost a stated bound", []string{
		"extauthz/limiter.TestBudgetsThatForgetCostAtMostOneMoreBurst",
		"store/redis.TestAFailoverOfSentinelCostsAtMostOneMoreBurst",
		"store/redis.TestTheLossOfANodeOfAClusterCostsAtMostOneMoreBurst",
		"test/outage.TestADrillOfRedisKeepsToTheShareAndEndsByItself",
		"extauthz/limiter.TestBudgetsThatLieLoosenALimitAtMostThisFar",
		"extauthz/limiter.TestBudgetsThatComeBackAreAskedAgainAndToldWhatIsOwed",
	}},
	{"clocks that differ or jump gain nothing", []string{
		"store/limit.TestAClockThatGoesBackwardsGainsNothing",
		"extauthz/fleet.TestClocksThatAreApartMakeNoDifference",
	}},
	{"quotas are reserved in durable blocks", []string{
		"extauthz/limiter.TestAQuotaAdmitsExactlyItsLimitInEachWindow",
		"extauthz/limiter.TestManyReplicasTogetherAdmitExactlyTheQuota",
	}},

	// Bad input: a clear refusal, a metric, and the process goes on.
	{"hostile bytes, messages over the cap, unread answers and thousands of connections on the gRPC port cost only whom they come from", []string{
		"extauthz.TestHostileBytesOnThePortEndTheirConnectionAlone",
		"extauthz.TestMessageOverTheCapFailsTheRPC",
		"extauthz.TestMetadataOverTheBoundFailsTheCallAlone",
		"extauthz.TestACallerWhoReadsNoAnswersIsBoundedAndAlone",
		"extauthz.TestConnectionsBeyondTheBoundAreClosedAndOthersGoOn",
	}},
	{"the forward listener bounds headers, streams and connections, and keeps none of a caller without the secret", []string{
		"extauthz/forward.TestHeadersOverTheBoundAreRefusedAndThoseUnderItAreNot",
		"extauthz/forward.TestTheStreamsOfAConnectionAreBounded",
		"extauthz/forward.TestWhoSendsSlowlyOrNothingIsCutOff",
		"extauthz.TestAListenerKeepsWithinItsBounds",
		"extauthz/forward.TestACallerWithoutTheSecretKeepsNoConnection",
	}},
	{"a Redis that answers nonsense is as good as none", []string{
		"store/redis.TestAHostileServerIsAsGoodAsNone",
		"extauthz/limiter.TestAnswersThatCannotBeTrueAreNotBelieved",
	}},
	{"a snapshot that is cut off, changed, of another deployment or from the future is refused", []string{
		"extauthz/snapshot.TestASnapshotThatWasCutOffOrChangedIsRefused",
		"extauthz/snapshot.TestASnapshotOfAnotherDeploymentIsRefused",
		"extauthz/snapshot.TestASnapshotOlderThanTheCeilingIsRefusedByEitherClock",
		"test/outage.TestASnapshotThatIsRefusedLeavesTheProcessWaitingForTheDatabase",
	}},
}

func TestEveryPromiseHasATestNamedAfterIt(t *testing.T) {
	sources := load(t)
	for _, p := range planePromises {
		if len(p.tests) == 0 {
			t.Errorf("%q: no test", p.promise)
		}
		for _, name := range p.tests {
			if text, ok := strings.CutPrefix(name, "store/storetest: "); ok {
				if !says(sources["store/storetest"], text) {
					t.Errorf("%q: the conformance suite does not promise %q", p.promise, text)
				}
				continue
			}
			folder, test, _ := strings.Cut(name, ".")
			if !tests(sources[folder], test) {
				t.Errorf("%q: %s is not there; give the promise a test, or its row the test's new name", p.promise, name)
			}
		}
	}
}

// tests reports whether one of the files has the test.
func tests(files []*source, name string) bool {
	return slices.ContainsFunc(files, func(s *source) bool {
		return s.test && slices.ContainsFunc(s.file.Decls, func(d ast.Decl) bool {
			f, ok := d.(*ast.FuncDecl)
			return ok && f.Recv == nil && f.Name.Name == name && strings.HasPrefix(name, "Test")
		})
	})
}

// says reports whether one of the files has the text.
func says(files []*source, text string) bool {
	found := false
	for _, s := range files {
		ast.Inspect(s.file, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				said, err := strconv.Unquote(l.Value)
				found = found || err == nil && said == text
			}
			return !found
		})
	}
	return found
}
