package snapshot

import (
	"crypto/sha256"
	"os"
	"strconv"
	"strings"
	"time"
)

// Machine is a moment by the machine's own clock, which nobody sets.
type Machine struct {
	Boot   [markSize]byte // tells a start of the machine from every other; zero when unknown
	Uptime time.Duration  // since then
}

// ThisMachine reads it, where the system is Linux; else it is unknown.
func ThisMachine() Machine {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return Machine{}
	}
	uptime, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return Machine{}
	}
	first, _, _ := strings.Cut(string(uptime), " ")
	seconds, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return Machine{}
	}
	sum := sha256.Sum256(boot)
	return Machine{Boot: [markSize]byte(sum[:]), Uptime: time.Duration(seconds * float64(time.Second))}
}
