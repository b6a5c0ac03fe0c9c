package api

// StatusOf is statusOf for the tests of the table.
var StatusOf = statusOf
