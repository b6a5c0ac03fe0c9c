// Package limit is the arithmetic of limits: GCRA (the generic cell rate
// algorithm) as a pure function of a limit, the stored theoretical arrival
// time and the present instant. It keeps no state and reads no clock; those
// who keep the state are extauthz/limiter (memory) and store/redis.
package limit
