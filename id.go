package symbolon

import (
	"fmt"
	"unicode/utf8"
)

// The ids are distinct types, so that an account cannot be passed where a
// customer is meant. Each is 1 to 128 bytes of UTF-8 without control
// characters; the zero value is no id. A telephone number is not an id: it can
// move to somebody else (AU-09).
type (
	// ActorID names who acts, uniquely within a realm.
	ActorID string
	// SubjectID names a customer, uniquely within a realm.
	SubjectID string
	// PersonID names a human being across all their accounts, as the host's
	// people system knows them.
	PersonID string
	// OrgID names an organisation of the tree.
	OrgID string
	// AccountID names the account of a customer.
	AccountID string
	// InteractionID names a call, chat or visit; authn draws it.
	InteractionID string
)

const maxID = 128 // bytes; a stored name holds three of them, escaped, within 512 and more

// ParseID checks an id that came from outside and returns it as the type asked
// for. The error wraps ErrInvalid and never repeats the id.
func ParseID[T ~string](s string) (T, error) {
	switch {
	case s == "":
		return "", fmt.Errorf("%w: id is empty", ErrInvalid)
	case len(s) > maxID:
		return "", fmt.Errorf("%w: id has %d bytes, at most %d are allowed", ErrInvalid, len(s), maxID)
	case !utf8.ValidString(s):
		return "", fmt.Errorf("%w: id is not valid UTF-8", ErrInvalid)
	}
	for _, r := range s {
		if r < 0x20 || r >= 0x7f && r <= 0x9f { // no line breaks into logs (AU-04)
			return "", fmt.Errorf("%w: id has a control character", ErrInvalid)
		}
	}
	return T(s), nil
}

func validID[T ~string](id T) bool {
	_, err := ParseID[T](string(id))
	return err == nil
}
