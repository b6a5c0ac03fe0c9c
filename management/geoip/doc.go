// Package geoip tells where a network is, by a MaxMind database that an
// operator gives (GeoIP2 or GeoLite2, City or Enterprise). It imports
// management/anomaly, whose detector of journeys asks it.
//
// # What happens when things fail
//
//	file missing, truncated, corrupt, or of another type  [Open] answers an
//	         error that names file, problem and remedy
//	file replaced by such a one while the process runs    the old one stays in
//	         use; one line in the log for each such file, and
//	         credence_geoip_reload_failures_total
//	network not in it, or of no certain place             it has no place: the
//	         detector finds nothing about it
//
// The file is read into memory, and not mapped: a mapped file that somebody
// writes to would end the process.
package geoip
