package storage

// Ephemeral is implemented by stores that may forget a commit which has returned
// nil: their engine answers before it has made sure that another server, or a
// disk, has it too. Such a store keeps what may be lost, as replay markers and
// nonces may; forgetting a lock or a revocation would reopen what was closed.
//
// Ephemeral returns a phrase that says how it forgets, for the error that
// refuses it. The empty phrase says that it does not, in the configuration at
// hand. Ask with [Forgets], which also looks through wrappers.
type Ephemeral interface {
	Ephemeral() string
}

// Forgets returns how s forgets, or the empty string when it does not say so.
// A store that wraps another one has a method Unwrap() Store, so that nobody
// makes an ephemeral store durable by wrapping it.
func Forgets(s Store) string {
	for s != nil {
		if e, ok := s.(Ephemeral); ok {
			return e.Ephemeral()
		}
		w, ok := s.(interface{ Unwrap() Store })
		if !ok {
			break
		}
		s = w.Unwrap()
	}
	return ""
}
