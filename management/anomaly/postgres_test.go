package anomaly_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"testing"
	"time"

	"credence/store"
	"credence/store/postgres"
	"credence/store/sqlite/sqlitetest"
	"credence/test/pgserver"
)

// onPostgreSQL begins the names of the tests that run on PostgreSQL.
const onPostgreSQL = "TestOnPostgreSQL/"

// second is the server of their databases.
var second *pgserver.Server

// TestOnPostgreSQL runs the tests of what the watch reads from a store and has
// written down there. They run on SQLite by themselves.
func TestOnPostgreSQL(t *testing.T) {
	var err error
	second, err = pgserver.Shared(t.Context())
	must(t, err)
	t.Cleanup(func() { must(t, second.Stop(context.WithoutCancel(t.Context()))) })
	for name, test := range map[string]func(t *testing.T){
		"OnePassFindsWhatTheLastSecondsShowAndTellsOfItOnce":              TestOnePassFindsWhatTheLastSecondsShowAndTellsOfItOnce,
		"ANetworkThatIsNewIsFoundOnTheStore":                              TestANetworkThatIsNewIsFoundOnTheStore,
		"AnHourIsJudgedOnceItIsOverAgainstTheWeeksBefore":                 TestAnHourIsJudgedOnceItIsOverAgainstTheWeeksBefore,
		"AFindingThatCannotBeWrittenDownKeepsNoOtherFromIt":               TestAFindingThatCannotBeWrittenDownKeepsNoOtherFromIt,
		"WhatReplicasWithWrongClocksCountIsFoundAndNeverSeenLaterThanNow": TestWhatReplicasWithWrongClocksCountIsFoundAndNeverSeenLaterThanNow,
		"AControlPlaneWhoseClockGoesBackFindsNothingTwice":                TestAControlPlaneWhoseClockGoesBackFindsNothingTwice,
		"BatchesThatComeTwiceOrOutOfOrderChangeNoFinding":                 TestBatchesThatComeTwiceOrOutOfOrderChangeNoFinding,
		"ARefusalCountsInEachWindowThatHoldsIt":                           TestARefusalCountsInEachWindowThatHoldsIt,
		"AReplayFindsWhatTheWatchWouldHaveAndChangesNothing":              TestAReplayFindsWhatTheWatchWouldHaveAndChangesNothing,
		"AReplayRemembersWhatWasFoundAndNotEachTimeOfItUpToABound":        TestAReplayRemembersWhatWasFoundAndNotEachTimeOfItUpToABound,
		"TheWatchAndAReplayFindAJourneyThatNobodyMakes":                   TestTheWatchAndAReplayFindAJourneyThatNobodyMakes,
		"APolicySaysHowSevereFindingsOfATypeAre":                          TestAPolicySaysHowSevereFindingsOfATypeAre,
	} {
		t.Run(name, test)
	}
}

// database answers an empty one: of PostgreSQL for the tests of
// [TestOnPostgreSQL].
func database(t *testing.T, now func() time.Time) store.Backend {
	t.Helper()
	if !strings.HasPrefix(t.Name(), onPostgreSQL) {
		return sqlitetest.Open(t, now)
	}
	o := postgres.Options{Now: now, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler)}
	o.URL = second.DatabaseFrom(t, "migrated", func(address string) error {
		empty := o
		empty.URL = address
		_, _, err := postgres.Migrate(t.Context(), empty)
		return err
	})
	db, err := postgres.Open(t.Context(), o)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}
