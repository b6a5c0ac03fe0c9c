// Package audit does every kind of damage to an audit log, in the databases
// themselves and past everything that guards them, and holds that verifying an
// export names the first bad entry.
package audit
