package storage

import "errors"

// ErrUnavailable is what the library wraps around an error of a store whose
// outcome the caller must take for a refusal: it may be sent again.
var ErrUnavailable = errors.New("temporarily unavailable")
