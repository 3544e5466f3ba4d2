// Package password stores passwords so that a thief of the store cannot read them, and says which ones to refuse.
//
// Make one [Hasher] for the whole process with [NewHasher]: it bounds how many passwords are hashed at a time, because
// each takes 19 MiB. Take a [Slot] with [Hasher.Acquire], then [Slot.Hash] a new password or [Slot.Verify] one that was
// typed. Whoever has nothing to verify against, because the login is unknown, calls [Slot.Dummy] and takes as long. A
// [Pepper] keeps the hashes under a key of each account; [Hasher.For] then says whose they are.
//
// A [Policy] is data. [Policy.Check] says what is wrong with a new password in words that a person can follow,
// [Policy.Change] computes the [Record] that would follow from a change, and [Policy.Status] says what a right password
// means today. [NIST] and its like are ready policies, and [Combine] makes one of several.
//
// A password counts byte for byte after Unicode normalization (NFC), whole. What cannot be taken whole is refused by
// [Usable]. This package does not count guesses; package lockout does.
package password

import (
	"errors"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// These refuse a password before anything is hashed or counted. They are no failed guess, and say nothing of the account.
var (
	ErrEmpty    = errors.New("password: it is empty; ask for one")
	ErrTooLong  = errors.New("password: it is longer than 4096 bytes; ask for a shorter one")
	ErrEncoding = errors.New("password: it is not valid UTF-8; send it as UTF-8")
)

// ErrUnchecked refuses a new password for the time being: a [Source] did not answer. Try again later.
var ErrUnchecked = errors.New("it could not be looked up among those that are known to thieves; try again later")

// Usable reports whether a password can be hashed at all: neither empty nor above [MaxBytes], and valid UTF-8. Call it
// before an attempt is counted. The error is [ErrEmpty], [ErrTooLong] or [ErrEncoding].
func Usable(password string) error {
	switch {
	case password == "":
		return ErrEmpty
	case len(password) > MaxBytes: // first: normalizing megabytes is work that a stranger must not order
		return ErrTooLong
	case !utf8.ValidString(password): // would become U+FFFD somewhere, and many passwords one
		return ErrEncoding
	}
	return nil
}

// normal is the form in which a usable password is counted, hashed and compared: the same on every keyboard.
func normal(password string) string { return norm.NFC.String(password) }
