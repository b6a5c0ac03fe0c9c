// Package redisserver starts real Redis servers for tests, each with a
// temporary folder and a free port of its own: a single server, a master with
// replicas under Sentinels, a Cluster of six processes.
//
// The program redis-server is looked for in PATH. Without it a test fails with
// the command that installs it; nothing is skipped. A server dies with the test
// program (the kernel's parent-death signal; Linux only).
package redisserver
