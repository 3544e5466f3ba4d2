package token

import (
	"encoding/base64"
	"strings"
)

// kind is what a token stands for; each has a typ of its own, and its claims
// are refused under the typ of another (TK-16).
type kind uint8

const (
	employee  kind = iota + 1 // an employee alone: sub is the employee
	composite                 // an employee for a customer: sub is the customer, act the employee
)

var typs = [...]string{
	employee:  "symbolon-employee+jwt",
	composite: "at+jwt", // RFC 9068
}

// kindOf returns the kind that a header's typ names, and 0 for any other.
func kindOf(typ string) kind {
	switch typ {
	case typs[employee]:
		return employee
	case typs[composite], "application/at+jwt": // the long form of the same media type (TK-01)
		return composite
	}
	return 0
}

// strict refuses the unused bits of a last character: a token must have one
// spelling, or whatever is kept by its hash can be walked around.
var strict = base64.RawURLEncoding.Strict()

// frame is a token's text taken apart, nothing of it decoded.
type frame struct {
	header, payload, signature string
	input                      string // header and payload, what is signed
}

// split takes a compact JWS apart: three parts, and no byte in them that is not
// base64url (TK-08). JSON serialization, padding, line breaks and a fourth part
// fail here, before anything is parsed.
func split(text string) (frame, error) {
	if len(text) > maxToken {
		return frame{}, refuse("framing: too long")
	}
	var dot [2]int
	dots := 0
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		case c == '.' && dots < len(dot):
			dot[dots] = i
			dots++
		default:
			return frame{}, refuse("framing: not three parts of base64url")
		}
	}
	if dots < len(dot) {
		return frame{}, refuse("framing: not three parts of base64url")
	}
	return frame{
		header:    text[:dot[0]],
		payload:   text[dot[0]+1 : dot[1]],
		signature: text[dot[1]+1:],
		input:     text[:dot[1]],
	}, nil
}

// header is all that a token may say about itself.
type header struct{ alg, kid, typ string }

// writeHeader returns the encoded header of our own tokens.
func writeHeader(h header) string {
	b := appendText(nil, `{"alg":`, h.alg)
	b = appendText(b, `,"kid":`, h.kid)
	b = appendText(b, `,"typ":`, h.typ)
	return strict.EncodeToString(append(b, '}'))
}

// readHeader reads an encoded header. Any member but alg, kid and typ is
// refused: crit, b64 and zip change what the rest means (TK-10), and jwk, jku,
// x5u and x5c would have the sender choose the key (TK-04).
func readHeader(encoded string) (header, error) {
	if strict.DecodedLen(len(encoded)) > maxHeader {
		return header{}, refuse("header: too long")
	}
	text, err := strict.DecodeString(encoded)
	if err != nil {
		return header{}, refuse("header: not canonical base64url")
	}
	var h header
	err = scan(string(text), func(s *scanner, name string) error {
		switch name {
		case "alg":
			return readText(s, &h.alg)
		case "kid":
			return readText(s, &h.kid)
		case "typ":
			return readText(s, &h.typ)
		}
		return refuse("header: a member that is not alg, kid or typ")
	})
	if err == errJSON {
		err = refuse("header: not strict JSON")
	}
	return h, err
}

// validName reports whether an issuer, an audience or a client can be written
// into a token.
func validName(s string) bool {
	return s != "" && len(s) <= maxName && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= 0x20 || r >= 0x7f // URIs and the names of clients are ASCII
	})
}
