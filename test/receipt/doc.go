// Package receipt tests what a receipt promises, with several whole data
// planes and a control plane on one database in one process: so the test can
// cut any of them off, and can say of each Check whether it began after the
// receipt.
package receipt
