package management_test

import "testing"

// watching are the tests of the watch: what was counted, what was found in it,
// what was done about that, and the reports that tell of it. They run on SQLite by
// themselves, and here on PostgreSQL.
var watching = []struct {
	name string
	test func(t *testing.T)
}{
	{"NothingIsDoneUnlessAPolicySaysSo", TestNothingIsDoneUnlessAPolicySaysSo},
	{"AKeyIsThrottledThenSuspendedAsAFindingGrowsAndUndoTakesAllBack", TestAKeyIsThrottledThenSuspendedAsAFindingGrowsAndUndoTakesAllBack},
	{"AnAddressIsBlacklistedForATimeAndUndoLetsItIn", TestAnAddressIsBlacklistedForATimeAndUndoLetsItIn},
	{"WhatIsProtectedOrNotPossibleIsLeftAloneAndTheFindingSaysWhy", TestWhatIsProtectedOrNotPossibleIsLeftAloneAndTheFindingSaysWhy},
	{"NoAddressIsBlacklistedWhileNobodyHasSaidWhereAddressesComeFrom", TestNoAddressIsBlacklistedWhileNobodyHasSaidWhereAddressesComeFrom},
	{"ADetectorThatIsWrongTakesNoPlatformDown", TestADetectorThatIsWrongTakesNoPlatformDown},
	{"OneNamespaceLeavesSomethingOfTheCapToTheOthers", TestOneNamespaceLeavesSomethingOfTheCapToTheOthers},
	{"AFindingThatGoesOnIsDecidedAnewWhenTheFirstDecisionIsOver", TestAFindingThatGoesOnIsDecidedAnewWhenTheFirstDecisionIsOver},
	{"UndoLeavesWhatSomebodyHasDecidedSince", TestUndoLeavesWhatSomebodyHasDecidedSince},
	{"EnablingAThrottledKeyGivesItAllOfItsRates", TestEnablingAThrottledKeyGivesItAllOfItsRates},
	{"APolicyThatMakesNoSenseIsRefusedFieldByField", TestAPolicyThatMakesNoSenseIsRefusedFieldByField},
	{"APolicyIsSetOverTheOneThatWasReadAndReset", TestAPolicyIsSetOverTheOneThatWasReadAndReset},
	{"AStricterShareTakesThePlaceOfTheFirst", TestAStricterShareTakesThePlaceOfTheFirst},
	{"APolicyThatThisVersionCannotReadIsShownAndReplaced", TestAPolicyThatThisVersionCannotReadIsShownAndReplaced},
	{"AReplayShowsWhatWouldBeNextToWhatWas", TestAReplayShowsWhatWouldBeNextToWhatWas},
	{"AReplayOfTooMuchOrByAPolicyWithoutSenseIsRefused", TestAReplayOfTooMuchOrByAPolicyWithoutSenseIsRefused},
	{"AFindingIsAcknowledgedAndResolvedOnceAndThatIsAudited", TestAFindingIsAcknowledgedAndResolvedOnceAndThatIsAudited},
	{"AFindingIsToldOnceAndWhenItIsResolved", TestAFindingIsToldOnceAndWhenItIsResolved},
	{"AFindingThatCannotBeWrittenIsNotTold", TestAFindingThatCannotBeWrittenIsNotTold},
	{"AReportCountsWhatItDoesNotList", TestAReportCountsWhatItDoesNotList},
	{"AKeyThatMetALimitAndAQuotaIsOneRow", TestAKeyThatMetALimitAndAQuotaIsOneRow},
	{"ALateReportIsCountedByTheOneWhoMadeIt", TestALateReportIsCountedByTheOneWhoMadeIt},
	{"AReportSaysWhatWasUsedAndWhatSomebodyShouldLookAt", TestAReportSaysWhatWasUsedAndWhatSomebodyShouldLookAt},
	{"AReportOfANamespaceSaysNothingOfAnother", TestAReportOfANamespaceSaysNothingOfAnother},
	{"AReportIsToldOfKeptAndRemovedAfterItsRetention", TestAReportIsToldOfKeptAndRemovedAfterItsRetention},
	{"AReportThatCannotBeIsRefusedWithWhatToDo", TestAReportThatCannotBeIsRefusedWithWhatToDo},
	{"EachTimeOfAScheduleGetsOneReport", TestEachTimeOfAScheduleGetsOneReport},
	{"AReportWhoseJobWasLostIsMadeByThePass", TestAReportWhoseJobWasLostIsMadeByThePass},
	{"ALimitIsToldOfAtOnceAndThenInASum", TestALimitIsToldOfAtOnceAndThenInASum},
	{"EveryKeyThatMeetsALimitIsToldOfHoweverManyGoOn", TestEveryKeyThatMeetsALimitIsToldOfHoweverManyGoOn},
	{"ALimitThatNobodyWantsToKnowOfIsNotWrittenDown", TestALimitThatNobodyWantsToKnowOfIsNotWrittenDown},
	{"AQuotaIsToldOfOnceWhenItComesToItsEndAndOnceWhenItIsThere", TestAQuotaIsToldOfOnceWhenItComesToItsEndAndOnceWhenItIsThere},
	{"TheEndOfAKeyIsToldOfAWeekAheadOnceForEachEnd", TestTheEndOfAKeyIsToldOfAWeekAheadOnceForEachEnd},
	{"UsageOfALimitedActorIsThatOfItsNamespaces", TestUsageOfALimitedActorIsThatOfItsNamespaces},
	{"UsageSaysWhenThereIsMoreAndWhatIsMissing", TestUsageSaysWhenThereIsMoreAndWhatIsMissing},
	{"QuotasArePagedFromTheFullestOnAndEachIsThereOnce", TestQuotasArePagedFromTheFullestOnAndEachIsThereOnce},
}
