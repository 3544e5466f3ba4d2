// Package symbolon holds the words of dual-actor authorization.
//
// Behind each request of a contact centre stand two people: the [Actor], who
// acts (an employee, a vendor's agent, a service), and the [Subject], the
// customer whose account it is. A [Principal] is what is known of both, and it
// exists only after credentials or a token have been checked. The names are
// those of RFC 8693: act and sub.
//
// Most programs make one [Realm] with [NewRealm] and hand it to the engines:
//
//	authn   who is it?           sign-in, interactions, challenges
//	token   Principal to bytes   and back
//	authz   may they?            a Guard gives a Grant, or says what is missing
//	audit   who did what for whom
//
// A host brings a storage.Store, an [ActorDirectory] and a [SubjectDirectory];
// [ActorMap] and [SubjectMap] serve tests and first programs. The example on
// this page is a whole program.
//
// Nothing here is global. Two realms in one process share no state, and a
// Principal of one is refused by the engines of the other.
package symbolon
