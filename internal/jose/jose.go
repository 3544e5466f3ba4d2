// Package jose signs and verifies JOSE signing inputs, and knows nothing else.
//
// It is the only package that imports the JOSE library. What arrives here has
// been framed by package token; what leaves is a signature, or the answer
// whether one holds. A [Key] carries its algorithm, so that no header can
// choose one, and no call of the library can panic through this package.
package jose

import (
	"errors"
	"fmt"
)

// Algorithm is a JWS signature algorithm that this package can use. It belongs
// to a key and is never taken from a token.
type Algorithm int

const (
	// EdDSA is Ed25519 (RFC 8032), the only curve that RFC 8037 names and we
	// accept.
	EdDSA Algorithm = iota + 1
)

// String returns the name that we write into a header: the one of RFC 8037,
// which every peer reads.
func (a Algorithm) String() string {
	if a == EdDSA {
		return "EdDSA"
	}
	return "invalid"
}

// Named reports whether a header's alg names this algorithm, compared by case.
// Ed25519 is the name that RFC 9864 gives to what RFC 8037 calls EdDSA.
func (a Algorithm) Named(alg string) bool {
	return a == EdDSA && (alg == "EdDSA" || alg == "Ed25519")
}

// ErrSignature says that a signature does not hold, whatever the reason.
var ErrSignature = errors.New("jose: the signature does not hold")

// contain turns a panic of the library into an error. Earlier versions of it
// could be made to panic by a sender without any key, and a panic in a request
// is an outage for sale.
func contain(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("jose: the library panicked (%T)", p)
	}
}
