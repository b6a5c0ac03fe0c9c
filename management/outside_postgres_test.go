package management_test

import (
	"context"
	"crypto/rand"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"credence/management"
	"credence/store"
	"credence/store/postgres"
	"credence/test/pgserver"
)

// onPostgreSQL begins the names of the tests that run on PostgreSQL.
const onPostgreSQL = "TestOnPostgreSQL/"

// second is what first is, on PostgreSQL: databases copied from one that was
// filled once, of one server.
var second elsewhere

type elsewhere struct{ server *pgserver.Server }

// outside are the tests of what is done at other programs. They run on SQLite
// by themselves, and here on PostgreSQL.
var outside = []struct {
	name string
	test func(t *testing.T)
}{
	{"AComparisonOfManyUsersGoesOnWhereItStopped", TestAComparisonOfManyUsersGoesOnWhereItStopped},
	{"AComparisonGoesOnFromNoPlaceThatItDidNotName", TestAComparisonGoesOnFromNoPlaceThatItDidNotName},
	{"ATokenThatNobodyMadeHereIsAStrangerUntilItIsAdoptedOrDeleted", TestATokenThatNobodyMadeHereIsAStrangerUntilItIsAdoptedOrDeleted},
	{"AStrangerThatIsGoneAgainIsForgotten", TestAStrangerThatIsGoneAgainIsForgotten},
	{"ATokenThatTheServerLostIsMissingUntilItIsBack", TestATokenThatTheServerLostIsMissingUntilItIsBack},
	{"ATokenWithMoreScopesThanItWasGivenIsWidened", TestATokenWithMoreScopesThanItWasGivenIsWidened},
	{"AUserWhoVanishedLeavesTokensThatAreMissing", TestAUserWhoVanishedLeavesTokensThatAreMissing},
	{"AServerThatCannotBeListedMakesNothingMissing", TestAServerThatCannotBeListedMakesNothingMissing},
	{"ATokenThatIsBeingMadeIsNoStranger", TestATokenThatIsBeingMadeIsNoStranger},
	{"TheTokensOfARenamedUserAreNeitherMissingNorStrangers", TestTheTokensOfARenamedUserAreNeitherMissingNorStrangers},
	{"ACredentialWhoseCommitWasNotHeardOfIsKept", TestACredentialWhoseCommitWasNotHeardOfIsKept},
	{"ARotationIsHeldToThePolicyAndOneByScheduleIsClippedToIt", TestARotationIsHeldToThePolicyAndOneByScheduleIsClippedToIt},
	{"ACredentialIsBoundToAccountAuthorityAndNameOfTheServer", TestACredentialIsBoundToAccountAuthorityAndNameOfTheServer},
	{"ARefusedRotationByScheduleStaysOneJobAndIsTriedLessAndLess", TestARefusedRotationByScheduleStaysOneJobAndIsTriedLessAndLess},
	{"AScheduledRotationThatWasLostIsTriedAgainByOneJob", TestAScheduledRotationThatWasLostIsTriedAgainByOneJob},
	{"ARefusedRotationOfAnN8NKeyStaysOneJobAndIsTriedLessAndLess", TestARefusedRotationOfAnN8NKeyStaysOneJobAndIsTriedLessAndLess},
	{"ATokenIsForgottenOnlyWhenItsSecretIsRefused", TestATokenIsForgottenOnlyWhenItsSecretIsRefused},
	{"ATokenOfARenamedUserIsDeletedUnderTheNewLogin", TestATokenOfARenamedUserIsDeletedUnderTheNewLogin},
	{"AConnectionKeepsItsAddressWhileCredentialsOfItAreKnown", TestAConnectionKeepsItsAddressWhileCredentialsOfItAreKnown},
	{"ASecretIsBoundToItsConnection", TestASecretIsBoundToItsConnection},
	{"ATokenIsMadeWithinTheLimitsOfTheConnection", TestATokenIsMadeWithinTheLimitsOfTheConnection},
	{"NobodyMakesATokenBeyondTheLimitsOfTheConnection", TestNobodyMakesATokenBeyondTheLimitsOfTheConnection},
	{"TheWordsOfTheServerAreForGlobalAdminsOnly", TestTheWordsOfTheServerAreForGlobalAdminsOnly},
	{"ATokenWhoseAnswerWasLostIsFoundByItsNameAndDeleted", TestATokenWhoseAnswerWasLostIsFoundByItsNameAndDeleted},
	{"ACrashBetweenIntentAndAnswerLeavesNothing", TestACrashBetweenIntentAndAnswerLeavesNothing},
	{"AnIntentThatWasRefusedIsTakenBackAtOnce", TestAnIntentThatWasRefusedIsTakenBackAtOnce},
	{"ASlowServerIsWaitedForBeforeAnIntentIsForgotten", TestASlowServerIsWaitedForBeforeAnIntentIsForgotten},
	{"ARepeatedRequestMakesOneToken", TestARepeatedRequestMakesOneToken},
	{"ADeletedTokenIsGoneOnTheServerAndHere", TestADeletedTokenIsGoneOnTheServerAndHere},
	{"ATokenThatCannotBeDeletedNowIsDeletedLater", TestATokenThatCannotBeDeletedNowIsDeletedLater},
	{"ATokenIsDeletedAtItsEnd", TestATokenIsDeletedAtItsEnd},
	{"TokensAreHeldToThePolicyOfIntegrationKeys", TestTokensAreHeldToThePolicyOfIntegrationKeys},
	{"VerifyingNotesTheOutcomeAndKeepsWhatWasKnownWhenNobodyCanSay", TestVerifyingNotesTheOutcomeAndKeepsWhatWasKnownWhenNobodyCanSay},
	{"ARotatedTokenLivesBesideItsSuccessorForTheOverlap", TestARotatedTokenLivesBesideItsSuccessorForTheOverlap},
	{"AScheduledRotationHasItsSecretFetchedOnce", TestAScheduledRotationHasItsSecretFetchedOnce},
	{"ARotationThatWasRefusedCanBeTriedAgain", TestARotationThatWasRefusedCanBeTriedAgain},
	{"NothingIsMadeOverAConnectionThatIsPaused", TestNothingIsMadeOverAConnectionThatIsPaused},
	{"AConnectionWithTokensIsDeletedOnlyByForce", TestAConnectionWithTokensIsDeletedOnlyByForce},
	{"AKeyOfN8NThatNobodyMadeHereIsAStrangerUntilItIsAdoptedOrDeleted", TestAKeyOfN8NThatNobodyMadeHereIsAStrangerUntilItIsAdoptedOrDeleted},
	{"AKeyThatN8NLostIsMissingAndAStrangerThatIsGoneIsForgotten", TestAKeyThatN8NLostIsMissingAndAStrangerThatIsGoneIsForgotten},
	{"AKeyOfN8NWithMoreScopesThanItWasGivenIsWidened", TestAKeyOfN8NWithMoreScopesThanItWasGivenIsWidened},
	{"AnN8NThatCannotBeListedMakesNothingMissingAndAKeyUnderWayIsNoStranger", TestAnN8NThatCannotBeListedMakesNothingMissingAndAKeyUnderWayIsNoStranger},
	{"TwoJobsOfOneRotationInPlaceLeaveTheSecretThatWorks", TestTwoJobsOfOneRotationInPlaceLeaveTheSecretThatWorks},
	{"ASecretWhoseCallerHasLeftWaitsToBeCollected", TestASecretWhoseCallerHasLeftWaitsToBeCollected},
	{"AnN8NKeyIsForgottenOnlyWhenItsSecretIsRefused", TestAnN8NKeyIsForgottenOnlyWhenItsSecretIsRefused},
	{"AKeyBeyondLimitsThatWereNarrowedGetsNoNewSecret", TestAKeyBeyondLimitsThatWereNarrowedGetsNoNewSecret},
	{"WhatIsAdoptedGetsTheEndThatThePolicyWants", TestWhatIsAdoptedGetsTheEndThatThePolicyWants},
	{"AnIntentIsTendedUnderTheLoginThatItsUserHasNow", TestAnIntentIsTendedUnderTheLoginThatItsUserHasNow},
	{"ARotationInPlaceHasNoOverlap", TestARotationInPlaceHasNoOverlap},
	{"TheAccountOfAConnectionIsChangedAlone", TestTheAccountOfAConnectionIsChangedAlone},
	{"AnN8NKeyIsMadeWithinTheLimitsOfTheConnection", TestAnN8NKeyIsMadeWithinTheLimitsOfTheConnection},
	{"NobodyMakesAnN8NKeyBeyondTheLimitsOfTheConnection", TestNobodyMakesAnN8NKeyBeyondTheLimitsOfTheConnection},
	{"AConnectionToN8NIsForItsAccountAlone", TestAConnectionToN8NIsForItsAccountAlone},
	{"AnN8NKeyWhoseAnswerWasLostIsFoundByItsLabelAndDeleted", TestAnN8NKeyWhoseAnswerWasLostIsFoundByItsLabelAndDeleted},
	{"ACrashBetweenIntentAndAnswerOfN8NLeavesNothing", TestACrashBetweenIntentAndAnswerOfN8NLeavesNothing},
	{"AnN8NIntentThatWasRefusedIsTakenBackAtOnce", TestAnN8NIntentThatWasRefusedIsTakenBackAtOnce},
	{"OneSessionIsSharedByAllAndOutlivesARestart", TestOneSessionIsSharedByAllAndOutlivesARestart},
	{"AWrongPasswordPausesTheConnectionToN8N", TestAWrongPasswordPausesTheConnectionToN8N},
	{"AnN8NKeyLivesBesideItsSuccessorForTheOverlap", TestAnN8NKeyLivesBesideItsSuccessorForTheOverlap},
	{"AScheduledRotationOfAnN8NKeyHasItsSecretFetchedOnce", TestAScheduledRotationOfAnN8NKeyHasItsSecretFetchedOnce},
	{"AnN8NKeyGetsAnotherSecretInPlace", TestAnN8NKeyGetsAnotherSecretInPlace},
	{"N8NKeysAreHeldToThePolicyOfIntegrationKeys", TestN8NKeysAreHeldToThePolicyOfIntegrationKeys},
	{"VerifyingAnN8NKeyNotesTheOutcomeAndKeepsWhatWasKnown", TestVerifyingAnN8NKeyNotesTheOutcomeAndKeepsWhatWasKnown},
	{"AnN8NKeyThatCannotBeDeletedNowIsDeletedLater", TestAnN8NKeyThatCannotBeDeletedNowIsDeletedLater},
	{"AnAccountIsThatOfOneNamespace", TestAnAccountIsThatOfOneNamespace},
	{"WhatIsKnownOverOneConnectionIsNoStrangerOverAnother", TestWhatIsKnownOverOneConnectionIsNoStrangerOverAnother},
	{"ACredentialOfAConnectionIsSealedAndShownNowhere", TestACredentialOfAConnectionIsSealedAndShownNowhere},
	{"ACredentialOutlivesARotationOfTheKeyset", TestACredentialOutlivesARotationOfTheKeyset},
	{"ACheckSaysVersionRightsAndWhatIsMissing", TestACheckSaysVersionRightsAndWhatIsMissing},
	{"AConnectionWhoseCredentialIsRejectedIsPausedAndResumedByACheck", TestAConnectionWhoseCredentialIsRejectedIsPausedAndResumedByACheck},
	{"AConnectionThatAPersonPausedIsNotResumedByACheck", TestAConnectionThatAPersonPausedIsNotResumedByACheck},
	{"AnotherAddressNeedsTheCredentialAnew", TestAnotherAddressNeedsTheCredentialAnew},
	{"AConnectionIsJudgedBeforeItIsMade", TestAConnectionIsJudgedBeforeItIsMade},
	{"AServerThatIsNotReachedIsAProblemWithItsRemedy", TestAServerThatIsNotReachedIsAProblemWithItsRemedy},
	{"AnAddressThatBecomesPrivateIsNotCalled", TestAnAddressThatBecomesPrivateIsNotCalled},
	{"ANamespaceWithAConnectionIsNotDeleted", TestANamespaceWithAConnectionIsNotDeleted},
	{"ARepeatedRequestMakesOneConnection", TestARepeatedRequestMakesOneConnection},
	{"ARotationInPlaceThatWasRefusedIsRepeatedAndNotReplayed", TestARotationInPlaceThatWasRefusedIsRepeatedAndNotReplayed},
	{"WhatIsSeenMeanwhileOutlivesAVerification", TestWhatIsSeenMeanwhileOutlivesAVerification},
	{"TheOutcomeOfASecretThatWasReplacedMeanwhileIsNotNoted", TestTheOutcomeOfASecretThatWasReplacedMeanwhileIsNotNoted},
	{"AListingThatIsOlderThanADeletionInventsNoStranger", TestAListingThatIsOlderThanADeletionInventsNoStranger},
	{"NothingThatHappensToACredentialPostponesItsRotation", TestNothingThatHappensToACredentialPostponesItsRotation},
	{"ChangesOfACredentialLeaveOneJobForOneInstant", TestChangesOfACredentialLeaveOneJobForOneInstant},
	{"SecretsAreTriedOutAgainEveryDay", TestSecretsAreTriedOutAgainEveryDay},
	{"NoSecretIsAnsweredToWhoseTimeIsOver", TestNoSecretIsAnsweredToWhoseTimeIsOver},
	{"ACheckOfAVersionThatDoesNotHoldKeysToTheirScopesWarnsAndIsFine", TestACheckOfAVersionThatDoesNotHoldKeysToTheirScopesWarnsAndIsFine},
	{"WhatCannotBeEndedIsAFindingOnceItIsPastItsLife", TestWhatCannotBeEndedIsAFindingOnceItIsPastItsLife},
	{"AReportSaysWhichForeignCredentialsNeedALook", TestAReportSaysWhichForeignCredentialsNeedALook},
}

func TestOnPostgreSQL(t *testing.T) {
	server, err := pgserver.Shared(t.Context())
	must(t, err)
	second.server = server
	t.Cleanup(func() { must(t, server.Stop(context.WithoutCancel(t.Context()))) })
	for _, o := range slices.Concat(outside, watching) {
		t.Run(o.name, o.test)
	}
}

// TestEveryTestOfTheOutsideAndOfTheWatchRunsOnBothStores: one that is forgotten
// here would run on SQLite alone.
func TestEveryTestOfTheOutsideAndOfTheWatchRunsOnBothStores(t *testing.T) {
	var want, got []string
	for _, pattern := range []string{
		"gitea_token*_test.go", "n8n_key*_test.go", "connection*_test.go", "outside_keep_test.go", "outside_overdue_test.go", "outside_report_test.go",
		"anomaly*_test.go", "report*_test.go", "usage*_test.go",
	} {
		files, err := filepath.Glob(pattern)
		must(t, err)
		for _, name := range files {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			must(t, err)
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Test") {
					want = append(want, strings.TrimPrefix(f.Name.Name, "Test"))
				}
			}
		}
	}
	for _, o := range slices.Concat(outside, watching) {
		got = append(got, o.name)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("on PostgreSQL run %v\nand there are %v", got, want)
	}
}

// open makes a fixture over a database of its own.
func (e *elsewhere) open(t *testing.T) *fixture {
	t.Helper()
	address := e.server.DatabaseFrom(t, "management", func(address string) error { return fill(t.Context(), address) })
	f := &fixture{t: t, address: address, now: start, log: &lockedBuffer{}, keyset: first.keyset, secrets: first.secrets}
	f.connectDatabase()
	return f
}

// fill migrates a database and makes the namespaces a and b.
func fill(ctx context.Context, address string) error {
	now := func() time.Time { return start }
	o := postgres.Options{URL: address, Now: now, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler)}
	if _, _, err := postgres.Migrate(ctx, o); err != nil {
		return err
	}
	db, err := postgres.Open(ctx, o)
	if err != nil {
		return err
	}
	service, err := management.New(management.Options{
		Store: store.New(db, first.keyset, now), Secrets: first.secrets, Random: rand.Reader, Now: now, Logger: slog.New(slog.DiscardHandler),
	})
	for _, name := range []string{"a", "b"} {
		if err == nil {
			_, err = service.NamespaceCreate(ctx, global, management.NamespaceCreate{Name: name})
		}
	}
	if closed := db.Close(); err == nil {
		err = closed
	}
	return err
}

// dumpPostgreSQL is every row of every table of ours, bytes as the text that
// they hold.
func dumpPostgreSQL(t *testing.T, address string) string {
	t.Helper()
	each := pgserver.Query(t, address, `SELECT format('SELECT %L || string_agg(row, E''\n'' ORDER BY row) FROM (SELECT concat_ws('' '', %s) AS row FROM credence.%I) AS rows',
			'== ' || table_name || E'\n', columns, table_name)
		FROM (SELECT table_name, string_agg(format(CASE data_type WHEN 'bytea' THEN 'encode(%I, ''escape'')' ELSE '%I::text' END, column_name), ',') AS columns
			FROM information_schema.columns WHERE table_schema = 'credence' GROUP BY table_name) AS tables`)
	tables := pgserver.Query(t, address, "SELECT all_of FROM ("+strings.Join(each, " UNION ALL ")+") AS every (all_of) WHERE all_of IS NOT NULL")
	slices.Sort(tables)
	return strings.Join(tables, "\n") + "\n"
}
