// Package harness runs the real parts side by side: Envoy with the
// configuration that this repository ships, the credence binary, and an echo
// upstream that shows exactly what reached it. The end-to-end tests and the
// demo are its only users.
//
// Everything listens on loopback, on ports that the kernel picks unless the
// caller names them. Every process is in a process group of its own, so that a
// Ctrl-C reaches only the program that started it, and is killed by the kernel
// when that program dies. Nothing here sleeps: what another process does is
// awaited with [Until], which asks again until a deadline.
//
// Configurations are the shipped files, changed at named places ([Config.Set]);
// a place that is not there is an error, so a test cannot drift away from the
// file that users start from.
package harness
