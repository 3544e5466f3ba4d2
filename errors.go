package symbolon

import (
	"errors"

	"github.com/symbolon-auth/symbolon/storage"
)

// The classes of errors that every package of this module wraps, so that an
// edge such as an HTTP handler can tell them apart without knowing the package.
var (
	// ErrRefused is wrapped by every refusal: the caller may not, and asking
	// again in the same way will not help. Its text never says why.
	ErrRefused = errors.New("refused")

	// ErrUnavailable is wrapped when a store or a directory could not answer.
	// The request was refused because of it and may be sent again.
	ErrUnavailable = storage.ErrUnavailable

	// ErrNotFound is what a directory returns for a login or an id that it does
	// not know. Any other error of a directory counts as ErrUnavailable.
	ErrNotFound = errors.New("not found")

	// ErrInvalid is wrapped when the caller's own input is malformed; the text
	// names the field and what is wrong with it. Nothing was counted or changed.
	ErrInvalid = errors.New("invalid input")
)
