package token

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/stamp"
)

// Verify returns the Principal of a token, with both parties as the directories
// know them now, if the token is one of ours and everything that it rests on is
// still live. The Principal ends with the token at the latest.
//
// Whatever is wrong with the token gives a [*Refusal], with the text of
// [ErrRefused]. If the store or a directory cannot answer, the error wraps
// [symbolon.ErrUnavailable], and there is no Principal either.
func (t *Tokens) Verify(ctx context.Context, raw Raw) (symbolon.Principal, error) {
	c, err := t.open(raw.Reveal(), t.parts.Now())
	if err != nil {
		return symbolon.Principal{}, err
	}
	f, err := t.facts(ctx, c)
	if err != nil {
		return symbolon.Principal{}, err
	}
	if err := stamp.Check(ctx, t.space, f.Stamps); err != nil {
		return symbolon.Principal{}, checked(err, refuse("not live: "+err.Error()))
	}
	p, err := symbolon.Seal(seal.Ours(), t.realm, f)
	if err != nil {
		return symbolon.Principal{}, refuse("claims that contradict each other: " + err.Error())
	}
	return p, nil
}

// VerifyRequest verifies the token of a request: the one in its one
// Authorization header, with the scheme Bearer. A token in the query is not
// looked at: addresses end up in logs and in histories (TK-23).
func (t *Tokens) VerifyRequest(r *http.Request) (symbolon.Principal, error) {
	fields := r.Header.Values("Authorization")
	if len(fields) != 1 { // two of them: a proxy and we could each believe another
		return symbolon.Principal{}, refuse("request: not exactly one Authorization header")
	}
	scheme, text, _ := strings.Cut(fields[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return symbolon.Principal{}, refuse("request: not a bearer token")
	}
	return t.Verify(r.Context(), FromString(strings.TrimLeft(text, " ")))
}

// open returns what a token says, if it is one of ours, for us, and its time is
// now. Nothing of a token is believed, and nothing but its header read, before
// its signature holds.
func (t *Tokens) open(text string, now time.Time) (claims, error) {
	f, err := split(text)
	if err != nil {
		return claims{}, err
	}
	who, err := t.speaker(f.header)
	if err != nil {
		return claims{}, err
	}
	sig, err := strict.DecodeString(f.signature)
	input := []byte(f.input)
	switch {
	case err != nil:
		return claims{}, refuse("signature: not canonical base64url")
	case who.key.over(now):
		return claims{}, refuse("header: a key whose time is over")
	case who.key.key.Verify(input, sig) != nil:
		return claims{}, refuse("signature: does not hold")
	}
	var room [1024]byte // holds the claims of most tokens without an allocation
	payload, err := strict.AppendDecode(room[:0], input[len(input)-len(f.payload):])
	if err != nil {
		return claims{}, refuse("claims: not canonical base64url")
	}
	c, err := readClaims(who.kind, string(payload))
	if err != nil {
		return claims{}, err
	}
	return c, t.ours(&c, now)
}

// speaker finds out who signs and what. A header as we write it is known by
// heart; any other spelling is read.
func (t *Tokens) speaker(encoded string) (speaker, error) {
	if s, ok := t.known[encoded]; ok {
		return s, nil
	}
	h, err := readHeader(encoded)
	if err != nil {
		return speaker{}, err
	}
	k, ok := t.keys[h.kid] // it goes nowhere else (TK-17)
	s := speaker{k, kindOf(h.typ)}
	switch {
	case !ok:
		err = refuse("header: a kid that we do not know")
	case !k.key.Algorithm().Named(h.alg): // the key says how it is used, never the header (TK-03)
		err = refuse("header: an alg that is not the key's")
	case s.kind == 0:
		err = refuse("header: a typ that is not ours")
	}
	return s, err
}

// ours checks for whom and when the claims hold.
func (t *Tokens) ours(c *claims, now time.Time) error {
	ahead := now.Add(t.skew)
	switch {
	case c.issuer != t.config.Issuer:
		return refuse("claims: another issuer")
	case c.tenant != t.parts.Tenant: // one key may be used for two tenants by mistake
		return refuse("claims: another tenant")
	case !slices.Contains(c.audience, t.config.Audience):
		return refuse("claims: another audience")
	case c.issued.After(ahead) || c.notBefore.After(ahead):
		return refuse("claims: of the future")
	case !now.Before(c.expires): // to the second: the skew is for clocks that are ahead, not for sessions that are over
		return refuse("claims: expired")
	}
	return nil
}

// facts asks the directories who the parties are today.
func (t *Tokens) facts(ctx context.Context, c claims) (symbolon.Facts, error) {
	id := c.sub
	if c.kind == composite {
		id = c.act
	}
	actor, err := t.parts.Actor(ctx, symbolon.ActorID(id))
	if err != nil {
		return symbolon.Facts{}, checked(err, refuse("actor: unknown or disabled"))
	}
	f := symbolon.Facts{
		Actor:      actor,
		ActorProof: symbolon.Verification{Proofs: c.actor.proofs},
		Limits:     symbolon.Limits{NotAfter: c.expires},
		Stamps: seal.Stamps{Actor: id, ActorEpoch: c.actor.epoch, Session: c.actor.session,
			Orgs: stamp.Orgs(actor.Org, actor.Orgs...)},
	}
	if c.kind == employee {
		return f, nil
	}
	subject, err := t.parts.Subject(ctx, symbolon.SubjectID(c.sub))
	if err != nil {
		return symbolon.Facts{}, checked(err, refuse("subject: unknown"))
	}
	f.Claimed, f.Proved = &subject, true
	f.SubjectProof.Proofs = c.subject.proofs
	f.Interaction = c.contact.Interaction
	f.Stamps.Subject, f.Stamps.SubjectEpoch = c.sub, c.subject.epoch
	f.Stamps.Interaction, f.Stamps.Leg, f.Stamps.Verification = string(c.contact.ID), c.contact.leg, c.contact.verification
	return f, nil
}

// checked returns the refusal, or, if nobody could tell, what to do about that.
func checked(err, refusal error) error {
	if errors.Is(err, symbolon.ErrUnavailable) {
		return fmt.Errorf("token: try again: %w", err)
	}
	return refusal
}
