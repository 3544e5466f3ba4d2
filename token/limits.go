package token

import "time"

// Every bound of the package, each with its reason.
const (
	maxToken   = 8 << 10 // bytes; what common proxies still forward in one header
	maxHeader  = 1 << 10 // bytes, decoded; ours has about 100, and it is read before the signature is checked
	maxDepth   = 8       // nested values; ours has 4, and recursion must end
	maxMembers = 64      // of one object or array; names are compared pairwise

	maxName = 512 // bytes of an issuer, an audience, a client: they are URLs at most

	maxTime = 253402300799 // the last second of the year 9999

	defaultLifetime = 5 * time.Minute  // of a token, both kinds
	maxLifetime     = time.Hour        // an access token that lives longer is a session
	maxComposite    = 5 * time.Minute  // of one that carries a customer: whoever holds it can use it (S18)
	defaultSkew     = 30 * time.Second // between the clocks of issuer and verifier
	maxSkew         = 5 * time.Minute  // beyond that it is not skew, the clock is wrong (TK-07)
)
