//go:build !race

package extauthz

// checkBudget is one allocation: the list of one buffer that gRPC wants.
const checkBudget = 1
