package authn

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
)

// Key is what a service signs in with: 256 random bits behind the id of its
// owner. It neither prints nor marshals; only a hash of it is stored.
type Key struct{ hidden }

// KeyFromString takes a key that was revealed before, such as from a configuration.
// Whether it is a key at all shows when it is used.
func KeyFromString(s string) Key { return Key{hide(s)} }

type keyRecord struct {
	Hash []byte    `json:"hash"` // of the secret, which is random, so a fast hash is enough (AU-26)
	Made time.Time `json:"made"`
}

// KeyInfo tells of a key what may be shown.
type KeyInfo struct {
	ID   string // as in [Key.ID]
	Made time.Time
}

// ID returns the part of a key that is no secret and names it, and the empty
// string if it is none.
func (k Key) ID() string {
	if part := strings.Split(k.Reveal(), "."); len(part) == 5 && part[0] == keyKind {
		return part[2]
	}
	return ""
}

const (
	keySecret = 32       // bytes
	keyKind   = "symkey" // so that scanners for leaked secrets can recognise one
)

var b64 = base64.RawURLEncoding.Strict()

// newKey returns the text of a key: kind, owner, id, secret and a tag, by which
// a key that we never made is refused before the store is asked.
func (a *Actors) newKey(actor symbolon.ActorID, id string, secret []byte) Key {
	return KeyFromString(tagged(a.keys, keyKind, b64.EncodeToString([]byte(actor)), id, b64.EncodeToString(secret)))
}

func (a *Actors) splitKey(k Key) (actor symbolon.ActorID, id string, secret []byte, ok bool) {
	part := untagged(a.keys, k.Reveal())
	if len(part) != 4 || part[0] != keyKind {
		return "", "", nil, false
	}
	owner, err1 := b64.DecodeString(part[1])
	secret, err2 := b64.DecodeString(part[3])
	return symbolon.ActorID(owner), part[2], secret, err1 == nil && err2 == nil
}

const tagBytes = 16

// tagged joins parts, of which none has a dot, with a tag that only we can make.
func tagged(mac func(...string) []byte, part ...string) string {
	body := strings.Join(part, ".")
	return body + "." + b64.EncodeToString(mac(body)[:tagBytes])
}

// untagged returns the parts of what tagged made, and nil for anything else.
func untagged(mac func(...string) []byte, s string) []string {
	cut := strings.LastIndexByte(s, '.')
	if cut < 0 || len(s) > 512 {
		return nil
	}
	tag, err := b64.DecodeString(s[cut+1:])
	if err != nil || !hmac.Equal(tag, mac(s[:cut])[:tagBytes]) {
		return nil
	}
	return strings.Split(s[:cut], ".")
}

// SignInKey checks a service's key and returns its Principal, which ends with the
// key, and with the absolute end of a session at the latest. A person has no key,
// whatever they were when it was made, and nobody comes in whose organisation is
// not in the tree. It writes nothing, so it may be called for each request.
// Every key that is not valid now is one [ErrRefused].
func (a *Actors) SignInKey(ctx context.Context, k Key) (symbolon.Principal, error) {
	id, keyID, secret, ok := a.splitKey(k)
	if !ok {
		return symbolon.Principal{}, refuse(ReasonWrong)
	}
	f := symbolon.Facts{Actor: symbolon.Actor{ID: id}}
	lim, err := a.current(ctx, &f)
	switch {
	case err != nil:
		return symbolon.Principal{}, failed(err)
	case f.Actor.Kind.Human():
		return symbolon.Principal{}, refuse(ReasonNotYours)
	}
	st := &f.Stamps
	st.Actor, st.Session = string(id), "key/"+keyID
	shard, names := stamp.Actor(*st)
	v, err := a.space.Read(ctx, shard, names...)
	if err != nil {
		return symbolon.Principal{}, failed(err)
	}
	rec, ok, err := table.Get[keyRecord](v, names[1])
	sum := sha256.Sum256(secret)
	if err != nil || !ok || !hmac.Equal(rec.Hash, sum[:]) {
		return symbolon.Principal{}, refuse(ReasonWrong)
	}
	party, ok, err := table.Get[stamp.Party](v, names[0])
	if err != nil || !ok {
		return symbolon.Principal{}, refuse(ReasonOver)
	}
	st.ActorEpoch = party.Epoch
	now := v.Now().Truncate(time.Second)
	f.ActorProof = symbolon.Verification{}.With(symbolon.Proof{Method: symbolon.MethodKey, At: now})
	f.Limits = symbolon.Limits{NotAfter: now.Add(lim.absolute), Token: lim.token}
	return symbolon.Seal(seal.Ours(), a.realm, f)
}
